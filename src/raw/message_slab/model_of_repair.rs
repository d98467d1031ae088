//! loom's exploration of leases that are taken back without the lock: two processes repair after
//! one dead worker, while others work under the lock.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use super::layout::{SlabBlock, SlabHeader, SlabSlot};
use super::{MessageSlab, SlabLayout, SlabLease};
use crate::raw::model;

/// The participant that dies.
const DEAD: u16 = 7;

struct Shared {
    layout: SlabLayout,
    head: SlabHeader,
    slots: Vec<SlabSlot>,
    blocks: Vec<SlabBlock>,
    lock: Mutex<()>,
}

impl Shared {
    /// A slab with the messages 1 and 2, of which the participant that dies has leased the first.
    fn leased_by_dead() -> Arc<Self> {
        let shared = Self {
            layout: SlabLayout { slots: 2, blocks: 2 },
            head: SlabHeader::default(),
            slots: (0..2).map(|_| SlabSlot::default()).collect(),
            blocks: (0..2).map(|_| SlabBlock::default()).collect(),
            lock: Mutex::default(),
        };
        shared.slab().init(0);
        assert!(shared.slab().put(&[1]).unwrap() && shared.slab().put(&[2]).unwrap());
        assert_eq!(shared.slab().lease(DEAD).unwrap().unwrap().1, [1]);
        Arc::new(shared)
    }

    fn slab(&self) -> MessageSlab<'_> {
        MessageSlab { layout: self.layout, head: &self.head, slots: &self.slots, blocks: &self.blocks }
    }

    fn locked<R>(&self, act: impl FnOnce(MessageSlab<'_>) -> R) -> R {
        let _guard = self.lock.lock().unwrap();
        self.slab().ensure_index(false).unwrap();
        act(self.slab())
    }

    fn lease(&self, me: u16) -> Option<(SlabLease, u8)> {
        self.locked(|slab| slab.lease(me).unwrap().map(|(lease, message)| (lease, message[0])))
    }

    fn finish(&self, lease: SlabLease) {
        assert!(self.locked(|slab| slab.finish(lease).unwrap()), "a living worker's lease is its own");
    }

    fn start<R: 'static>(this: &Arc<Self>, act: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }
}

/// Whoever of two repairers ends first, the dead worker's job is there for the next worker, which
/// keeps it although the other repairer goes on later.
#[test]
fn message_slab_reclaim_two_repairers() {
    let seen = model::explore(3, || {
        let shared = Shared::leased_by_dead();
        let late = Shared::start(&shared, |shared| shared.slab().reclaim_from(DEAD, false));
        let is_news = shared.slab().reclaim_from(DEAD, false);
        let (lease, message) = shared.lease(1).unwrap();
        assert!(message == 1 && lease.is_redelivered(), "the oldest first");
        let was_late_news = late.join().unwrap();
        assert!(is_news || was_late_news);
        shared.finish(lease);
        assert_eq!(shared.lease(1).unwrap().1, 2);
        assert!(shared.lease(1).is_none());
        assert_eq!(shared.slab().unfinished(), 1);
        was_late_news
    });
    assert_eq!(seen.len(), 2, "the other comes before the next lease and after it");
}

/// Another worker leases, finishes and puts meanwhile: each message is worked on once.
#[test]
fn message_slab_reclaim_during_work() {
    model::explore(2, || {
        let shared = Shared::leased_by_dead();
        let late = Shared::start(&shared, |shared| shared.slab().reclaim_from(DEAD, false));
        let worker = Shared::start(&shared, |shared| {
            let (lease, message) = shared.lease(2).unwrap();
            shared.finish(lease);
            assert!(shared.locked(|slab| slab.put(&[3]).unwrap()));
            message
        });
        shared.slab().reclaim_from(DEAD, false);
        let mut worked = vec![worker.join().unwrap()];
        late.join().unwrap();
        while let Some((lease, message)) = shared.lease(1) {
            worked.push(message);
            shared.finish(lease);
        }
        worked.sort_unstable();
        assert_eq!((worked, shared.slab().unfinished()), (vec![1, 2, 3], 0));
    });
}
