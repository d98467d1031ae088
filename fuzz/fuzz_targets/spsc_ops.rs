//! The operations of the queues with one producer and one consumer, sound and with damaged memory:
//! they do what a model says, and never panic, hang or crash.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| breezeway_fuzz::spsc_ops::run(input));
