#![no_main]

#[path = "../promises/render.rs"]
mod render;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| render::hold(bytes));
