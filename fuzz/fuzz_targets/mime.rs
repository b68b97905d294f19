#![no_main]

#[path = "../promises/mime.rs"]
mod mime;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mime::hold(bytes));
