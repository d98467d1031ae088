//! Every error of the crate: one small enum a family, structured, with what to do in the message.

mod done;
mod lock;
mod queue;
mod segment;
#[cfg(feature = "process")]
mod spawn;
#[cfg(feature = "process")]
mod task;

pub use done::DoneError;
pub use lock::LockError;
pub(crate) use queue::Stop;
pub use queue::{PopError, PushError};
pub use segment::SegmentError;
#[cfg(feature = "process")]
pub use spawn::SpawnError;
#[cfg(feature = "process")]
pub use task::TaskError;
