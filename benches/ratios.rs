//! The ratios that breezeway promises, measured in interleaved rounds.
//!
//! The machines this runs on are shared: the same loop takes twice the time a moment later. So the sides of all ratios take
//! turns, a short batch each, until each has had its share of the round; a side's number is the median of its rounds, each
//! the median of its batches; and only ratios of those mean anything.
//!
//! Run by `cargo bench --bench ratios`, with `-- --rounds N` for other than 15. Run as a test, it only checks that everything
//! works.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use breezeway::sync::Mutex;
use breezeway::{Array, Value};

mod support;

use support::locks::{Lock, Posix, RawSync, SpinWord};
use support::page::Page;
use support::partner::Partner;
use support::race::{self, Track};

/// How long a batch takes, about.
const BATCH: Duration = Duration::from_micros(400);
/// How many batches of each side a round has.
const BATCHES: usize = 50;

const MIB: usize = 1 << 20;

/// A promise: the first side's time is no more than so many times the second's; or, alone, than so many nanoseconds.
struct Ratio {
    what: &'static str,
    over: &'static str,
    under: Option<&'static str>,
    most: f64,
}

const RATIOS: [Ratio; 5] = [
    Ratio { what: "mutex, alone", over: MUTEX, under: Some(ROBUST), most: 1.1 },
    Ratio { what: "Value<u64>::get, ns", over: GET, under: None, most: 3.0 },
    Ratio { what: "*lock()? += 1, to the bare mutex", over: ADD, under: Some(MUTEX), most: 1.6 },
    Ratio {
        what: "to_vec of 1 MiB, to private memory",
        over: TO_VEC,
        under: Some(VEC_TO_VEC),
        most: 1.0 / 0.7,
    },
    Ratio { what: "mutex, two processes", over: MUTEX_RACE, under: Some(ROBUST_RACE), most: 1.2 },
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
    let arguments: Vec<String> = std::env::args().collect();
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let rounds = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
    let rounds = rounds.map_or(15, |rounds| rounds.parse().expect("a number of rounds"));

    support::settle();
    let (racers, alone) = (Racers::new(), Alone::new());
    let mut sides = alone.sides();
    sides.extend(racers.sides());
    if is_bench {
        sides.iter_mut().for_each(Side::calibrate);
        for _ in 0..rounds {
            (0..BATCHES).for_each(|_| sides.iter_mut().for_each(Side::play_batch));
            sides.iter_mut().for_each(Side::end_round);
        }
        report(&sides);
    } else {
        sides.iter_mut().for_each(Side::play_batch);
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
    robust: Posix,
    plain: Posix,
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
            robust: Posix::robust(page, 0),
            plain: Posix::plain(page, 1),
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

    fn sides(&self) -> Vec<Side<'_>> {
        vec![
            Side::looped(MUTEX, || black_box(&self.mutex).locked(|| ())),
            Side::looped(ROBUST, || black_box(&self.robust).locked(|| ())),
            Side::looped(PLAIN, || black_box(&self.plain).locked(|| ())),
            Side::looped(RAW_SYNC, || black_box(&self.raw_sync).locked(|| ())),
            Side::looped(SPIN, || black_box(&self.spin).locked(|| ())),
            Side::looped(GET, || black_box(&self.value).get()),
            Side::looped(LOAD, || black_box(&self.atomic).load(Ordering::Acquire)),
            Side::new(ADD, |times| {
                self.added.set(self.added.get() + times);
                timed(times, || *black_box(&self.number).lock().expect("the lock") += 1)
            }),
            Side::looped(TO_VEC, || black_box(&self.array).to_vec()),
            Side::looped(VEC_TO_VEC, || black_box(&self.private).to_vec()),
        ]
    }
}

/// What two processes do at one lock.
struct Racers {
    partner: Partner,
    track: Track,
    mutex: Mutex,
    robust: Posix,
    raw_sync: RawSync,
    /// Sections, and how often the lock changed hands in them; a pair for each job.
    turns: [Cell<(u64, u64)>; 3],
}

impl Racers {
    fn new() -> Self {
        let (page, track, mutex) = (Page::new(), Track::new(), Mutex::new().expect("a mutex"));
        let (robust, raw_sync) = (Posix::robust(page, 0), RawSync::new(page, 1));
        let partner = Partner::fork(|| {
            let (mutex, raw_sync) = (mutex.clone(), RawSync::existing(page, 1));
            vec![race::job(mutex, track), race::job(robust, track), race::job(raw_sync, track)]
        });
        Self { partner, track, mutex, robust, raw_sync, turns: Default::default() }
    }

    fn sides(&self) -> [Side<'_>; 3] {
        [
            self.side(MUTEX_RACE, 0, &self.mutex),
            self.side(ROBUST_RACE, 1, &self.robust),
            self.side(RAW_SYNC_RACE, 2, &self.raw_sync),
        ]
    }

    fn side<'a>(&'a self, name: &'static str, job: usize, lock: &'a impl Lock) -> Side<'a> {
        Side::new(name, move |sections| {
            let outcome = race::race(&self.partner, job, lock, self.track, sections);
            let (all, turns) = self.turns[job].get();
            self.turns[job].set((all + sections, turns + outcome.turns));
            outcome.elapsed
        })
    }

    /// A lock that seldom changes hands looks fast: its sections are mostly one process's, alone.
    fn report(&self) {
        println!("\n{:<36} {:>11}", "side", "sections before the lock changes hands");
        for (name, turns) in [MUTEX_RACE, ROBUST_RACE, RAW_SYNC_RACE].iter().zip(&self.turns) {
            let (all, turns) = turns.get();
            println!("{name:<36} {:>11.1}", all as f64 / turns.max(1) as f64);
        }
    }
}

/// One thing to be measured.
struct Side<'a> {
    name: &'static str,
    /// Does the thing so many times and says how long that took.
    batch: Box<dyn FnMut(u64) -> Duration + 'a>,
    /// How many times make a batch.
    times: u64,
    /// Nanoseconds, a number for each batch of the round.
    batches: Vec<f64>,
    /// Nanoseconds, a number for each round.
    rounds: Vec<f64>,
}

impl<'a> Side<'a> {
    fn new(name: &'static str, batch: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name, batch: Box::new(batch), times: 1, batches: Vec::new(), rounds: Vec::new() }
    }

    /// A side whose batch is a loop.
    fn looped<R>(name: &'static str, once: impl Fn() -> R + 'a) -> Self {
        Self::new(name, move |times| timed(times, &once))
    }

    fn calibrate(&mut self) {
        while (self.batch)(self.times) < BATCH {
            self.times *= 2;
        }
    }

    fn play_batch(&mut self) {
        self.batches.push((self.batch)(self.times).as_nanos() as f64 / self.times as f64);
    }

    fn end_round(&mut self) {
        self.rounds.push(median(&self.batches));
        self.batches.clear();
    }
}

/// How long it takes to do something so many times.
#[inline(always)]
fn timed<R>(times: u64, once: impl Fn() -> R) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        black_box(once());
    }
    start.elapsed()
}

fn report(sides: &[Side<'_>]) {
    println!("{:<36} {:>11} {:>22}", "side", "median, ns", "fastest..slowest round");
    for side in sides {
        let fastest = side.rounds.iter().copied().fold(f64::MAX, f64::min);
        let slowest = side.rounds.iter().copied().fold(0.0, f64::max);
        println!("{:<36} {:>11.2} {fastest:>11.2}..{slowest:.2}", side.name, median(&side.rounds));
    }
    let of = |name: &str| {
        let side = sides.iter().find(|side| side.name == name).expect("a side of this name");
        median(&side.rounds)
    };
    println!("\n{:<36} {:>11} {:>11}", "ratio", "measured", "promised");
    for Ratio { what, over, under, most } in RATIOS {
        let measured = of(over) / under.map_or(1.0, of);
        let verdict = if measured <= most { "kept" } else { "MISSED" };
        println!("{what:<36} {measured:>11.2} {:>11} {verdict}", format!("<= {most:.2}"));
    }
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
