//! What the state of an object says, by kind.

use super::participants::ParticipantIndex;
use super::report::{self, Fact, NamedValues};
use super::snapshot::ObjectCopy;
use crate::layout::fingerprint::Kind;
use crate::layout::header::DirectoryEntry;
use crate::raw::endpoints::{EndpointRole, EndpointState};
use crate::raw::message_slab::{self, SlabLayout};
use crate::raw::mpmc::{self, SlotUse};
use crate::raw::wait_stats::WaitStats;
use crate::raw::{atomic_copy, barrier, condvar, event, mutex, owned_semaphore, rwlock, semaphore, spsc};

/// What is known of an object.
#[derive(Default)]
pub(super) struct ObjectDetails {
    pub(super) facts: NamedValues<Fact>,
    pub(super) counters: NamedValues<u64>,
    pub(super) waiters: Vec<report::Holder>,
}

/// Where that is looked for.
struct ObjectFacts<'a> {
    entry: &'a DirectoryEntry,
    copy: &'a ObjectCopy,
    participants: &'a ParticipantIndex,
    details: ObjectDetails,
}

/// Bytes of the lock that some objects begin with.
const LOCK: usize = size_of::<mutex::MutexState>();

/// What is known of an object of this kind; nothing, where its bytes cannot be such an object's.
pub(super) fn of(
    kind: Kind,
    entry: &DirectoryEntry,
    copy: &ObjectCopy,
    participants: &ParticipantIndex,
) -> ObjectDetails {
    let mut object = ObjectFacts { entry, copy, participants, details: ObjectDetails::default() };
    // What one cannot say, it leaves out.
    let _ = match kind {
        Kind::Value | Kind::Array | Kind::Mutex => object.lock().map(drop),
        Kind::ReentrantMutex => object.reentrant_mutex(),
        Kind::Once => object.once(),
        Kind::MessageQueue | Kind::JoinableQueue => object.slab(kind),
        Kind::Spsc | Kind::Bytes => object.ends(),
        Kind::Queue => object.ring(),
        Kind::RwLock => object.rwlock(),
        Kind::Condvar => object.condvar(),
        Kind::Semaphore => object.semaphore(),
        Kind::BoundedSemaphore => object.permits(),
        Kind::Event => object.event(),
        Kind::Barrier => object.barrier(),
        Kind::Atomic => None,
    };
    object.details
}

/// How many bytes of an object of this kind say something.
pub(super) fn bytes(kind: Kind, entry: &DirectoryEntry) -> u64 {
    match kind {
        Kind::Value | Kind::Array | Kind::Mutex | Kind::ReentrantMutex | Kind::Once => LOCK as u64,
        Kind::MessageQueue | Kind::JoinableQueue => {
            let words =
                SlabLayout::new(entry.element_count, entry.aux).map_or(0, message_slab::SlabView::words);
            (words as u64).saturating_mul(atomic_copy::WORD as u64).saturating_add(LOCK as u64)
        }
        Kind::Spsc | Kind::Bytes => size_of::<spsc::SpscState>() as u64,
        Kind::Atomic => 0,
        _ => entry.length,
    }
}

impl ObjectFacts<'_> {
    fn count(&mut self, name: &'static str, count: u64) {
        self.details.facts.push((name, Fact::Count(count)));
    }

    fn is(&mut self, name: &'static str, is: bool) {
        self.details.facts.push((name, Fact::Is(is)));
    }

    fn holders(&mut self, name: &'static str, ids: impl IntoIterator<Item = u32>) {
        self.details.facts.push((name, Fact::Holders(self.participants.holders(ids))));
    }

    fn counter(&mut self, name: &'static str, count: u64) {
        self.details.counters.push((name, count));
    }

    /// How many went to sleep, by what they did not find, and what became of them all.
    fn wait_stats<const N: usize>(&mut self, wait_stats: [(&'static str, &WaitStats); N]) {
        for (name, stats) in wait_stats {
            self.counter(name, stats.waits.get());
        }
        let sum = |of: fn(&WaitStats) -> u64| {
            wait_stats.iter().fold(0_u64, |sum, (_, stats)| sum.wrapping_add(of(stats)))
        };
        self.counter("parks", sum(|stats| stats.parks.get()));
        self.counter("wakes", sum(|stats| stats.wakes.get()));
    }

    /// The lock at the object's start, and who has it.
    fn lock(&mut self) -> Option<mutex::MutexView> {
        let lock = self.copy.state::<mutex::MutexState>()?.view();
        let holder = lock.word.owner().map(|thread| self.participants.of_thread(thread));
        self.details.facts.push(("held_by", Fact::Holders(holder.into_iter().collect())));
        // Its last holder died, and nobody has had it since.
        self.is("abandoned", lock.word.is_abandoned());
        self.is("awaited", lock.word.has_waiters());
        self.counter("recoveries", lock.recoveries.into());
        Some(lock)
    }

    fn reentrant_mutex(&mut self) -> Option<()> {
        let lock = self.lock()?;
        self.count("levels", if lock.word.owner().is_some() { lock.inline_word } else { 0 });
        Some(())
    }

    fn once(&mut self) -> Option<()> {
        let lock = self.lock()?;
        // As in `sync::Once`.
        let state = match lock.inline_word {
            0 => "new",
            1 => "done",
            2 => "begun",
            _ => "damaged",
        };
        self.details.facts.push(("state", Fact::Text(state)));
        Some(())
    }

    /// How many messages there are, and who works on some.
    fn slab(&mut self, kind: Kind) -> Option<()> {
        let layout = SlabLayout::new(self.entry.element_count, self.entry.aux)?;
        if layout.length() != self.entry.length.checked_sub(LOCK as u64) {
            return None;
        }
        let copy = self.copy;
        let slab = message_slab::SlabView::new(layout, copy.words().get(LOCK / atomic_copy::WORD..)?)?;
        self.count("fill", slab.ready());
        self.count("capacity", layout.slots() as u64);
        if kind == Kind::JoinableQueue {
            self.count("unfinished", slab.unfinished());
            self.holders("leased_by", slab.owners());
            let dead = slab.owners().filter(|id| self.participants.is_dead(*id)).count();
            self.count("stuck", dead as u64);
        }
        self.is("closed", slab.is_closed());
        self.counter("pushes", slab.pushed());
        self.counter("pops", slab.popped());
        let [items, space, idle] = slab.events();
        match kind {
            Kind::JoinableQueue => {
                self.wait_stats([("full", &space.stats), ("empty", &items.stats), ("joins", &idle.stats)]);
                self.counter("repairs", slab.repairs());
            }
            _ => self.wait_stats([("full", &space.stats), ("empty", &items.stats)]),
        }
        self.lock().map(drop)
    }

    /// How full a queue with two ends is, and whose the ends are.
    fn ends(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &spsc::SpscState = copy.state()?;
        let view = state.endpoints.view();
        let (tail, head) = state.progress();
        self.count("fill", state.len(self.entry.element_count));
        self.count("capacity", self.entry.element_count);
        self.count("tail", tail);
        self.count("head", head);
        for (end, holder, name) in [
            (EndpointRole::Producer, "producer", "producer_end"),
            (EndpointRole::Consumer, "consumer", "consumer_end"),
        ] {
            self.holders(holder, view.holder(end).id());
            let state = match view.holder(end) {
                EndpointState::Vacant => "vacant",
                EndpointState::Taken(_) => "taken",
                EndpointState::InTransit(_) => "on its way",
                EndpointState::Disconnected => "gone",
            };
            self.details.facts.push((name, Fact::Text(state)));
        }
        self.is("closed", view.is_closed());
        self.counter("pushes", tail);
        self.counter("pops", head);
        self.wait_stats([("full", &state.full), ("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    /// How full a queue is, and who is at work in its slots.
    fn ring(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &mpmc::MpmcState = copy.state()?;
        let size = usize::try_from(self.entry.element_size).ok()?;
        if mpmc::length(self.entry.element_count, size) != Some(self.entry.length) {
            return None;
        }
        let geometry = mpmc::MpmcGeometry::new(self.entry.element_count, size);
        let ring = mpmc::MpmcRing::new(
            state,
            &copy.words()[size_of::<mpmc::MpmcState>() / atomic_copy::WORD..],
            &geometry,
        );
        let (mut writing, mut leased, mut returned) = (Vec::new(), Vec::new(), 0);
        for slot_use in ring.slot_uses() {
            match slot_use {
                SlotUse::Writes(id) => writing.push(id),
                SlotUse::Leases(id) => leased.push(id),
                SlotUse::Returned => returned += 1,
            }
        }
        let (pushes, pops) = (ring.passed_by_producers(), ring.passed_by_consumers());
        self.count("fill", ring.len());
        self.count("capacity", self.entry.element_count);
        self.count("tail", pushes);
        self.count("head", pops);
        let stuck = writing.iter().chain(&leased).filter(|id| self.participants.is_dead(**id)).count();
        self.holders("written_by", writing);
        self.holders("leased_by", leased);
        self.count("stuck", stuck as u64);
        self.count("returned", returned);
        self.is("closed", ring.is_closed());
        self.counter("pushes", pushes);
        self.counter("pops", pops);
        self.wait_stats([("full", &state.full), ("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn rwlock(&mut self) -> Option<()> {
        let at = |offset: u64| offset as usize / atomic_copy::WORD;
        let copy = self.copy;
        let state: &rwlock::RwLockState = copy.state_at(at(rwlock::STATE_AT))?;
        let counts = copy.words().get(at(rwlock::COUNTS_AT)..)?;
        if rwlock::length(self.entry.element_count) != Some(self.entry.length) {
            return None;
        }
        let raw_lock = rwlock::RawRwLock::new(state, counts);
        let (writer, writes) = raw_lock.writer().unzip();
        self.holders("writer", writer);
        self.is("writer_is_inside", writes == Some(true));
        let readers = self.participants.holders_of(raw_lock.readers());
        self.details.facts.push(("readers", Fact::Holders(readers)));
        self.is("untold_death", raw_lock.is_abandoned());
        self.wait_stats([
            ("reads_delayed", &state.blocked_readers),
            ("writes_delayed", &state.blocked_writers),
        ]);
        self.counter("repairs", state.repairs.get());
        self.lock().map(drop)
    }

    fn condvar(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &condvar::CondvarState = copy.state()?;
        let of = |notified| state.waiters().filter(move |(_, is)| *is == notified).map(|(id, _)| id);
        self.holders("waiting", of(false));
        self.holders("notified", of(true));
        self.wait_stats([("waits", &state.unnotified)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn semaphore(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &semaphore::SemaphoreState = copy.state()?;
        self.count("available", state.count());
        self.wait_stats([("empty", &state.empty)]);
        Some(())
    }

    fn permits(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &owned_semaphore::OwnedSemaphoreState = copy.state()?;
        let total = usize::try_from(self.entry.element_count).ok()?;
        let words = copy.words32().get(size_of::<owned_semaphore::OwnedSemaphoreState>() / 4..)?;
        let permits = owned_semaphore::OwnedSemaphore::new(state, words.get(..total)?);
        self.count("available", permits.free_now() as u64);
        self.count("total", total as u64);
        self.holders("held_by", permits.owners());
        self.wait_stats([("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn event(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &event::EventState = copy.state()?;
        self.is("set", state.is_set());
        self.counter("sets", state.times_set());
        self.wait_stats([("waits", &state.unset)]);
        Some(())
    }

    fn barrier(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &barrier::BarrierState = copy.state()?;
        if !copy.is_whole || barrier::length(self.entry.element_count) != Some(self.entry.length) {
            return None;
        }
        let slots = &copy.words()[size_of::<barrier::BarrierState>() / atomic_copy::WORD..];
        let barrier = barrier::RawBarrier::new(state, slots);
        let (generation, parties) = barrier.attendance();
        self.count("arrived", barrier.waiting() as u64);
        self.count("parties", self.entry.element_count);
        self.is("broken", barrier.is_broken());
        self.holders("arrived_parties", parties);
        self.counter("generations", generation);
        self.wait_stats([("waits", &state.early)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }
}
