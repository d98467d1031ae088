//! Waiting without a thread to sleep: an operation looks, says where news of it will come, and is tried again.

use core::fmt;

use super::event_count::{EventCount, WakePolicy};

/// One attempt of a task.
pub(crate) trait AsyncWaiter: fmt::Debug {
    /// Whether the task makes it because some time has passed, and not because there was news: then it is worth a system call to see
    /// whether somebody has died whom it waits for.
    fn is_recheck(&self) -> bool;

    /// Sets the waiters bit of the event count, and has the task woken when it is notified. What it
    /// waits for is to be looked for once more after this. `false` if the task will not be woken, and
    /// nothing was done.
    fn register(&self, event: &EventCount, policy: WakePolicy) -> bool;

    /// Has the task called at once: there is more for it to do than one attempt is to.
    #[cfg_attr(not(feature = "process"), expect(dead_code))]
    fn wake_now(&self);
}
