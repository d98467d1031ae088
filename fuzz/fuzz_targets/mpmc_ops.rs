//! The operations of a queue of many, and damage between them: what an oracle says, and never a panic, a hang or a crash.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| breezeway_fuzz::ring_of_many::run(input));
