//! What a crash leaves behind does not keep the folder from opening.

use std::io::Write;

use mailwright::model::MessageId;
use mailwright::model::state::MessageState;
use mailwright::store::StoreError;

use super::*;

/// Several segments, and a log of sled's that reaches past its first one.
async fn filled(folder: &Path) {
    lives(folder, async |store| {
        ready(store, "news").await;
        for n in 1..=100 {
            enqueue(store, 0, bulky(n, 4_000)).await;
        }
    })
    .await;
}

async fn is_whole(folder: &Path) {
    lives(folder, async |store| {
        for n in 1..=100 {
            assert_eq!(store.body(&mid(n)).await, Ok(Some(body(n, 4_000))));
        }
        assert_eq!(claim(store, 0).await.len(), 10);
        enqueue(store, 0, bulky(101, 4_000)).await;
        assert_eq!(store.body(&mid(101)).await, Ok(Some(body(101, 4_000))));
    })
    .await;
}

#[tokio::test]
async fn a_half_written_snapshot_is_removed() {
    let folder = folder::fresh();
    filled(&folder).await;
    let path = folder.join("rows/snap.7FFFFFFFFFFFFFFF.generating");
    std::fs::write(&path, "half of a snapsh").unwrap();
    is_whole(&folder).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_damaged_snapshot_is_set_aside() {
    let folder = folder::fresh();
    filled(&folder).await;
    for path in files(&folder.join("rows"), "") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("snap.") {
            std::fs::write(path, [7; 40]).unwrap();
        }
    }
    std::fs::write(folder.join("rows/snap.7FFFFFFFFFFFFFFF"), [7; 40]).unwrap();
    is_whole(&folder).await;
    let aside = folder.join("rows/aside.snap.7FFFFFFFFFFFFFFF");
    assert_eq!(std::fs::read(aside).unwrap(), [7; 40]);
}

#[tokio::test]
async fn a_torn_tail_of_a_segment_is_not_read() {
    let folder = folder::fresh();
    filled(&folder).await;
    let newest = files(&folder.join("segments"), ".seg").pop().unwrap();
    let mut file = std::fs::File::options().append(true).open(newest).unwrap();
    // The header of a record that never came.
    file.write_all(&[0, 0, 16, 0, 1, 2, 3, 4, 0, 27, 12])
        .unwrap();
    drop(file);
    is_whole(&folder).await;
}

#[tokio::test]
async fn a_segment_without_a_row_is_removed() {
    let folder = folder::fresh();
    filled(&folder).await;
    let stray = folder.join("segments/00009999.seg");
    std::fs::write(&stray, b"mwseg\0\0\x01 torn").unwrap();
    is_whole(&folder).await;
    assert!(!stray.exists());
}

#[tokio::test]
async fn a_body_that_was_changed_is_not_delivered() {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        enqueue(store, 0, bulky(1, 4_000)).await;
    })
    .await;
    let segment = files(&folder.join("segments"), ".seg").pop().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    lives(&folder, async |store| {
        let read = store.body(&mid(1)).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
        assert_eq!(claim(store, 0).await.len(), 1, "the rows are whole");
    })
    .await;
}

#[tokio::test]
async fn a_segment_that_is_gone_is_said_to_be() {
    let folder = folder::fresh();
    filled(&folder).await;
    let oldest = files(&folder.join("segments"), ".seg").remove(0);
    std::fs::remove_file(oldest).unwrap();
    let error = open(&folder, 7, folder::SMALL).err().unwrap();
    assert!(
        error.to_string().contains("00000001.seg is missing"),
        "{error}"
    );
}

/// Cuts the record of a message short.
fn spoil(folder: &Path, id: &MessageId) {
    /// `store::rows::tables::MESSAGES`
    const MESSAGES: u8 = 9;
    let rows = raw(folder);
    let is_its_own = |key: &[u8]| key.windows(26).any(|text| text == id.as_str().as_bytes());
    let of_messages = rows.scan_prefix([MESSAGES]).map(|row| row.unwrap());
    let mut found: Vec<_> = of_messages.filter(|(key, _)| is_its_own(key)).collect();
    let (key, record) = found.pop().unwrap();
    assert!(found.is_empty());
    rows.insert(key, &record[..record.len() / 2]).unwrap();
    rows.flush().unwrap();
}

/// Two mailboxes with a message each, of which that of the first can't be read.
async fn spoilt() -> PathBuf {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        for (n, service) in [(1, "news"), (2, "other")] {
            ready(store, service).await;
            let mut new = message(service, n);
            new.message.expire_time = at(10);
            enqueue(store, 0, new).await;
        }
    })
    .await;
    spoil(&folder, &mid(1));
    folder
}

#[tokio::test]
async fn a_message_that_cannot_be_read_keeps_only_its_own_mailbox() {
    lives(&spoilt().await, async |store| {
        let mut claimed = Vec::new();
        // The first look puts the mailbox off, and its commit is what another one waits for.
        for _ in 0..2 {
            claimed.extend(
                claim(store, 1)
                    .await
                    .into_iter()
                    .map(|c| c.claim.message_id),
            );
        }
        assert_eq!(claimed, [mid(2)]);
        let read = store.message(&mid(1)).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
        assert_eq!(claim(store, 3_601).await, [], "it is looked at again");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_lets_others_expire() {
    lives(&spoilt().await, async |store| {
        assert_eq!(store.expire_due(at(10), 9).await, Ok(1));
        let (other, _) = store.message(&mid(2)).await.unwrap().unwrap();
        assert_eq!(other.message.state, MessageState::Expired);
        assert_eq!(store.expire_due(at(10), 9).await, Ok(0));
        assert_eq!(store.expire_due(at(3_610), 9).await, Ok(0));
    })
    .await;
}
