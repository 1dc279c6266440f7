#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yester_fuzz::run("record", data));
