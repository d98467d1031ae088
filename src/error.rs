//! Every error of the crate: one small enum a family, structured, with what to do in the message.

mod lock;
mod segment;

pub use lock::LockError;
pub use segment::SegmentError;
