//! Waiting without a thread to sleep: an operation looks, says where news of it will come, and is tried again.

use core::fmt;

use super::event_word::{EventWord, Sleepers};
#[cfg(not(loom))]
use crate::sys::robust::RobustMutex;

/// One attempt of a task.
pub(crate) trait Turn: fmt::Debug {
    /// Whether the task makes it because some time has passed, and not because there was news: then it is worth a system call to see
    /// whether somebody has died whom it waits for.
    fn is_round(&self) -> bool;

    /// Has the task called when there is news at the bed, which is marked then. What it waits for is to be looked for once more behind
    /// this. `false` where nobody will call it, and nothing was done.
    fn wait_at(&self, bed: Bed<'_>, sleepers: Sleepers) -> bool;

    /// Has the task called at once: there is more for it to do than one attempt is to.
    #[cfg_attr(not(feature = "process"), expect(dead_code))]
    fn call_again(&self);
}

/// A word that somebody can sleep on.
#[derive(Clone, Copy)]
pub(crate) enum Bed<'a> {
    /// News is what somebody publishes.
    Event(&'a EventWord),
    /// News is that the mutex is free.
    #[cfg(not(loom))]
    Lock(&'a RobustMutex),
}

impl Bed<'_> {
    /// Where the word lies.
    pub(crate) fn place(self) -> *const u32 {
        match self {
            Self::Event(event) => core::ptr::from_ref(event).cast(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => core::ptr::from_ref(mutex).cast(),
        }
    }

    /// Marks the word, so that whoever has news tells, and says what it is then. It is another when there was news.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn mark(self) -> u32 {
        match self {
            Self::Event(event) => event.mark(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.mark(),
        }
    }

    /// What the word is.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn word(self) -> u32 {
        match self {
            Self::Event(event) => event.word(),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.word_now(),
        }
    }

    /// Whether it is news in itself what the word is: a free mutex's word is the same each time.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Event(_) => false,
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.owner() == 0,
        }
    }

    /// To be called by who was told of news and has used it up, or does not care any more: there may be some for another.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn pass_on(self) {
        match self {
            Self::Event(event) => event.notify(1),
            #[cfg(not(loom))]
            Self::Lock(mutex) => mutex.pass_on(),
        }
    }
}

impl fmt::Debug for Bed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bed").field(&self.place()).finish()
    }
}
