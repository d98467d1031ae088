//! [`breezeway::Value`] between processes: sums are exact, reads are whole, sections exclude each
//! other, and a death releases the lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use breezeway::{LockError, Segment, Value};
use bytemuck::{CheckedBitPattern, NoUninit, Pod, Zeroable};
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

/// `N` words, all alike in a whole value.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Words<const N: usize>([u64; N]);

impl<const N: usize> Words<N> {
    fn number(&self) -> u64 {
        assert!(self.0.iter().all(|word| *word == self.0[0]), "a torn value: {:?}", self.0);
        self.0[0]
    }
}

/// Not every number is one.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u64)]
enum Depth {
    Deep = 1000,
}

/// Writes without a pause.
fn write_on<const N: usize>(value: &Value<Words<N>>) {
    say("writes");
    for number in 1.. {
        value.set(Words([number; N])).unwrap();
    }
}

fn get_beside_writers<const N: usize>(role: &str, writers: usize) {
    let _watchdog = Watchdog::start(60);
    let name = unique("get-beside");
    let value = Value::create(&name, Words([0_u64; N])).unwrap();
    let mut writers: Vec<_> = (0..writers).map(|_| Role::spawn(in_a_child, &[role, &name])).collect();
    for writer in &mut writers {
        assert_eq!(writer.hear(), "writes");
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut gets = 0;
    // Until they have written meanwhile, too.
    while gets < 200_000 / N || seen.len() < 2 {
        seen.insert(value.get().number());
        gets += 1;
    }
    // Nobody is held up for long by a reader that asked for a pass.
    drop(writers);
    value.set(Words([7; N])).unwrap();
    assert_eq!(value.get_checked().unwrap().number(), 7);
}

#[test]
fn get_beside_one_writer_without_pause_finishes() {
    get_beside_writers::<8>("write on", 1);
    get_beside_writers::<500>("write on long", 1);
}

#[test]
fn get_beside_three_writers_without_pause_finishes() {
    get_beside_writers::<8>("write on", 3);
    get_beside_writers::<500>("write on long", 3);
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Value::open(name).unwrap()),
        ["hold tagged", name] => hold(&Segment::open(name).unwrap().tagged(1).get("value").unwrap()),
        ["write", name, verb] => write(&Value::open(name).unwrap(), verb),
        ["add", name, rounds] => add(&Value::open(name).unwrap(), rounds.parse().unwrap()),
        ["forget", name] => forget(name),
        ["write on", name] => write_on(&Value::<Words<8>>::open(name).unwrap()),
        ["write on long", name] => write_on(&Value::<Words<500>>::open(name).unwrap()),
        ["hammer", name, "1"] => hammer::<1>(name),
        ["hammer", name, "2"] => hammer::<2>(name),
        ["hammer", name, "5"] => hammer::<5>(name),
        ["hammer", name, "8"] => hammer::<8>(name),
        ["hammer", name, "9"] => hammer::<9>(name),
        ["hammer", name, "512"] => hammer::<512>(name),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds the lock until told what to do with it.
fn hold(value: &Value<u64>) {
    let mut guard = value.lock().unwrap();
    *guard += 100;
    say("holding");
    match listen().as_str() {
        "publish" => drop(guard),
        "discard" => guard.discard(),
        word => unreachable!("{word}"),
    }
    say("done");
    listen();
}

fn write(value: &Value<u64>, verb: &str) {
    say(&thread_id());
    match verb {
        "set" => value.set(7).unwrap(),
        "update" => value.update(|v| *v += 1).unwrap(),
        "replace" => assert_eq!(value.replace(7).unwrap(), 101),
        "compare_exchange" => assert_eq!(value.compare_exchange(101, 7).unwrap(), Ok(101)),
        "lock" => *value.lock().unwrap() += 1,
        "lock_timeout" => *value.lock_timeout(Duration::MAX).unwrap() += 1,
        "lock and tell" => say(&value.lock().unwrap().recovered().to_string()),
        verb => unreachable!("{verb}"),
    }
    say("written");
}

fn add(value: &Value<[u64; 2]>, rounds: u64) {
    say("ready");
    listen();
    for _ in 0..rounds {
        value.lock().unwrap()[0] += 1;
        value.update(|v| v[1] += 1).unwrap();
    }
}

fn forget(name: &str) {
    let value = Value::<u64>::open(name).unwrap();
    std::mem::forget(value.lock().unwrap());
    let others: Vec<_> = (0..10).map(|n| Value::new(n).unwrap()).collect();
    for round in 0..100 {
        let mut guards: Vec<_> = others.iter().map(|other| other.lock().unwrap()).collect();
        drop(guards.remove(round % 10));
        guards.drain(3..7);
    }
    assert_eq!(value.clone().lock().err(), Some(LockError::Deadlock));
    say("forgotten");
    listen();
}

fn hammer<const N: usize>(name: &str) {
    let value = Value::<Words<N>>::open(name).unwrap();
    say("hammering");
    for round in 1.. {
        value.set(Words([round; N])).unwrap();
    }
}

#[test]
fn writes_by_processes_sum_exactly() {
    const PROCESSES: u64 = 4;
    const ROUNDS: u64 = 20_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("value-sum");
    let value = Value::create(&name, [0_u64; 2]).unwrap();
    let adders = (0..PROCESSES).map(|_| Role::spawn(in_a_child, &["add", &name, &ROUNDS.to_string()]));
    let mut adders: Vec<_> = adders.collect();
    adders.iter_mut().for_each(|adder| assert_eq!(adder.hear(), "ready"));
    adders.iter_mut().for_each(|adder| adder.tell("go"));
    for adder in adders {
        assert!(adder.join().success());
    }
    assert_eq!(value.get(), [PROCESSES * ROUNDS; 2]);
}

fn reads_are_whole<const N: usize>() {
    const READS: u64 = 100_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("value-reads");
    let value = Value::create(&name, Words([0_u64; N])).unwrap();
    let mut writer = Role::spawn(in_a_child, &["hammer", &name, &N.to_string()]);
    writer.hear();
    let (mut last, mut changes, mut reads) = (0, 0, 0);
    while reads < READS || changes < 30 {
        let number = value.get().number();
        assert!(number >= last, "an old value after a newer one");
        changes += u64::from(number != last);
        reads += 1;
        last = number;
    }
    // Killed wherever it was, it leaves a whole one.
    kill_running(writer);
    assert!(value.get().number() >= last);
}

#[test]
fn get_of_8_bytes_is_never_torn() {
    reads_are_whole::<1>();
}

#[test]
fn get_of_16_bytes_is_never_torn() {
    reads_are_whole::<2>();
}

/// Of the two places that such a value has, one lies across two cache lines.
#[test]
fn get_of_40_bytes_is_never_torn() {
    reads_are_whole::<5>();
}

#[test]
fn get_of_64_bytes_is_never_torn() {
    reads_are_whole::<8>();
}

#[test]
fn get_of_72_bytes_is_never_torn() {
    reads_are_whole::<9>();
}

#[test]
fn get_of_4096_bytes_is_never_torn() {
    reads_are_whole::<512>();
}

/// Stops a busy writer wherever it is, again and again: readers must go on.
fn get_does_not_wait_for_stopped_writer<const N: usize>() {
    const STOPS: u32 = 150;
    let _watchdog = Watchdog::start(120);
    let name = unique("value-stopped");
    let value = Value::create(&name, Words([0_u64; N])).unwrap();
    let mut writer = Role::spawn(in_a_child, &["hammer", &name, &N.to_string()]);
    writer.hear();
    let (reads, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Relaxed) {
                value.get().number();
                reads.fetch_add(1, Relaxed);
            }
        });
        for _ in 0..STOPS {
            stop(writer.pid());
            let before = reads.load(Relaxed);
            while reads.load(Relaxed) < before + 2 {
                std::thread::yield_now();
            }
            resume(writer.pid());
        }
        enough.store(true, Relaxed);
    });
    kill_running(writer);
}

#[test]
fn get_of_64_bytes_does_not_wait_for_stopped_writer() {
    get_does_not_wait_for_stopped_writer::<8>();
}

#[test]
fn get_of_4096_bytes_does_not_wait_for_stopped_writer() {
    get_does_not_wait_for_stopped_writer::<512>();
}

#[test]
fn try_lock_and_lock_timeout_fail_while_held_get_works() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-held");
    let value = Value::create(&name, 1_u64).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    assert_eq!(value.try_lock().err(), Some(LockError::WouldBlock));
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert_eq!(value.lock_timeout(timeout).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
    assert_eq!((value.get(), value.get_checked()), (1, Ok(1)));
    holder.tell("discard");
    assert_eq!(holder.hear(), "done");
    assert_eq!(*value.try_lock().unwrap(), 1);
}

#[test]
fn writes_block_while_lock_is_held() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-writers");
    let value = Value::create(&name, 1_u64).unwrap();
    let verbs = [
        ("set", 7),
        ("update", 102),
        ("replace", 7),
        ("compare_exchange", 7),
        ("lock", 102),
        ("lock_timeout", 102),
    ];
    for (verb, result) in verbs {
        value.set(1).unwrap();
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut writer = Role::spawn(in_a_child, &["write", &name, verb]);
        let thread = writer.hear();
        until_parked(&thread);
        assert_eq!(value.get(), 1, "{verb} got into a section");
        holder.tell("publish");
        assert_eq!(holder.hear(), "done");
        assert_eq!(writer.hear(), "written");
        assert_eq!(value.get(), result, "{verb}");
    }
}

/// A process killed in a section.
fn kill_in_a_section(name: &str) {
    let mut holder = Role::spawn(in_a_child, &["hold", name]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
}

#[test]
fn lock_after_holder_death_changes_nothing_reports_once() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-killed");
    let value = Value::create(&name, 1_u64).unwrap();
    for round in 0..3 {
        kill_in_a_section(&name);
        assert_eq!(value.get(), 1);
        let guard = match round {
            0 => value.lock(),
            1 => value.try_lock(),
            _ => value.lock_timeout(Duration::from_secs(60)),
        };
        let guard = guard.unwrap();
        assert!(guard.recovered());
        assert_eq!(*guard, 1);
        drop(guard);
        assert!(!value.lock().unwrap().recovered(), "told twice");
    }
}

#[test]
fn unguarded_writes_keep_death_report_pending() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-death-report");
    let value = Value::create(&name, 1_u64).unwrap();
    let verbs: [fn(&Value<u64>); 4] = [
        |value| value.set(5).unwrap(),
        |value| value.update(|v| *v = 5).unwrap(),
        |value| assert!(value.replace(5).is_ok()),
        |value| assert!(value.compare_exchange(9, 5).unwrap().is_err()),
    ];
    for verb in verbs {
        kill_in_a_section(&name);
        verb(&value);
        verb(&value);
        assert_eq!(value.try_lock().map(|guard| guard.recovered()), Ok(true));
        assert_eq!(value.try_lock().map(|guard| guard.recovered()), Ok(false));
    }
    kill_in_a_section(&name);
    assert_eq!(value.update(|_| value.lock().err()).unwrap(), Some(LockError::Deadlock));
    assert!(value.lock().unwrap().recovered());
}

#[test]
fn lock_returning_corrupt_keeps_death_report_pending() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-error");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.tagged(1).add::<Value<u64>>("value", 9).unwrap();
    let depth = segment.tagged(1).get::<Value<Depth>>("value").unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold tagged", &name]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
    assert_eq!(depth.lock().err(), Some(LockError::Corrupt { what: "a value" }));
    depth.set(Depth::Deep).unwrap();
    assert!(depth.lock().unwrap().recovered());
}

#[test]
fn lock_waiter_acquires_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-waiter");
    let value = Value::create(&name, 1_u64).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn(in_a_child, &["write", &name, "lock and tell"]);
    let thread = waiter.hear();
    until_parked(&thread);
    holder.kill();
    assert_eq!(waiter.hear(), "true");
    assert_eq!(waiter.hear(), "written");
    assert!(waiter.join().success());
    assert!(!value.lock().unwrap().recovered());
}

#[test]
fn forgotten_guard_holds_lock_until_process_exit() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-forgotten");
    let value = Value::create(&name, 1_u64).unwrap();
    let mut forgetter = Role::spawn(in_a_child, &["forget", &name]);
    assert_eq!(forgetter.hear(), "forgotten");
    assert_eq!(value.try_lock().err(), Some(LockError::WouldBlock));
    assert_eq!(value.get(), 1);
    forgetter.tell("end");
    assert!(forgetter.join().success());
    assert!(value.try_lock().unwrap().recovered());
    assert_eq!(value.get(), 1);
}

#[test]
fn forgotten_guard_holds_lock_until_thread_exit() {
    let _watchdog = Watchdog::start(60);
    let value = Value::new(1_u64).unwrap();
    let clone = value.clone();
    let forgetful = std::thread::spawn(move || {
        std::mem::forget(clone.lock().unwrap());
        drop(clone);
        Value::new(0).unwrap().set(1).unwrap();
    });
    forgetful.join().unwrap();
    until(|| value.try_lock().is_ok_and(|guard| guard.recovered()));
    value.set(2).unwrap();
}
