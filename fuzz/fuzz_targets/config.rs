#![no_main]

#[path = "../promises/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config::hold(bytes));
