#![no_main]

#[path = "../promises/reply.rs"]
mod reply;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reply::hold(bytes));
