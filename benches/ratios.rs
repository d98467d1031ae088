//! The ratios that breezeway promises, measured in interleaved rounds.
//!
//! Run by `cargo bench --bench ratios`, with `-- --rounds N` for other than 15. Run as a test, it only checks that everything
//! works.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::sync::Mutex;
use breezeway::{Array, Value};
use breezeway_bench::kernel::affinity;
use breezeway_bench::kernel::pthread as c;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::{Lock, SpinWord};
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::contention::{self, SharedCounter};
use breezeway_bench::runner::{self, Bound::AtMost, Promise, Entry, timed};

mod support;

use support::raw_sync::RawSync;

const MIB: usize = 1 << 20;

const PROMISES: [Promise; 5] = [
    Promise { what: "mutex, alone", of: MUTEX, to: &[ROBUST], bound: AtMost(1.1) },
    Promise { what: "Value<u64>::get, ns", of: GET, to: &[], bound: AtMost(3.0) },
    Promise { what: "*lock()? += 1, to the bare mutex", of: ADD, to: &[MUTEX], bound: AtMost(1.6) },
    Promise {
        what: "to_vec of 1 MiB, to private memory",
        of: TO_VEC,
        to: &[VEC_TO_VEC],
        bound: AtMost(1.0 / 0.7),
    },
    Promise { what: "mutex, two processes", of: MUTEX_RACE, to: &[ROBUST_RACE], bound: AtMost(1.2) },
];

const MUTEX: &str = "Mutex, lock and unlock";
const ROBUST: &str = "robust pthread mutex";
const PLAIN: &str = "pthread mutex";
const RAW_SYNC: &str = "raw_sync mutex";
const SPIN: &str = "compare and swap, swap";
const GET: &str = "Value<u64>::get";
const LOAD: &str = "AtomicU64::load";
const ADD: &str = "*value.lock()? += 1";
const TO_VEC: &str = "Array<u8>::to_vec, 1 MiB";
const VEC_TO_VEC: &str = "Vec<u8>::to_vec, 1 MiB";
const MUTEX_RACE: &str = "two processes: Mutex";
const ROBUST_RACE: &str = "two processes: robust pthread mutex";
const RAW_SYNC_RACE: &str = "two processes: raw_sync mutex";

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");

    affinity::settle();
    let (racers, alone) = (Racers::new(), Alone::new());
    let mut sides = alone.sides();
    sides.extend(racers.sides());
    if is_bench {
        runner::play(&mut sides, runner::rounds());
        runner::report(&sides, &PROMISES);
    } else {
        sides.iter_mut().for_each(Entry::play_batch);
    }
    drop(sides);
    if is_bench {
        racers.report();
    }
    assert_eq!(alone.number.get(), alone.added.get(), "every addition has counted");
}

/// What one process does alone.
struct Alone {
    mutex: Mutex,
    robust: c::Mutex,
    plain: c::Mutex,
    raw_sync: RawSync,
    spin: SpinWord,
    value: Value<u64>,
    atomic: AtomicU64,
    number: Value<u64>,
    added: Cell<u64>,
    array: Array<u8>,
    private: Vec<u8>,
}

impl Alone {
    fn new() -> Self {
        let page = Page::new();
        let private: Vec<u8> = (0..MIB).map(|n| n as u8).collect();
        let alone = Self {
            mutex: Mutex::new().expect("a mutex"),
            robust: c::Mutex::robust(page, 0),
            plain: c::Mutex::plain(page, 1),
            raw_sync: RawSync::new(page, 2),
            spin: SpinWord::new(page, 3),
            value: Value::new(7).expect("a value"),
            atomic: AtomicU64::new(7),
            number: Value::new(0).expect("a value"),
            added: Cell::new(0),
            array: Array::new(&private).expect("an array"),
            private,
        };
        assert_eq!(alone.value.get(), 7);
        assert_eq!(alone.array.to_vec(), alone.private);
        alone
    }

    fn sides(&self) -> Vec<Entry<'_>> {
        vec![
            Entry::looped(MUTEX, || black_box(&self.mutex).locked(|| ())),
            Entry::looped(ROBUST, || black_box(&self.robust).locked(|| ())),
            Entry::looped(PLAIN, || black_box(&self.plain).locked(|| ())),
            Entry::looped(RAW_SYNC, || black_box(&self.raw_sync).locked(|| ())),
            Entry::looped(SPIN, || black_box(&self.spin).locked(|| ())),
            Entry::looped(GET, || black_box(&self.value).get()),
            Entry::looped(LOAD, || black_box(&self.atomic).load(Ordering::Acquire)),
            Entry::new(ADD, |times| {
                self.added.set(self.added.get() + times);
                timed(times, || *black_box(&self.number).lock().expect("the lock") += 1)
            }),
            Entry::looped(TO_VEC, || black_box(&self.array).to_vec()),
            Entry::looped(VEC_TO_VEC, || black_box(&self.private).to_vec()),
        ]
    }
}

/// What two processes do at one lock.
struct Racers {
    peer: PeerProcess,
    counter: SharedCounter,
    mutex: Mutex,
    robust: c::Mutex,
    raw_sync: RawSync,
    /// Sections, and how often the lock changed hands in them; a pair for each job.
    turns: [Cell<(u64, u64)>; 3],
}

impl Racers {
    fn new() -> Self {
        let (page, counter, mutex) = (Page::new(), SharedCounter::new(), Mutex::new().expect("a mutex"));
        let (robust, raw_sync) = (c::Mutex::robust(page, 0), RawSync::new(page, 1));
        let peer = PeerProcess::fork(|| {
            let (mutex, raw_sync) = (mutex.clone(), RawSync::existing(page, 1));
            vec![contention::job(mutex, counter), contention::job(robust, counter), contention::job(raw_sync, counter)]
        });
        Self { peer, counter, mutex, robust, raw_sync, turns: Default::default() }
    }

    fn sides(&self) -> [Entry<'_>; 3] {
        [
            self.side(MUTEX_RACE, 0, &self.mutex),
            self.side(ROBUST_RACE, 1, &self.robust),
            self.side(RAW_SYNC_RACE, 2, &self.raw_sync),
        ]
    }

    fn side<'a>(&'a self, name: &'static str, job: usize, lock: &'a impl Lock) -> Entry<'a> {
        Entry::new(name, move |sections| {
            let outcome = contention::race(&self.peer, job, lock, self.counter, sections);
            let (all, turns) = self.turns[job].get();
            self.turns[job].set((all + sections, turns + outcome.turns));
            outcome.elapsed
        })
    }

    /// A lock that seldom changes hands looks fast: its sections are mostly one process's, alone.
    fn report(&self) {
        println!("\n{:<44} {:>11}", "side", "sections before the lock changes hands");
        for (name, turns) in [MUTEX_RACE, ROBUST_RACE, RAW_SYNC_RACE].iter().zip(&self.turns) {
            let (all, turns) = turns.get();
            println!("{name:<44} {:>11.1}", all as f64 / turns.max(1) as f64);
        }
    }
}
