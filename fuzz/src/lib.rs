//! What the fuzz targets do with their input, callable without a fuzzer.
//!
//! - [`exercise`]: everything a program can do with a segment that is there
//! - [`mend`]: making bytes look more like a segment, so that what lies behind the first checks is reached too
//! - [`scratch`]: a file that is gone afterwards
//! - [`seeds`]: segments to start from

pub mod exercise;
pub mod mend;
pub mod scratch;
pub mod seeds;

/// Opens the input as a segment's file and does with it what can be done.
///
/// The first byte says how much is mended; the rest is the file.
pub fn open_segment(input: &[u8]) {
    let Some((&degree, bytes)) = input.split_first() else { return };
    let file = scratch::File::with(&mend::mended(degree, bytes));
    exercise::segment(file.path());
}
