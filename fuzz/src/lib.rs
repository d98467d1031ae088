//! What the fuzz targets do with their input, callable without a fuzzer.
//!
//! - [`exercise`]: everything a program can do with a segment that is there
//! - [`mend`]: making bytes look more like a segment, so that what lies behind the first checks is reached too
//! - [`program`]: an input that says what to do, and a segment to do it with
//! - [`ring_of_many`], [`ring_of_two`]: the queues beside naive oracles, and their memory damaged
//! - [`scratch`]: a file that is gone afterwards
//! - [`seeds`]: segments to start from

pub mod exercise;
pub mod mend;
pub mod program;
pub mod ring_of_many;
pub mod ring_of_two;
pub mod scratch;
pub mod seeds;

/// Opens the input as a segment's file and calls every operation on what it finds.
///
/// The first byte says how much of the input is repaired; the rest is the file.
pub fn open_segment(input: &[u8]) {
    let Some((&degree, bytes)) = input.split_first() else { return };
    let file = scratch::File::with(&mend::mended(degree, bytes));
    exercise::segment(file.path());
}
