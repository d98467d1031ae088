//! A condition variable with its mutexes. `tests/processes/sync/condvar.rs` includes this file,
//! too.

use breezeway::sync::{Condvar, Mutex, ReentrantMutex};
use breezeway::{Atomic, Segment};
use support::process::until;
use support::scratch::peek;
use support::unique;

/// A segment with a condition variable, its mutexes, and something to wait for.
pub struct Scene {
    pub segment: Segment,
    pub condvar: Condvar,
    pub mutex: Mutex,
    pub reentrant: ReentrantMutex,
    pub ready: Atomic<u64>,
}

impl Scene {
    pub fn create(what: &str) -> (String, Self) {
        let name = unique(what);
        let segment = Segment::create(&name, 1 << 16).unwrap();
        (name, Self::of(segment))
    }

    pub fn of(segment: Segment) -> Self {
        Self {
            condvar: segment.get_or_add("condvar", ()).unwrap(),
            mutex: segment.get_or_add("mutex", ()).unwrap(),
            reentrant: segment.get_or_add("reentrant", ()).unwrap(),
            ready: segment.get_or_add("ready", 0).unwrap(),
            segment,
        }
    }

    pub fn offset(&self) -> u64 {
        let objects = self.segment.objects().unwrap();
        objects.iter().find(|object| object.name == "condvar").unwrap().offset
    }

    /// How many have a slot, and are to be seen by notifiers. A dead waiter's slot is free, but its bit may stay.
    pub fn waiters(&self) -> usize {
        let path = self.segment.path().unwrap();
        let bits: [u8; 32] = peek(&path, self.offset() + 8);
        let slots: [u8; 256 * 16] = peek(&path, self.offset() + 128);
        let is_visible = |nth: usize| bits[nth / 8] >> (nth % 8) & 1 == 1;
        let is_taken = |slot: &[u8]| slot[..8] != [0; 8];
        slots.chunks(16).enumerate().filter(|(nth, slot)| is_visible(*nth) && is_taken(slot)).count()
    }

    /// Waits until so many wait, and have given the mutex back.
    pub fn until_waiting(&self, count: usize) {
        until(|| self.waiters() == count);
        drop((self.mutex.lock().unwrap(), self.reentrant.lock().unwrap()));
    }
}
