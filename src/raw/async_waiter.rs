//! Waiting without a thread to sleep: an operation looks, says where news of it will come, and is tried again.

use core::fmt;

use super::event_count::{EventCount, WakePolicy};
#[cfg(not(loom))]
use crate::sys::robust::RobustMutex;

/// One attempt of a task.
pub(crate) trait AsyncWaiter: fmt::Debug {
    /// Whether the task makes it because some time has passed, and not because there was news: then it is worth a system call to see
    /// whether somebody has died whom it waits for.
    fn is_recheck(&self) -> bool;

    /// Sets the target's waiters bit, and has the task woken when the target is notified. What it
    /// waits for is to be looked for once more after this. `false` if the task will not be woken, and
    /// nothing was done.
    fn register(&self, target: WaitTarget<'_>, policy: WakePolicy) -> bool;

    /// Has the task called at once: there is more for it to do than one attempt is to.
    #[cfg_attr(not(feature = "process"), expect(dead_code))]
    fn wake_now(&self);
}

/// A word that threads and tasks can wait on.
#[derive(Clone, Copy)]
pub(crate) enum WaitTarget<'a> {
    /// News is what somebody publishes.
    Event(&'a EventCount),
    /// News is that the mutex is free.
    #[cfg(not(loom))]
    Lock(&'a RobustMutex),
}

impl WaitTarget<'_> {
    /// Where the word lies.
    pub(crate) fn address(self) -> *const u32 {
        match self {
            Self::Event(event) => core::ptr::from_ref(event).cast(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => core::ptr::from_ref(mutex).cast(),
        }
    }

    /// Marks the word, so that whoever has news tells, and says what it is then. It is another when there was news.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn set_waiters_bit(self) -> u32 {
        match self {
            Self::Event(event) => event.set_waiters_bit(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.set_waiters_bit(),
        }
    }

    /// What the word is.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn word(self) -> u32 {
        match self {
            Self::Event(event) => event.word(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.load_word(),
        }
    }

    /// Whether it is news in itself what the word is: a free mutex's word is the same each time.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn is_ready(self) -> bool {
        match self {
            Self::Event(_) => false,
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.owner() == 0,
        }
    }

    /// To be called by who was told of news and has used it up, or does not care any more: there may be some for another.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn forward_wake(self) {
        match self {
            Self::Event(event) => event.notify(1),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.forward_wake(),
        }
    }
}

impl fmt::Debug for WaitTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitTarget").field(&self.address()).finish()
    }
}
