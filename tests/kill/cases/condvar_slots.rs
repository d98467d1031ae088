//! Who waits at a condition variable, to be looked at.

use breezeway::Segment;

use crate::window::Window;

/// The slots of a condition variable.
#[derive(Debug)]
pub(super) struct Slots {
    window: Window,
    at: usize,
}

/// A slot that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) ticket: u64,
    /// As which participant it waits.
    pub(super) owner: u64,
    pub(super) is_notified: bool,
}

const TAKEN: usize = 8;
const SLOTS: usize = 128;
const SLOT: usize = 16;
const COUNT: usize = 256;

impl Slots {
    pub(super) fn of(segment: &Segment, name: &str) -> Self {
        let objects = segment.objects().unwrap();
        let object = objects.iter().find(|object| object.name == name).expect("a condition variable");
        let window = Window::open(&segment.path().expect("a name")).expect("a segment");
        Self { window, at: object.offset as usize }
    }

    /// Those who wait, or were notified, in the order in which they came.
    pub(super) fn waiters(&self) -> Vec<Waiter> {
        let words = (0..COUNT).map(|slot| self.window.word64(self.at + SLOTS + slot * SLOT));
        let waiter = |word: u64| {
            assert!(matches!(word & 0xf, 1 | 2), "{word:x}");
            Waiter { ticket: word >> 20, owner: word >> 4 & 0xffff, is_notified: word & 0xf == 2 }
        };
        let mut waiters: Vec<_> = words.filter(|word| *word != 0).map(waiter).collect();
        waiters.sort_unstable_by_key(|waiter| waiter.ticket);
        waiters
    }

    /// How many slots are marked as taken.
    pub(super) fn marks(&self) -> u32 {
        (0..COUNT / 64).map(|word| self.window.word64(self.at + TAKEN + word * 8).count_ones()).sum()
    }
}
