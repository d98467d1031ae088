//! What the state of an object says, by kind.

use super::people::People;
use super::report::{self, Fact, Named};
use super::snapshot::Copy;
use crate::layout::fingerprint::Kind;
use crate::layout::header::DirectoryEntry;
use crate::raw::depot::{self, Layout};
use crate::raw::ends::{End, Holder};
use crate::raw::mpmc::{self, AtWork};
use crate::raw::tally::Tally;
use crate::raw::{barrier, condvar, event, mutex, permits, rwlock, semaphore, spsc, words};

/// What is known of an object.
#[derive(Default)]
pub(super) struct Known {
    pub(super) facts: Named<Fact>,
    pub(super) counters: Named<u64>,
    pub(super) waiters: Vec<report::Holder>,
}

/// Where that is looked for.
struct Object<'a> {
    entry: &'a DirectoryEntry,
    copy: &'a Copy,
    people: &'a People,
    known: Known,
}

/// Bytes of the lock that some objects begin with.
const LOCK: usize = size_of::<mutex::State>();

/// What is known of an object of this kind; nothing, where its bytes cannot be such an object's.
pub(super) fn of(kind: Kind, entry: &DirectoryEntry, copy: &Copy, people: &People) -> Known {
    let mut object = Object { entry, copy, people, known: Known::default() };
    // What one cannot say, it leaves out.
    let _ = match kind {
        Kind::Value | Kind::Array | Kind::Mutex => object.lock().map(drop),
        Kind::ReentrantMutex => object.reentrant_mutex(),
        Kind::Once => object.once(),
        Kind::MessageQueue | Kind::JoinableQueue => object.depot(kind),
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
    object.known
}

/// How many bytes of an object of this kind say something.
pub(super) fn bytes(kind: Kind, entry: &DirectoryEntry) -> u64 {
    match kind {
        Kind::Value | Kind::Array | Kind::Mutex | Kind::ReentrantMutex | Kind::Once => LOCK as u64,
        Kind::MessageQueue | Kind::JoinableQueue => {
            let words = Layout::new(entry.element_count, entry.flags).map_or(0, depot::View::words);
            (words as u64).saturating_mul(words::WORD as u64).saturating_add(LOCK as u64)
        }
        Kind::Spsc | Kind::Bytes => size_of::<spsc::State>() as u64,
        Kind::Atomic => 0,
        _ => entry.length,
    }
}

impl Object<'_> {
    fn count(&mut self, name: &'static str, count: u64) {
        self.known.facts.push((name, Fact::Count(count)));
    }

    fn is(&mut self, name: &'static str, is: bool) {
        self.known.facts.push((name, Fact::Is(is)));
    }

    fn holders(&mut self, name: &'static str, ids: impl IntoIterator<Item = u32>) {
        self.known.facts.push((name, Fact::Holders(self.people.holders(ids))));
    }

    fn counter(&mut self, name: &'static str, count: u64) {
        self.known.counters.push((name, count));
    }

    /// How many went to sleep, by what they did not find, and what became of them all.
    fn tallies<const N: usize>(&mut self, tallies: [(&'static str, &Tally); N]) {
        for (name, tally) in tallies {
            self.counter(name, tally.waits.get());
        }
        let sum =
            |of: fn(&Tally) -> u64| tallies.iter().fold(0_u64, |sum, (_, tally)| sum.wrapping_add(of(tally)));
        self.counter("parks", sum(|tally| tally.parks.get()));
        self.counter("wakes", sum(|tally| tally.wakes.get()));
    }

    /// The lock at the object's start, and who has it.
    fn lock(&mut self) -> Option<mutex::View> {
        let lock = self.copy.state::<mutex::State>()?.view();
        let holder = lock.word.owner().map(|thread| self.people.of_thread(thread));
        self.known.facts.push(("held_by", Fact::Holders(holder.into_iter().collect())));
        // Its last holder died, and nobody has had it since.
        self.is("abandoned", lock.word.is_abandoned());
        self.is("awaited", lock.word.has_waiters());
        self.counter("recoveries", lock.recoveries.into());
        Some(lock)
    }

    fn reentrant_mutex(&mut self) -> Option<()> {
        let lock = self.lock()?;
        self.count("levels", if lock.word.owner().is_some() { lock.beside } else { 0 });
        Some(())
    }

    fn once(&mut self) -> Option<()> {
        let lock = self.lock()?;
        // As in `sync::Once`.
        let state = match lock.beside {
            0 => "new",
            1 => "done",
            2 => "begun",
            _ => "damaged",
        };
        self.known.facts.push(("state", Fact::Text(state)));
        Some(())
    }

    /// How many messages there are, and who works on some.
    fn depot(&mut self, kind: Kind) -> Option<()> {
        let layout = Layout::new(self.entry.element_count, self.entry.flags)?;
        if layout.length() != self.entry.length.checked_sub(LOCK as u64) {
            return None;
        }
        let copy = self.copy;
        let depot = depot::View::new(layout, copy.words().get(LOCK / words::WORD..)?)?;
        self.count("fill", depot.ready());
        self.count("capacity", layout.slots() as u64);
        if kind == Kind::JoinableQueue {
            self.count("unfinished", depot.unfinished());
            self.holders("leased_by", depot.owners());
            let dead = depot.owners().filter(|id| self.people.is_dead(*id)).count();
            self.count("stuck", dead as u64);
        }
        self.is("closed", depot.is_closed());
        self.counter("pushes", depot.pushed());
        self.counter("pops", depot.popped());
        let [items, space, idle] = depot.beds();
        match kind {
            Kind::JoinableQueue => {
                self.tallies([("full", &space.tally), ("empty", &items.tally), ("joins", &idle.tally)]);
                self.counter("repairs", depot.repairs());
            }
            _ => self.tallies([("full", &space.tally), ("empty", &items.tally)]),
        }
        self.lock().map(drop)
    }

    /// How full a queue with two ends is, and whose the ends are.
    fn ends(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &spsc::State = copy.state()?;
        let view = state.ends.view();
        let (tail, head) = state.progress();
        self.count("fill", state.len(self.entry.element_count));
        self.count("capacity", self.entry.element_count);
        self.count("tail", tail);
        self.count("head", head);
        for (end, holder, name) in
            [(End::Producer, "producer", "producer_end"), (End::Consumer, "consumer", "consumer_end")]
        {
            self.holders(holder, view.holder(end).id());
            let state = match view.holder(end) {
                Holder::Vacant => "vacant",
                Holder::Taken(_) => "taken",
                Holder::Pledged(_) => "on its way",
                Holder::Gone => "gone",
            };
            self.known.facts.push((name, Fact::Text(state)));
        }
        self.is("closed", view.is_closed());
        self.counter("pushes", tail);
        self.counter("pops", head);
        self.tallies([("full", &state.full), ("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    /// How full a queue is, and who is at work in its slots.
    fn ring(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &mpmc::State = copy.state()?;
        let size = usize::try_from(self.entry.element_size).ok()?;
        if mpmc::length(self.entry.element_count, size) != Some(self.entry.length) {
            return None;
        }
        let geometry = mpmc::Geometry::new(self.entry.element_count, size);
        let ring = mpmc::Ring::new(state, &copy.words()[size_of::<mpmc::State>() / words::WORD..], &geometry);
        let (mut writing, mut leased, mut returned) = (Vec::new(), Vec::new(), 0);
        for at_work in ring.at_work() {
            match at_work {
                AtWork::Writes(id) => writing.push(id),
                AtWork::Leases(id) => leased.push(id),
                AtWork::Returned => returned += 1,
            }
        }
        let (pushes, pops) = (ring.passed_by_producers(), ring.passed_by_consumers());
        self.count("fill", ring.len());
        self.count("capacity", self.entry.element_count);
        self.count("tail", pushes);
        self.count("head", pops);
        let stuck = writing.iter().chain(&leased).filter(|id| self.people.is_dead(**id)).count();
        self.holders("written_by", writing);
        self.holders("leased_by", leased);
        self.count("stuck", stuck as u64);
        self.count("returned", returned);
        self.is("closed", ring.is_closed());
        self.counter("pushes", pushes);
        self.counter("pops", pops);
        self.tallies([("full", &state.full), ("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn rwlock(&mut self) -> Option<()> {
        let at = |place: u64| place as usize / words::WORD;
        let copy = self.copy;
        let state: &rwlock::State = copy.state_at(at(rwlock::STATE_AT))?;
        let counts = copy.words().get(at(rwlock::COUNTS_AT)..)?;
        if rwlock::length(self.entry.element_count) != Some(self.entry.length) {
            return None;
        }
        let sides = rwlock::Sides::new(state, counts);
        let (writer, writes) = sides.writer().unzip();
        self.holders("writer", writer);
        self.is("writer_is_inside", writes == Some(true));
        let readers = self.people.holders_of(sides.readers());
        self.known.facts.push(("readers", Fact::Holders(readers)));
        self.is("untold_death", sides.is_abandoned());
        self.tallies([("reads_delayed", &state.shut), ("writes_delayed", &state.read)]);
        self.counter("repairs", state.repairs.get());
        self.lock().map(drop)
    }

    fn condvar(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &condvar::State = copy.state()?;
        let of = |notified| state.waiters().filter(move |(_, is)| *is == notified).map(|(id, _)| id);
        self.holders("waiting", of(false));
        self.holders("notified", of(true));
        self.tallies([("waits", &state.unnotified)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn semaphore(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &semaphore::State = copy.state()?;
        self.count("available", state.count());
        self.tallies([("empty", &state.empty)]);
        Some(())
    }

    fn permits(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &permits::State = copy.state()?;
        let total = usize::try_from(self.entry.element_count).ok()?;
        let words = copy.words32().get(size_of::<permits::State>() / 4..)?;
        let permits = permits::Permits::new(state, words.get(..total)?);
        self.count("available", permits.free_now() as u64);
        self.count("total", total as u64);
        self.holders("held_by", permits.owners());
        self.tallies([("empty", &state.empty)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }

    fn event(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &event::State = copy.state()?;
        self.is("set", state.is_set());
        self.counter("sets", state.times_set());
        self.tallies([("waits", &state.unset)]);
        Some(())
    }

    fn barrier(&mut self) -> Option<()> {
        let copy = self.copy;
        let state: &barrier::State = copy.state()?;
        if !copy.is_whole || barrier::length(self.entry.element_count) != Some(self.entry.length) {
            return None;
        }
        let slots = &copy.words()[size_of::<barrier::State>() / words::WORD..];
        let barrier = barrier::Barrier::new(state, slots);
        let (generation, parties) = barrier.attendance();
        self.count("arrived", barrier.waiting() as u64);
        self.count("parties", self.entry.element_count);
        self.is("broken", barrier.is_broken());
        self.holders("arrived_parties", parties);
        self.counter("generations", generation);
        self.tallies([("waits", &state.early)]);
        self.counter("repairs", state.repairs.get());
        Some(())
    }
}
