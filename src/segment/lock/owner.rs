//! [`ByThread`] and [`ByTask`]: what a guard belongs to.

use core::marker::PhantomData;

use crate::sys::process;

/// Marks a guard that belongs to the thread which locked. It is not [`Send`].
///
/// A thread that locks again gets [`LockError::Deadlock`](crate::LockError::Deadlock) instead of
/// waiting for itself.
#[derive(Debug)]
pub struct ByThread {
    not_send: PhantomData<*const ()>,
}

/// Marks a guard that a future gave: it belongs to the task, which may move between threads with
/// it. It is [`Send`].
///
/// A task that locks again waits for itself.
#[derive(Debug)]
pub struct ByTask {
    _private: (),
}

/// What a lock can belong to. Only this crate implements it.
pub(crate) trait LockOwner {
    /// The thread that a lock's word is to name; 0 for a task.
    fn thread() -> u32;
}

impl LockOwner for ByThread {
    #[inline(always)]
    fn thread() -> u32 {
        process::thread_id()
    }
}

impl LockOwner for ByTask {
    #[inline(always)]
    fn thread() -> u32 {
        0
    }
}
