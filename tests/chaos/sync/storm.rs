//! Processes use all the objects of `sync` in one segment at random; every few milliseconds one of
//! them is killed and replaced, others are stopped for a while, and some close every descriptor that
//! they have. Locks exclude, no permit is lost or doubled, no waiter is skipped, and no process is
//! stuck.
//!
//! `BREEZEWAY_STORM_SECONDS` is how long the storm lasts, `BREEZEWAY_STORM_SEED` what it draws the
//! kills, stops and closings from: a storm that fails says its seed.

mod ledger;
mod work;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use breezeway::Segment;
use ledger::{DEEDS, Deed, Ledger, PLACES};
use support::cpu_share::CpuShare;
use support::death::has_ended;
use support::process::{kill_running, resume, stop, until};
use support::scratch::Scratch;
use support::storm::{Closing, Random, Round, how_to_replay, seed};
use support::{Role, Watchdog, role, unique};
use work::{Objects, PARTIES, TOTAL, Worker};

/// Those who see to it that nobody waits for ever. The others wait as long as it takes.
const SERVERS: usize = 2;

/// Processes a second, at most.
const STARTS: usize = 300;
/// Things that are done once, a second.
const ONCES: usize = 20;

/// Between two calms, in each of which everybody must get on.
const GALE: Duration = Duration::from_millis(400);
/// So far.
const STEPS: u64 = 20;
/// Who has not got on after so long is named; it may yet get on, until the watchdog ends the test.
const PATIENCE: Duration = Duration::from_secs(30);

fn seconds() -> u64 {
    std::env::var("BREEZEWAY_STORM_SECONDS").map_or(4, |text| text.parse().unwrap())
}

/// The processes of a storm, all generations. The first is the one that raises it.
fn processes() -> usize {
    seconds() as usize * STARTS + PLACES + 1
}

fn onces() -> usize {
    seconds() as usize * ONCES + 1
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let [name, books, process, place, seed] = &arguments[..] else { unreachable!("{arguments:?}") };
    let ledger = Ledger::open(Path::new(books), processes(), onces());
    let objects = Objects::of(&Segment::open(name).unwrap());
    let [process, place] = [process, place].map(|number| number.parse().unwrap());
    let (seed, number): (u64, u64) = (seed.parse().unwrap(), process as u64);
    let (objects, ledger, random) = (&objects, &ledger, Random::of(seed, number));
    let closing = Closing::of(seed, number);
    Worker { objects, ledger, process, place, random, closing }.run(place < SERVERS);
}

/// The processes that are out in the storm.
struct ProcessGroup<'a> {
    ledger: &'a Ledger,
    name: String,
    books: String,
    /// By place.
    members: Vec<Member>,
    started: usize,
    seed: u64,
}

struct Member {
    role: Role,
    process: usize,
}

impl ProcessGroup<'_> {
    fn start(&mut self, place: usize) -> Member {
        self.started += 1;
        let process = self.started;
        let arguments =
            [&*self.name, &self.books, &process.to_string(), &place.to_string(), &self.seed.to_string()];
        Member { role: Role::spawn(in_a_child, &arguments), process }
    }

    /// Kills the one in a place, starts another there, and says what the dead one was at.
    fn replace(&mut self, place: usize) -> Deed {
        let Member { role, process } = self.members.remove(place);
        kill_running(role);
        let successor = self.start(place);
        self.members.insert(place, successor);
        self.ledger.at(process)
    }

    /// Nobody is killed until everybody has got on, each by itself.
    fn calm(&self) {
        let begin = Instant::now();
        let before: Vec<_> = self.members.iter().map(|member| self.ledger.done(member.process)).collect();
        for (place, Member { process, role }) in self.members.iter().enumerate() {
            let mut is_named = false;
            until(|| {
                let at = self.ledger.at(*process);
                assert!(!has_ended(role.pid()), "it ended by itself, at {at:?}");
                if !is_named && begin.elapsed() > PATIENCE {
                    is_named = true;
                    // Not by the macro, whose words a test that is aborted keeps to itself.
                    let _ = writeln!(std::io::stderr(), "place {place} has long been at {at:?}");
                }
                self.ledger.done(*process) >= before[place] + STEPS
            });
        }
    }
}

/// What the storm has come to.
#[derive(Debug, Default)]
struct StormTotals {
    kills: u64,
    /// In the middle of what.
    killed_at: [u64; DEEDS.len()],
    calms: u64,
}

#[test]
fn all_primitives_under_kills() {
    let seconds = seconds();
    let _share = CpuShare::wait();
    let seed = seed();
    let _watchdog = Watchdog::with_note(3 * seconds + 120, how_to_replay(seed));
    let (scratch, name) = (Scratch::new("sync-storm"), unique("sync-storm"));
    let ledger = Ledger::create(&scratch.file("ledger"), processes(), onces());
    let options = Segment::builder().participants(24).objects(onces() as u32 + 16);
    let segment = options.create(&name, 1 << 20).unwrap();
    let objects = Objects::add_to(&segment, onces());

    let books = scratch.file("ledger").to_str().unwrap().to_owned();
    let mut group = ProcessGroup { ledger: &ledger, name, books, members: Vec::new(), started: 0, seed };
    for place in 0..PLACES {
        let member = group.start(place);
        group.members.push(member);
    }
    let mut totals = StormTotals::default();
    let mut random = Random::of(seed, 0);
    let begin = Instant::now();
    let mut calmed = begin;
    while begin.elapsed().as_secs() < seconds && group.started + 1 < processes() {
        let round = Round::next(&mut random, PLACES, 6_000);
        std::thread::sleep(round.pause);
        // Another is stopped wherever it is, and goes on some time after the kill.
        let stopped = round.stopped.map(|(place, time)| (group.members[place].role.pid(), time));
        stopped.inspect(|(pid, _)| stop(*pid));
        totals.killed_at[group.replace(round.victim) as usize] += 1;
        totals.kills += 1;
        stopped.inspect(|(pid, time)| {
            std::thread::sleep(*time);
            resume(*pid);
        });
        if calmed.elapsed() > GALE {
            group.calm();
            totals.calms += 1;
            calmed = Instant::now();
        }
        // All in the same time, however many may come by.
        let share = begin.elapsed().as_secs_f64() / seconds as f64;
        let turn = (share * (onces() - 1) as f64) as usize;
        ledger.turn().store(turn.min(onces() - 1) as u64, SeqCst);
    }
    group.calm();
    come_to_an_end(&ledger, &objects, group);
    settle(&ledger, &objects, &segment);
    print(&totals, &ledger);
    assert!(totals.kills > 0);
}

/// Everybody ends, and is let through where it waits.
fn come_to_an_end(ledger: &Ledger, objects: &Objects, group: ProcessGroup<'_>) {
    ledger.stop();
    until(|| {
        objects.barrier.abort();
        objects.event.set();
        objects.condvar.notify_all();
        ledger.begin(0, Deed::Release, 1);
        objects.semaphore.release(1).unwrap();
        ledger.complete(0, Deed::Release, 1);
        group.members.iter().all(|member| has_ended(member.role.pid()))
    });
    group.members.into_iter().for_each(|member| assert!(member.role.join().success()));
}

/// Balances the books.
fn settle(ledger: &Ledger, objects: &Objects, segment: &Segment) {
    segment.reap().unwrap();
    // Behind an exclusive lock, nothing is lost and nothing doubled.
    let assert_within = |count: u64, deed: Deed| {
        let (begun, completed) = ledger.sums(deed);
        assert!((completed..=begun).contains(&count), "{deed:?}: {completed} <= {count} <= {begun}");
        assert!(completed > 0, "{deed:?} was never done");
    };
    for deed in [Deed::Mutex, Deed::ReentrantMutex, Deed::Write] {
        assert_within(ledger.pair(deed)[0].load(SeqCst), deed);
    }
    let [put, taken] = ledger.pair(Deed::Put).map(|word| word.load(SeqCst));
    assert_within(put, Deed::Put);
    assert_within(taken, Deed::Take);
    // What is left of the permits, give or take those that were being released or acquired at a death.
    let ((released, released_for_sure), (acquired, acquired_for_sure)) =
        (ledger.sums(Deed::Release), ledger.sums(Deed::Acquire));
    let left = objects.semaphore.available() as u64;
    assert!(left + acquired >= released_for_sure, "permits are lost: {left}");
    assert!(left + acquired_for_sure <= released, "permits are doubled: {left}");
    // The permits of the dead came back.
    assert_eq!(objects.bounded.available(), TOTAL);
    // Each who passed the barrier was one of as many as there are parties.
    let (meetings, passes) = ledger.sums(Deed::Meet);
    let by_index: Vec<u64> = (0..PARTIES).map(|index| ledger.sum_of_passes(index)).collect();
    let [most, fewest] = [by_index.iter().max(), by_index.iter().min()].map(Option::unwrap);
    assert!(most - fewest <= meetings - passes, "{by_index:?}, and {} died", meetings - passes);
    assert!(*most > 0 && most <= &ledger.actions().load(SeqCst));
    for deed in [Deed::Read, Deed::Permit, Deed::Event, Deed::Once, Deed::Pulse] {
        assert!(ledger.sums(deed).1 > 0, "{deed:?} was never done");
    }
    // All is as good as new.
    drop(objects.mutex.try_lock().unwrap());
    drop(objects.reentrant.try_lock().unwrap());
    drop(objects.rwlock.try_write().unwrap());
    drop(objects.rwlock.try_read().unwrap());
    drop(objects.rack.try_lock().unwrap());
    assert_eq!(objects.condvar.notify_all(), 0, "nobody waits");
    objects.barrier.reset();
    assert_eq!(objects.barrier.waiting(), 0);
    let permits: Vec<_> = (0..TOTAL).map(|_| objects.bounded.try_acquire().unwrap()).collect();
    assert!(objects.bounded.try_acquire().is_err());
    drop(permits);
    for n in 0..ledger.onces() {
        let [begun, done] = ledger.once(n).map(|word| word.load(SeqCst));
        let once = objects.once(n);
        assert!(done == 0 || once.is_completed());
        let mut called = false;
        once.try_call_once(|state| {
            called = true;
            assert!(begun == 0 || state.recovered());
        })
        .unwrap();
        assert!(!called || done == 0);
    }
}

fn print(totals: &StormTotals, ledger: &Ledger) {
    println!("{} kills, {} operations, {} calms", totals.kills, ledger.operations(), totals.calms);
    for (deed, killed) in DEEDS.iter().zip(totals.killed_at) {
        println!("  {deed:?}: {} completed, {killed} killed at it", ledger.sums(*deed).1);
    }
}
