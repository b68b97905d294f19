#![no_main]

#[path = "../promises/cursor.rs"]
mod cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cursor::hold(bytes));
