//! Opens arbitrary bytes as a segment's file: the library never panics, hangs or crashes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| breezeway_fuzz::open_segment::run(input));
