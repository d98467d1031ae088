//! Arbitrary bytes as a segment's file: never a panic, a hang or a crash.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| breezeway_fuzz::open_segment(input));
