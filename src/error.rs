//! Every error of the crate: one small enum a family, structured, with what to do in the message.

mod done;
mod lock;
#[cfg(feature = "process")]
mod pool;
mod queue;
mod segment;
#[cfg(feature = "process")]
mod spawn;
#[cfg(feature = "process")]
mod task;

pub use done::DoneError;
pub use lock::LockError;
#[cfg(feature = "process")]
pub use pool::PoolError;
pub(crate) use queue::Stop;
pub use queue::{PopError, PushError};
pub use segment::SegmentError;
#[cfg(feature = "process")]
pub use spawn::SpawnError;
#[cfg(feature = "process")]
pub use task::TaskError;
