//! Replays what the fuzz targets keep, through the same promises (`fuzz/promises`): findings of the past,
//! and one input of each kind, so that the corpus goes on meaning something. `make fuzz` looks for more.

#[path = "../fuzz/promises/config.rs"]
mod config;
#[path = "../fuzz/promises/cursor.rs"]
mod cursor;
#[path = "../fuzz/promises/render.rs"]
mod render;
#[path = "../fuzz/promises/reply.rs"]
mod reply;

use std::path::Path;

/// Replays a folder; how many inputs there were.
fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder.join(target))
        .expect("the corpus is there")
        .map(|file| file.expect("it can be read").path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "a corpus of {target}");
    for file in files {
        println!("{}", file.display());
        hold(&std::fs::read(&file).expect("it can be read"));
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
