//! Aborts at every durable step of accepting, trimming and compacting: the next process finds what
//! was acknowledged, and can go on.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::segments::{churn, until_small};
use super::*;

/// Set for the child: the folder to live in.
const FOLDER: &str = "CRASH_FOLDER";

const COUNT: u32 = 200;

/// What waits for a time to come, while its neighbours are delivered.
fn old(n: u32) -> bool {
    n.is_multiple_of(20)
}

/// Delivers, keeps some, notes which it was told are kept; then trims and compacts.
async fn live(folder: &Path) {
    let mut notes = std::fs::File::create(folder.with_extension("notes")).unwrap();
    lives(folder, async |store| {
        ready(store, "news").await;
        for n in 1..=COUNT {
            churn(store, n..=n, old).await;
            if old(n) {
                writeln!(notes, "{n}").unwrap();
            }
        }
        store.trim(at(5), at(2), at(0)).await.unwrap();
        until_small(store, folder, 41_000 * 10 / 3 + 64 * 1024).await;
    })
    .await;
}

/// No test of its own: the process that dies, where the variable is set.
#[tokio::test]
async fn a_child_lives_until_it_dies() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        live(Path::new(&folder)).await;
    }
}

async fn dies_at(place: &str) {
    let folder = folder::fresh();
    std::fs::create_dir_all(&folder).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::crash::a_child_lives_until_it_dies"])
        .env(FOLDER, &folder)
        .env("FAILPOINT", place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(6), "{place}: it never came by");
    let notes = std::fs::read_to_string(folder.with_extension("notes")).unwrap();
    lives(&folder, async |store| {
        store.recover(at(10)).await.unwrap();
        for n in notes.lines().map(|line| line.parse().unwrap()) {
            let kept = store.body(&mid(n)).await;
            assert_eq!(kept, Ok(Some(body(n, 4_000))), "{place}: {n}");
        }
        for claimed in claim(store, 10).await {
            let ended = accepted(&claimed.claim);
            store.finish(at(10), &claimed.claim, ended).await.unwrap();
        }
        store.trim(at(20), at(15), at(0)).await.unwrap();
        until_small(store, &folder, 41_000 * 10 / 3 + 64 * 1024).await;
        for n in notes.lines().map(|line| line.parse().unwrap()) {
            let kept = store.body(&mid(n)).await;
            assert_eq!(kept, Ok(Some(body(n, 4_000))), "{place}: {n}, compacted");
        }
    })
    .await;
}

macro_rules! places {
    ($($name:ident: $place:literal),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            dies_at($place).await;
        }
    )*};
}

places! {
    before_a_body_is_appended: "accept.append:150",
    after_a_body_is_appended: "accept.appended:150",
    after_a_body_is_synced: "accept.body_synced:150",
    before_a_message_is_applied: "accept.apply:150",
    after_a_message_is_applied: "accept.applied:150",
    after_a_message_is_flushed: "accept.flushed:150",
    after_a_message_is_synced: "accept.synced:150",
    before_a_trim_is_applied: "trim.apply:1",
    after_a_trim_is_applied: "trim.applied:1",
    after_a_trim_is_flushed: "trim.flushed:1",
    after_a_trim_is_synced: "trim.synced:1",
    // The first time is when the store opens, with nothing to settle.
    before_the_log_goes_to_sled: "settle.apply:2",
    after_the_log_went_to_sled: "settle.applied:2",
    after_what_went_to_sled_is_synced: "settle.synced:2",
    before_copies_are_synced: "compact.copied:2",
    after_copies_are_synced: "compact.copy_synced:2",
    after_references_are_swapped: "compact.applied:2",
    after_swapped_references_are_flushed: "compact.flushed:2",
    after_swapped_references_are_synced: "compact.synced:2",
    before_a_segment_is_deleted: "compact.delete:2",
    after_a_segment_is_deleted: "compact.deleted:2",
}
