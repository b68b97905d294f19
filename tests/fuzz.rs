//! Replays what the fuzz targets keep, through the same promises (`fuzz/promises`): findings of the past,
//! and one input of each kind, so that the corpus goes on meaning something. `make fuzz` looks for more;
//! FUZZ_SECONDS=60 does so here, blindly: it changes what is kept without seeing which code that reaches.

#[path = "../fuzz/promises/config.rs"]
mod config;
#[path = "../fuzz/promises/cursor.rs"]
mod cursor;
#[path = "../fuzz/promises/render.rs"]
mod render;
#[path = "../fuzz/promises/reply.rs"]
mod reply;

use std::path::Path;
use std::time::Duration;

use mailwright::env::Env;

/// Replays a folder; how many inputs there were.
fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder.join(target))
        .expect("the corpus is there")
        .map(|file| file.expect("it can be read").path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "a corpus of {target}");
    let mut kept = Vec::new();
    for file in files {
        println!("{}", file.display());
        kept.push(std::fs::read(&file).expect("it can be read"));
        hold(&kept[kept.len() - 1]);
    }
    let seconds = std::env::var("FUZZ_SECONDS").ok();
    if let Some(seconds) = seconds.and_then(|seconds| seconds.parse().ok()) {
        change(target, &kept, hold, Duration::from_secs(seconds));
    }
}

/// Holds changed inputs for so long. What breaks a promise is left in the folder of temporary files.
fn change(target: &str, kept: &[Vec<u8>], hold: fn(&[u8]), time: Duration) {
    let random = Env::system();
    let end = random.monotonic() + time;
    let trial = std::env::temp_dir().join(format!("mailwright-fuzz-{target}"));
    let mut executions = 0_u64;
    while random.monotonic() < end {
        let pick = usize::from(random.random::<1>()[0]);
        let mut bytes = kept[pick % kept.len()].clone();
        for _ in 0..=random.random::<1>()[0] % 6 {
            alter(&mut bytes, random.random(), kept);
        }
        let held = std::panic::catch_unwind(|| hold(&bytes));
        if held.is_err() {
            std::fs::write(&trial, &bytes).expect("it can be written");
            panic!("{target}: {}", trial.display());
        }
        executions += 1;
    }
    println!("{target}: {executions} executions");
}

/// One change: a byte, a stretch that goes, comes twice, or comes from another input.
fn alter(bytes: &mut Vec<u8>, [how, a, b, c, d]: [u8; 5], kept: &[Vec<u8>]) {
    const TELLING: &[u8] = b"\r\n\0\x01 :.-<>\"=\xff\x80;@[]09";
    let place = |high: u8, low: u8, len: usize| (usize::from(high) << 8 | usize::from(low)) % len;
    let at = place(a, b, bytes.len() + 1);
    let to = (at + usize::from(c)).min(bytes.len());
    match how % 6 {
        0 => bytes.insert(at, TELLING[usize::from(c) % TELLING.len()]),
        1 => bytes.insert(at, c),
        2 => drop(bytes.drain(at..to)),
        3 => bytes.extend_from_within(at..to),
        4 if at < bytes.len() => bytes[at] ^= 1 << (c % 8),
        _ => {
            let other = &kept[usize::from(c) % kept.len()];
            let part = &other[place(c, d, other.len() + 1)..];
            bytes.splice(at..at, part.iter().copied());
        }
    }
}

#[test]
fn replies_stay_within_bounds_however_they_are_cut() {
    replay("reply", reply::hold);
}

#[test]
fn a_configuration_is_valid_or_refused() {
    replay("config", config::hold);
}

#[test]
fn a_cursor_is_written_as_it_was_read() {
    replay("cursor", cursor::hold);
}

#[test]
fn a_message_that_is_taken_is_read_the_same_everywhere() {
    replay("mime", render::mime::hold);
}

#[test]
fn an_email_gets_the_headers_it_should_have_and_no_others() {
    replay("render", render::hold);
}
