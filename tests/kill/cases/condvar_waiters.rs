//! A condition variable's waiters, read from outside.

use breezeway::Segment;

use crate::observe::FileMapping;

/// The slots of a condition variable.
#[derive(Debug)]
pub(super) struct CondvarSlots {
    mapping: FileMapping,
    at: usize,
}

/// A slot that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) ticket: u64,
    /// The waiter's participant id.
    pub(super) owner: u64,
    pub(super) is_notified: bool,
}

const SLOTS: usize = 128;
const SLOT: usize = 16;
const COUNT: usize = 256;

impl CondvarSlots {
    pub(super) fn of(segment: &Segment, name: &str) -> Self {
        let objects = segment.objects().unwrap();
        let object = objects.iter().find(|object| object.name == name).expect("a condition variable");
        let mapping = FileMapping::open(&segment.path().expect("a name")).expect("a segment");
        Self { mapping, at: object.offset as usize }
    }

    /// Those that wait or are notified, in the order of their tickets.
    pub(super) fn waiters(&self) -> Vec<Waiter> {
        let words = (0..COUNT).map(|slot| self.mapping.word64(self.at + SLOTS + slot * SLOT));
        let waiter = |word: u64| {
            assert!(matches!(word & 0xf, 1 | 2), "{word:x}");
            Waiter { ticket: word >> 20, owner: word >> 4 & 0xffff, is_notified: word & 0xf == 2 }
        };
        let mut waiters: Vec<_> = words.filter(|word| *word != 0).map(waiter).collect();
        waiters.sort_unstable_by_key(|waiter| waiter.ticket);
        waiters
    }
}
