//! `Atomic`: the number is the old one or the new one.

use std::sync::atomic::Ordering;

use breezeway::Atomic;

use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

const OLD: u64 = 0x0000_00ff_ffff_ffff;
const NEW: u64 = OLD + 1;

/// A child adds one, which changes many bytes.
struct Add {
    name: String,
    atomic: Atomic<u64>,
    seen: u64,
}

impl Scenario for Add {
    type Handle = Atomic<u64>;

    fn reset(&mut self) {
        self.atomic.store(OLD, Ordering::Relaxed);
        self.seen = OLD;
    }

    fn open(&self) -> Atomic<u64> {
        Atomic::open(&self.name).unwrap()
    }

    fn operate(&self, atomic: &Atomic<u64>) {
        assert_eq!(atomic.fetch_add(1, Ordering::AcqRel), OLD);
    }

    fn observe(&mut self, _: &Child) {
        let found = self.atomic.load(Ordering::Acquire);
        assert!(found == self.seen || found == NEW, "torn: {found:#x}");
        self.seen = found;
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let found = self.atomic.load(Ordering::Acquire);
        assert_eq!(found, self.seen, "a death changes nothing");
        assert!(!death.completed || found == NEW, "a completed operation has taken effect");
        if found == NEW { "new" } else { "old" }
    }
}

pub(crate) fn fetch_add(name: &str) -> KillCounts {
    let atomic = Atomic::create(name, OLD).unwrap();
    kill::at_every_instruction(&mut Add { name: name.to_owned(), atomic, seen: OLD })
}
