//! What the fuzz targets do with their input, callable without a fuzzer.
//!
//! - [`open_segment`]: calls every operation on a segment's objects
//! - [`repair`]: repairs bytes so that they look more like a segment
//! - [`program`]: an input that says which operations to call, and a segment for them
//! - [`mpmc_ops`], [`spsc_ops`]: the queues against models, and with damaged memory
//! - [`scratch`]: a file that is removed when dropped
//! - [`seeds`]: segments to start from

pub mod mpmc_ops;
pub mod open_segment;
pub mod program;
pub mod repair;
pub mod scratch;
pub mod seeds;
pub mod spsc_ops;
