//! Every error of the crate: one small enum a family, structured, with what to do in the message.

mod done;
mod lock;
mod queue;
mod segment;

pub use done::DoneError;
pub use lock::LockError;
pub(crate) use queue::Stop;
pub use queue::{PopError, PushError};
pub use segment::SegmentError;
