//! Processes push and pop; every few milliseconds one of them is killed and replaced, others are
//! stopped for a while, and some close every descriptor that they have. No message is lost or
//! delivered twice, no process is stuck, and each producer's order is kept.
//!
//! `BREEZEWAY_STORM_SECONDS` is how long each storm lasts, `BREEZEWAY_STORM_SEED` what it draws the
//! kills, stops and closings from: a storm that fails says its seed.

mod kinds;
mod ledger;

use std::path::Path;
use std::time::{Duration, Instant};

use breezeway::Segment;
use kinds::{Kind, Taken};
use ledger::{Deliveries, LONGEST, Ledger};
use support::cpu_share::CpuShare;
use support::process::{kill_running, resume, stop, until};
use support::scratch::Scratch;
use support::storm::{Closing, Random, Round, how_to_replay, replays, seed};
use support::{Role, Watchdog, role, unique};

/// Pairs of producers and consumers, where there may be more than one.
const PAIRS: usize = 4;

/// Processes a second, at most: the pause between two kills is 4 ms on average.
const STARTS: usize = 300;

/// A message: who pushed it, and its number there.
const NUMBER_BITS: u32 = 32;

fn seconds() -> u64 {
    std::env::var("BREEZEWAY_STORM_SECONDS").map_or(3, |text| text.parse().unwrap())
}

/// The processes of a storm, all generations.
fn processes() -> usize {
    seconds() as usize * STARTS + 2 * PAIRS
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let [side, kind, name, books, process, seed] = &arguments[..] else { unreachable!("{arguments:?}") };
    let ledger = Ledger::open(Path::new(books), processes());
    let (kind, segment) = (Kind::of(kind), Segment::open(name).unwrap());
    let [process, seed] = [process, seed].map(|number| number.parse().unwrap());
    let closing = Closing::of(seed, process);
    match &**side {
        "producer" => produce(kind, &segment, &ledger, process, closing),
        "consumer" => consume(kind, &segment, &ledger, process, closing),
        _ => unreachable!("{side}"),
    }
}

/// So that the queue is full now and empty then, and sleepers are woken: each side dozes now and then.
fn doze(n: u64) {
    if n.is_multiple_of(256) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn produce(kind: Kind, segment: &Segment, ledger: &Ledger, process: u64, mut closing: Closing) {
    let mut push = kind.push(segment);
    for n in 0..LONGEST {
        if ledger.is_over() {
            return;
        }
        ledger.about_to_push(process, n);
        push(process << NUMBER_BITS | n);
        ledger.has_pushed(process, n);
        closing.step();
        doze(n);
    }
}

fn consume(kind: Kind, segment: &Segment, ledger: &Ledger, process: u64, mut closing: Closing) {
    let mut take = kind.take(segment);
    let mut order = Order::new(kind);
    let mut taken = 128;
    loop {
        ledger.put_at_stake(process, kind.at_stake());
        let outcome = take(&mut |message, again| {
            let (producer, n) = (message >> NUMBER_BITS, message & ((1 << NUMBER_BITS) - 1));
            order.check(producer, n);
            ledger.deliver(producer, n, again);
            taken += 1;
        });
        ledger.put_at_stake(process, 0);
        closing.step();
        match outcome {
            Taken::Some => doze(taken),
            Taken::Nothing => std::thread::yield_now(),
            Taken::Over => return,
        }
    }
}

/// The order in which one consumer sees messages.
struct Order {
    kind: Kind,
    /// By producer, its next message at the earliest.
    next: Vec<u64>,
    /// Whose the last one was.
    last: Option<u64>,
}

impl Order {
    fn new(kind: Kind) -> Self {
        Self { kind, next: vec![0; processes()], last: None }
    }

    fn check(&mut self, producer: u64, n: u64) {
        let next = &mut self.next[producer as usize];
        if self.kind.is_ordered() {
            assert!(n >= *next, "message {n} of producer {producer} behind {next}");
        }
        if self.kind.is_single() {
            // Nobody else takes any: there is no gap, and whoever comes after the dead begins anew.
            assert!(
                self.last.is_none() || n == *next,
                "message {n} of producer {producer} instead of {next}"
            );
            assert!(self.last.is_none_or(|last| last <= producer));
        }
        *next = n + 1;
        self.last = Some(producer);
    }
}

/// The processes that are out in the storm.
struct ProcessGroup {
    kind: Kind,
    name: String,
    books: String,
    members: Vec<Member>,
    started: u64,
    seed: u64,
}

struct Member {
    role: Role,
    process: u64,
    is_producer: bool,
}

impl ProcessGroup {
    fn start(&mut self, is_producer: bool) -> Member {
        let process = self.started;
        self.started += 1;
        let side = if is_producer { "producer" } else { "consumer" };
        let kind = format!("{:?}", self.kind);
        let arguments = [side, &kind, &self.name, &self.books, &process.to_string(), &self.seed.to_string()];
        Member { role: Role::spawn(in_a_child, &arguments), process, is_producer }
    }

    /// Kills one, starts another in its place, and says who died.
    fn replace(&mut self, index: usize) -> (u64, bool) {
        let Member { role, process, is_producer } = self.members.swap_remove(index);
        kill_running(role);
        let successor = self.start(is_producer);
        self.members.push(successor);
        (process, is_producer)
    }

    /// Waits for the end of one side, which must be the good one.
    fn join(&mut self, producers: bool) {
        let (ending, staying) =
            std::mem::take(&mut self.members).into_iter().partition(|member| member.is_producer == producers);
        self.members = staying;
        let ending: Vec<Member> = ending;
        ending.into_iter().for_each(|member| assert!(member.role.join().success()));
    }
}

/// What a storm has come to.
#[derive(Debug, Default)]
struct StormTotals {
    kills: u64,
    pushed: u64,
    /// Pushed and never delivered.
    lost: u64,
    /// What killed consumers may have taken with them.
    at_stake: u64,
    again: u64,
}

fn storm(kind: Kind) {
    let seconds = seconds();
    let _share = CpuShare::wait();
    let seed = seed();
    let _watchdog = Watchdog::with_note(2 * seconds + 120, how_to_replay(seed));
    let (scratch, name) = (Scratch::new("storm"), unique("storm"));
    let ledger = Ledger::create(&scratch.file("ledger"), processes());
    let segment = Segment::builder().participants(24).create(&name, 1 << 20).unwrap();
    kind.add_to(&segment);

    let books = scratch.file("ledger").to_str().unwrap().to_owned();
    let mut group = ProcessGroup { kind, name, books, members: Vec::new(), started: 0, seed };
    let pairs = if kind.is_single() { 1 } else { PAIRS };
    for is_producer in (0..pairs).flat_map(|_| [true, false]) {
        let member = group.start(is_producer);
        group.members.push(member);
    }
    let mut totals = StormTotals::default();
    let mut random = Random::of(seed, 0);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end && (group.started as usize) < processes() {
        // Two alone need time to get going, between two deaths.
        let longest = if kind.is_single() { 20_000 } else { 6_000 };
        let round = Round::next(&mut random, 2 * pairs, longest);
        std::thread::sleep(round.pause);
        // Another is stopped wherever it is, and goes on some time after the kill.
        let stopped = round.stopped.map(|(place, time)| (group.members[place].role.pid(), time));
        stopped.inspect(|(pid, _)| stop(*pid));
        let (process, is_producer) = group.replace(round.victim);
        stopped.inspect(|(pid, time)| {
            std::thread::sleep(*time);
            resume(*pid);
        });
        totals.kills += 1;
        totals.at_stake += if is_producer { 0 } else { ledger.at_stake(process) };
        // Somebody goes on.
        let before = ledger.delivered();
        until(|| ledger.delivered() > before);
    }
    ledger.stop();
    group.join(true);
    kind.close(&segment);
    group.join(false);
    settle(kind, &ledger, group.started, &mut totals);
    println!("{kind:?}: {totals:?}");
}

/// Balances the books.
fn settle(kind: Kind, ledger: &Ledger, processes: u64, totals: &mut StormTotals) {
    for process in 0..processes {
        let (pushed, about) = ledger.pushes(process);
        for n in 0..pushed {
            let deliveries = ledger.deliveries(process, n);
            let Deliveries { first, again } = deliveries;
            assert!(first <= 1, "message {n} of {process} doubled: {deliveries:?}");
            assert!(kind.is_leased() || again == 0);
            totals.lost += u64::from(deliveries == Deliveries { first: 0, again: 0 });
            totals.again += u64::from(again);
        }
        // One that was being pushed at the producer's death is there or not, but not twice.
        for n in pushed..about {
            assert!(ledger.deliveries(process, n).first <= 1);
        }
        if about < LONGEST {
            assert_eq!(ledger.deliveries(process, about), Deliveries { first: 0, again: 0 }, "never pushed");
        }
        totals.pushed += pushed;
    }
    assert!(totals.lost <= totals.at_stake, "more are lost than the dead had in their hands: {totals:?}");
    assert!(totals.kills > 0 && totals.pushed > 0);
}

#[test]
fn storm_seed_replays_schedule() {
    assert!(replays(seed()));
}

#[test]
fn mpmc_push_pop_under_kills() {
    storm(Kind::Values);
}

#[test]
fn mpmc_push_slice_pop_slice_under_kills() {
    storm(Kind::Batches);
}

#[test]
fn mpmc_large_values_under_kills() {
    storm(Kind::Pages);
}

#[test]
fn mpmc_lease_under_kills() {
    storm(Kind::Leases);
}

#[cfg(feature = "serde")]
#[test]
fn message_push_pop_under_kills() {
    storm(Kind::Messages);
}

#[cfg(feature = "serde")]
#[test]
fn joinable_get_done_under_kills() {
    storm(Kind::Jobs);
}

#[test]
fn spsc_push_pop_under_kills() {
    storm(Kind::Spsc);
}

#[test]
fn bytes_push_read_under_kills() {
    storm(Kind::Bytes);
}
