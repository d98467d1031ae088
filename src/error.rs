//! Every error type of the crate: one enum a family, with structured fields and a message that says what to do.
//!
//! - [`mod@array`], [`lock`], [`barrier`], [`condvar`], [`event`], [`semaphore`]: cells and synchronisation
//! - [`push`], [`pop`], [`done`]: queues; [`stop`]: what their algorithms say, before it is one of these
//! - [`unready`]: an operation that may not wait any longer, before it is an error of its family
//! - [`segment`]: segments and the objects in them
//! - [`pool`], [`spawn`], [`task`]: processes
//! - [`codec`], [`fault`]: causes that several families share

mod array;
mod barrier;
mod codec;
mod condvar;
mod done;
mod event;
mod fault;
mod lock;
#[cfg(feature = "process")]
mod pool;
mod pop;
mod push;
mod segment;
mod semaphore;
#[cfg(feature = "process")]
mod spawn;
mod stop;
#[cfg(feature = "process")]
mod task;
mod unready;

pub use array::{ArrayError, BoundsError};
pub use barrier::BarrierError;
pub use codec::CodecError;
pub use condvar::CondvarError;
pub use done::DoneError;
pub use event::EventError;
pub(crate) use fault::NotAttached;
pub use lock::LockError;
#[cfg(feature = "process")]
pub use pool::PoolError;
pub use pop::PopError;
pub use push::PushError;
pub use segment::SegmentError;
pub use semaphore::SemaphoreError;
#[cfg(feature = "process")]
pub use spawn::SpawnError;
pub(crate) use stop::Stop;
#[cfg(feature = "process")]
pub use task::TaskError;
pub(crate) use unready::Unready;
