//! The disk runs full: new mail is refused, the old ends, and with room everything goes on.

use mailwright::model::state::MessageState;
use mailwright::store::{Enqueued, NewMessage, Store, StoreError};

use super::device::{self, Bench};
use super::*;

const MIB: u64 = 1024 * 1024;

const OPTIONS: Options = Options {
    segment_bytes: 8 * MIB,
    reserve_bytes: 16 * MIB,
};

/// A small disk, and a folder on it.
fn small_disk(test: &str) -> Option<(Bench, PathBuf)> {
    let bench = device::bench(test)?;
    let image = bench.path("small.img");
    device::format(&image, 96, &[]);
    let folder = bench.mount(&image, "small").join("store");
    Some((bench, folder))
}

fn start(folder: &Path) -> Shared {
    std::sync::Arc::new(open(folder, 7, OPTIONS).unwrap())
}

/// Another program takes all that is left but for so many bytes.
fn fill(bench: &Bench, name: &str, but: u64) {
    device::fill(&bench.path("small").join(name), but);
}

fn leave(bench: &Bench, name: &str) {
    std::fs::remove_file(bench.path("small").join(name)).unwrap();
}

fn bulk(n: u32) -> NewMessage {
    bulky(n, 200_000)
}

/// Whether mail was refused for want of room.
pub fn is_full(outcome: &Result<Enqueued, StoreError>) -> bool {
    let Err(StoreError::Unavailable(why)) = outcome else {
        return false;
    };
    why.starts_with("the disk is full")
}

/// Takes mail in until there is no room for any more; how many there were.
async fn until_full(store: &Shared) -> u32 {
    for n in 1.. {
        let outcome = store.enqueue(at(0), bulk(n)).await;
        if is_full(&outcome) {
            return n - 1;
        }
        outcome.unwrap();
    }
    unreachable!("no disk is that large");
}

/// Delivers one turn of what is due; the numbers that ended.
async fn deliver(store: &Shared) -> Result<Vec<u32>, StoreError> {
    let mut ended = Vec::new();
    for claimed in store.claim_due(at(1), 10).await? {
        store.mark_dot(at(1), &claimed.claim).await?;
        let finished = accepted(&claimed.claim);
        store.finish(at(1), &claimed.claim, finished).await?;
        let header = claimed.message.message.message_id_header;
        ended.push(parse(header.trim_matches('<').split('@').next().unwrap()));
    }
    Ok(ended)
}

async fn are_whole(store: &Shared, numbers: impl Iterator<Item = u32>) {
    for n in numbers {
        let kept = store.body(&mid(n)).await;
        assert!(kept == Ok(Some(body(n, 200_000))), "{n}");
    }
}

/// Takes mail in again, after at most so many refusals as compaction may need to find room.
async fn takes_mail(store: &Shared, n: u32) {
    for _ in 0..2_000 {
        let outcome = store.enqueue(at(2), bulk(n)).await;
        if !is_full(&outcome) {
            outcome.unwrap();
            return are_whole(store, n..=n).await;
        }
    }
    panic!("it never took mail in again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_full_of_mail_refuses_more_and_drains() {
    let Some((_bench, folder)) = small_disk("a disk full of mail") else {
        return;
    };
    let store = start(&folder);
    ready(&store, "news").await;
    let count = until_full(&store).await;
    assert!(count > 150, "{count}");
    are_whole(&store, (1..=count).step_by(10)).await;
    let mut ended = Vec::new();
    while ended.len() < count as usize {
        ended.extend(deliver(&store).await.unwrap());
    }
    takes_mail(&store, count + 1).await;
    drop(store);
    let store = start(&folder);
    are_whole(&store, count + 1..=count + 1).await;
    for n in 1..=count {
        assert_eq!(state(&store, n).await, MessageState::Sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_others_fill_lets_the_old_end_and_recovers_by_itself() {
    let Some((bench, folder)) = small_disk("a disk that others fill") else {
        return;
    };
    let store = start(&folder);
    ready(&store, "news").await;
    for n in 1..=60 {
        enqueue(&store, 0, bulk(n)).await;
    }
    fill(&bench, "others", 0);
    assert!(is_full(&store.enqueue(at(0), bulk(61)).await));
    let mut ended = Vec::new();
    while ended.len() < 60 {
        ended.extend(deliver(&store).await.unwrap());
    }
    assert!(!folder.join("reserve").exists(), "it was given up");
    // What came free goes as well.
    fill(&bench, "more", 0);
    assert!(is_full(&store.enqueue(at(0), bulk(61)).await));
    leave(&bench, "more");
    leave(&bench, "others");
    takes_mail(&store, 61).await;
    assert_eq!(
        std::fs::metadata(folder.join("reserve")).unwrap().len(),
        OPTIONS.reserve_bytes
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_starts_on_a_full_disk_and_delivers() {
    let Some((bench, folder)) = small_disk("starting on a full disk") else {
        return;
    };
    let store = start(&folder);
    ready(&store, "news").await;
    for n in 1..=60 {
        enqueue(&store, 0, bulk(n)).await;
    }
    drop(store);
    fill(&bench, "others", 0);
    let store = start(&folder);
    store.recover(at(0)).await.unwrap();
    assert!(is_full(&store.enqueue(at(0), bulk(61)).await));
    let mut ended = Vec::new();
    while ended.len() < 60 {
        ended.extend(deliver(&store).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_room_the_store_fails_and_the_next_one_has_everything() {
    loses_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_hardly_any_room_nothing_is_lost() {
    loses_nothing(700_000).await;
}

/// The last room goes but for so many bytes, time and again. Without any the store fails; with some
/// it may end all its mail, where sled's log finds room in itself.
async fn loses_nothing(but: u64) {
    let Some((bench, folder)) = small_disk("a disk without any room") else {
        return;
    };
    let store = std::sync::Arc::new(open(&folder, 7, OPTIONS).unwrap());
    let shared: Shared = store.clone();
    ready(&shared, "news").await;
    for n in 1..=60 {
        enqueue(&shared, 0, bulk(n)).await;
    }
    let mut ended = Vec::new();
    let mut fills = 0;
    loop {
        // Also what it gave up.
        fill(&bench, &format!("others-{fills}"), but);
        fills += 1;
        match deliver(&shared).await {
            Ok(more) if more.is_empty() && but > 0 => break,
            Ok(more) if more.is_empty() => match shared.recover(at(1)).await {
                Ok(()) => {}
                Err(_) => break,
            },
            Ok(more) => ended.extend(more),
            Err(_) => break,
        }
        assert!(fills < 1_000, "it never failed");
    }
    if but == 0 {
        fails_for_want_of_room(&store).await;
    }
    drop((store, shared));
    if but == 0 {
        let refused = open_after_failure(&folder).err().unwrap().to_string();
        assert!(refused.starts_with("the disk is full"), "{refused}");
    }
    for n in 0..fills {
        leave(&bench, &format!("others-{n}"));
    }
    let store: Shared = std::sync::Arc::new(open_after_failure(&folder).unwrap());
    store.recover(at(1)).await.unwrap();
    for n in &ended {
        assert_eq!(state(&store, *n).await, MessageState::Sent);
    }
    for n in (1..=60).filter(|n| !ended.contains(n)) {
        if state(&store, n).await != MessageState::Sent {
            are_whole(&store, n..=n).await;
        }
    }
    takes_mail(&store, 61).await;
}

/// Opens what has failed in this process: a thread of sled's own may hold its file for a moment longer
/// than the store lived. A process that ends lets go of it at once.
fn open_after_failure(folder: &Path) -> Result<SledStore, OpenError> {
    for _ in 0..100_000 {
        match open(folder, 8, OPTIONS) {
            Err(error) if error.to_string().contains("could not acquire lock") => {
                std::thread::yield_now();
            }
            opened => return opened,
        }
    }
    panic!("sled never let go of its file");
}

async fn fails_for_want_of_room(store: &SledStore) {
    let why = store.failed().await;
    assert!(why.contains("No space left on device"), "{why}");
    let refused = store.recover(at(1)).await;
    assert_eq!(refused, Err(StoreError::Unavailable(why)));
}
