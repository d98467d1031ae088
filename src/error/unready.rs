//! [`Unready`]: why an operation that would have to wait did not, or no longer.

/// An operation is not ready, and may not wait any longer. Each family's variants for that are made
/// from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unready {
    /// The operation may not wait at all.
    WouldBlock,
    /// The timeout has elapsed, or a task's attempt is pending.
    Timeout,
}

/// Makes a family's `WouldBlock` and `Timeout` of an [`Unready`].
macro_rules! from_unready {
    ($($error:ident),*) => {
        $(
            impl From<Unready> for super::$error {
                #[inline]
                fn from(unready: Unready) -> Self {
                    match unready {
                        Unready::WouldBlock => Self::WouldBlock,
                        Unready::Timeout => Self::Timeout,
                    }
                }
            }
        )*
    };
}

from_unready!(BarrierError, EventError, LockError, SemaphoreError, Stop);
