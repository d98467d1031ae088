//! [`PerProcess`]: a cell of which each process has one.

#![allow(unsafe_code)]

use super::fork;
use crate::primitive::{AtomicPtr, Ordering};

/// A static cell whose value belongs to one process: created on the first access, and never freed.
///
/// A forked child neither uses nor frees its parent's value: the child has none of the parent's
/// other threads, one of which may have held a lock in the value. It creates a value of its own.
pub(crate) struct PerProcess<T> {
    current: AtomicPtr<Owned<T>>,
}

struct Owned<T> {
    /// The fork generation of the process that created the value.
    generation: u32,
    value: T,
}

impl<T: Default + Send + Sync + 'static> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { current: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// This process's value; `None` if this process has not created one.
    #[cfg(feature = "process")]
    pub(crate) fn existing(&'static self) -> Option<&'static T> {
        // ORDER: Acquire pairs with the Release in `get_or_create`: the value is complete.
        Self::value_of(self.current.load(Ordering::Acquire), fork::generation())
    }

    /// This process's value, created if there is none.
    #[cfg(feature = "async")]
    pub(crate) fn get(&'static self) -> &'static T {
        self.get_or_create(|| ())
    }

    /// This process's value, created if there is none. Calls `on_created` after this call has
    /// published a new value: once in each process, however many threads race.
    pub(crate) fn get_or_create(&'static self, on_created: impl FnOnce()) -> &'static T {
        let generation = fork::generation();
        // ORDER: Acquire pairs with the Release below: the value is complete.
        let mut seen = self.current.load(Ordering::Acquire);
        loop {
            if let Some(value) = Self::value_of(seen, generation) {
                return value;
            }
            let new = Box::into_raw(Box::new(Owned { generation, value: T::default() }));
            match self.current.compare_exchange(seen, new, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    on_created();
                    // SAFETY: from the box above, which is never freed.
                    return unsafe { &(*new).value };
                }
                Err(found) => {
                    // Another thread of this process was first.
                    // SAFETY: from the box above, which was not published.
                    drop(unsafe { Box::from_raw(new) });
                    seen = found;
                }
            }
        }
    }

    fn value_of(seen: *mut Owned<T>, generation: u32) -> Option<&'static T> {
        // SAFETY: null, or from a box that `get_or_create` has published and that is never freed.
        let owned = unsafe { seen.as_ref::<'static>() }?;
        (owned.generation == generation).then_some(&owned.value)
    }
}

#[cfg(all(test, feature = "process"))]
mod tests {
    use super::*;
    use crate::primitive::AtomicU32;

    #[test]
    fn per_process_get_or_create_race() {
        static CELL: PerProcess<AtomicU32> = PerProcess::new();
        static CREATED: AtomicU32 = AtomicU32::new(0);
        assert!(CELL.existing().is_none(), "`existing` creates no value");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let value = CELL.get_or_create(|| {
                        CREATED.fetch_add(1, Ordering::Relaxed);
                    });
                    value.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(CREATED.load(Ordering::Relaxed), 1);
        assert_eq!(CELL.existing().map(|value| value.load(Ordering::Relaxed)), Some(4));
    }
}
