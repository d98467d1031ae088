//! [`breezeway::Array`] between processes: elements are whole, snapshots are of one time, sections exclude, the dead let go.

#[allow(unreachable_pub)]
mod support;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use breezeway::{Array, Journaled, LockError, Shareable};
use bytemuck::AnyBitPattern;
use support::process::{die_with_parent, kill_running, resume, stop, thread_id, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

/// Elements that tell a number, and whether they are whole.
trait Numbered: Shareable + AnyBitPattern + PartialEq + Debug {
    fn of(number: u64) -> Self;

    /// The number; fewer bits of it in smaller types.
    fn number(self) -> u64;

    fn is_whole(self) -> bool {
        Self::of(self.number()) == self
    }
}

/// Repeats the number's low bits.
macro_rules! numbered {
    ($($element:ty: $of:expr, $number:expr;)*) => {$(
        impl Numbered for $element {
            fn of(number: u64) -> Self {
                $of(number)
            }

            fn number(self) -> u64 {
                $number(self)
            }
        }
    )*};
}

numbered! {
    u16: |n| n as u16 & 0xff | (n as u16 & 0xff) << 8, |x| u64::from(x & 0xff);
    u64: |n| n & 0xffff_ffff | n << 32, |x| x & 0xffff_ffff;
    [u8; 3]: |n| [n as u8; 3], |x: [u8; 3]| x[0].into();
    [u8; 7]: |n| [n as u8; 7], |x: [u8; 7]| x[0].into();
    [u64; 3]: |n| [n; 3], |x: [u64; 3]| x[0];
    [u64; 25]: |n| [n; 25], |x: [u64; 25]| x[0];
}

const LEN: usize = 13;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Array::open(name).unwrap()),
        ["write", name, verb] => write(&Array::open(name).unwrap(), verb),
        ["count", name, index, rounds] => count(name, index.parse().unwrap(), rounds.parse().unwrap()),
        ["set", name, "2"] => set::<u16>(name),
        ["set", name, "3"] => set::<[u8; 3]>(name),
        ["set", name, "7"] => set::<[u8; 7]>(name),
        ["set", name, "8"] => set::<u64>(name),
        ["set", name, "24"] => set::<[u64; 3]>(name),
        ["set", name, "200"] => set::<[u64; 25]>(name),
        ["fill", name, "8"] => fill::<u64>(name),
        ["fill", name, "24"] => fill::<[u64; 3]>(name),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds the lock until told what to do with it.
fn hold(array: &Array<u64>) {
    let mut section = array.lock_range(..2).unwrap();
    section.fill(100);
    say("holding");
    match listen().as_str() {
        "publish" => drop(section),
        "discard" => section.discard(),
        word => unreachable!("{word}"),
    }
    say("done");
    listen();
}

fn write(array: &Array<u64>, verb: &str) {
    say(&thread_id());
    match verb {
        "set" => array.set(0, 7).unwrap(),
        "set elsewhere" => array.set(3, 7).unwrap(),
        "update" => array.update(0, |x| *x += 1).unwrap(),
        "write" => array.write(.., &[7; 4]).unwrap(),
        "lock" => array.lock().unwrap()[1] += 1,
        "lock_range" => array.lock_range(3..).unwrap()[0] += 1,
        "lock_timeout" => array.lock_timeout(Duration::MAX).unwrap()[1] += 1,
        "to_vec" => assert_eq!(array.to_vec(), [100, 100, 3, 4]),
        "read_into" => array.read_into(.., &mut [0; 4]).unwrap(),
        "lock and tell" => say(&array.lock().unwrap().recovered().to_string()),
        verb => unreachable!("{verb}"),
    }
    say("written");
}

/// Counts in one element, by each verb in turn.
fn count(name: &str, index: usize, rounds: u64) {
    let array = Array::<u16>::open(name).unwrap();
    say("ready");
    listen();
    for round in 0..rounds {
        match round % 4 {
            0 => array.update(index, |x| *x = x.wrapping_add(1)).unwrap(),
            1 => array.set(index, array.get(index).unwrap().wrapping_add(1)).unwrap(),
            2 => array.lock_range(index..=index).unwrap()[0] += 1,
            _ => array.write(index..=index, &[array.get(index).unwrap().wrapping_add(1)]).unwrap(),
        }
    }
}

/// Sets single elements, on and on.
fn set<T: Numbered>(name: &str) {
    die_with_parent();
    let array = Array::<T>::open(name).unwrap();
    say("setting");
    for round in 0.. {
        array.set(round as usize % LEN, T::of(round)).unwrap();
    }
}

/// Makes all elements alike in sections and writes, on and on.
fn fill<T: Numbered>(name: &str) {
    die_with_parent();
    let array = Array::<T>::open(name).unwrap();
    say("filling");
    for round in array.to_vec()[0].number() + 1.. {
        match round % 2 {
            0 => array.lock().unwrap().fill(T::of(round)),
            _ => array.write(.., &[T::of(round); LEN]).unwrap(),
        }
    }
}

fn elements_are_whole<T: Numbered>() {
    let _watchdog = Watchdog::start(120);
    let name = unique("array-whole");
    let array = Array::create(&name, [T::of(0); LEN]).unwrap();
    let mut writer = Role::spawn("in_a_child", &["set", &name, &size_of::<T>().to_string()]);
    writer.hear();
    let (mut changes, mut reads, mut last) = (0, 0, T::of(0));
    while reads < 20_000 || changes < 100 {
        let element = array.get(reads % LEN).unwrap();
        assert!(element.is_whole(), "a torn element: {element:?}");
        changes += u32::from(element != last);
        reads += 1;
        last = element;
    }
    kill_running(writer);
    assert!(array.to_vec().iter().all(|element| element.is_whole()));
}

#[test]
fn small_elements_are_never_torn() {
    elements_are_whole::<u16>();
    elements_are_whole::<u64>();
}

#[test]
fn small_elements_of_odd_sizes_are_never_torn() {
    elements_are_whole::<[u8; 3]>();
    elements_are_whole::<[u8; 7]>();
}

#[test]
fn large_elements_are_never_torn() {
    elements_are_whole::<[u64; 3]>();
    elements_are_whole::<[u64; 25]>();
}

fn snapshots_are_of_one_time<T: Numbered>() {
    let _watchdog = Watchdog::start(120);
    let name = unique("array-snapshot");
    let array = Array::create(&name, [T::of(0); LEN]).unwrap();
    let mut writer = Role::spawn("in_a_child", &["fill", &name, &size_of::<T>().to_string()]);
    writer.hear();
    let (mut changes, mut reads, mut last) = (0, 0, 0);
    let mut part = [T::of(0); 5];
    while reads < 5_000 || changes < 100 {
        let all = match reads % 4 {
            0 => array.to_vec(),
            1 => array.try_to_vec().unwrap(),
            2 => array.lock().unwrap().to_vec(),
            _ => {
                array.read_into(4..9, &mut part).unwrap();
                part.to_vec()
            }
        };
        assert!(all.iter().all(|element| *element == all[0]), "of several times: {all:?}");
        let number = all[0].number();
        assert!(number >= last, "an old snapshot after a newer one");
        changes += u32::from(number != last);
        reads += 1;
        last = number;
    }
    kill_running(writer);
}

#[test]
fn a_snapshot_is_of_one_time() {
    snapshots_are_of_one_time::<u64>();
    snapshots_are_of_one_time::<[u64; 3]>();
}

#[test]
fn neighbours_in_a_word_do_not_disturb_each_other() {
    const ROUNDS: u16 = 10_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("array-neighbours");
    let array = Array::<u16>::create(&name, 4).unwrap();
    let counters =
        (0..4).map(|n| Role::spawn("in_a_child", &["count", &name, &n.to_string(), &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(array.to_vec(), [ROUNDS; 4]);
}

#[test]
fn a_section_in_another_process_keeps_writers_out_but_not_readers_of_small_elements() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-held");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    stop(holder.pid());
    assert_eq!(array.try_lock().err(), Some(LockError::WouldBlock));
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert_eq!(array.lock_timeout(timeout).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
    assert_eq!((array.get(0), array.try_get(1)), (Some(1), Ok(2)));
    resume(holder.pid());
    holder.tell("discard");
    assert_eq!(holder.hear(), "done");
    assert_eq!(*array.try_lock().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn every_write_and_every_snapshot_waits_for_the_end_of_a_section_in_another_process() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-writers");
    let array = Array::<u64>::create(&name, 4).unwrap();
    let verbs = [
        ("set", [7, 100, 3, 4]),
        ("set elsewhere", [100, 100, 3, 7]),
        ("update", [101, 100, 3, 4]),
        ("write", [7, 7, 7, 7]),
        ("lock", [100, 101, 3, 4]),
        ("lock_range", [100, 100, 3, 5]),
        ("lock_timeout", [100, 101, 3, 4]),
        ("to_vec", [100, 100, 3, 4]),
        ("read_into", [100, 100, 3, 4]),
    ];
    for (verb, result) in verbs {
        array.write(.., &[1, 2, 3, 4]).unwrap();
        let mut holder = Role::spawn("in_a_child", &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut writer = Role::spawn("in_a_child", &["write", &name, verb]);
        let thread = writer.hear();
        until_parked(&thread);
        let now: Vec<_> = (0..4).map(|index| array.get(index).unwrap()).collect();
        assert_eq!(now, [1, 2, 3, 4], "{verb} got into a section");
        holder.tell("publish");
        assert_eq!(holder.hear(), "done");
        assert_eq!(writer.hear(), "written");
        assert_eq!(array.to_vec(), result, "{verb}");
    }
}

/// A process killed in a section.
fn kill_in_a_section(name: &str) {
    let mut holder = Role::spawn("in_a_child", &["hold", name]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
}

fn a_killed_section_changes_nothing(array: &Array<u64>, name: &str) {
    let _watchdog = Watchdog::start(60);
    for round in 0..4 {
        kill_in_a_section(name);
        assert_eq!(array.get(0), Some(1));
        let section = match round {
            0 => array.lock(),
            1 => array.try_lock(),
            2 => array.lock_range(..),
            _ => array.lock_timeout(Duration::from_secs(60)),
        };
        let section = section.unwrap();
        assert!(section.recovered());
        assert_eq!(*section, [1, 2, 3, 4]);
        drop(section);
        assert!(!array.lock().unwrap().recovered(), "told twice");
    }
}

#[test]
fn a_section_that_death_ends_changes_nothing_and_the_next_is_told_once() {
    let name = unique("array-killed");
    a_killed_section_changes_nothing(&Array::create(&name, 1..5).unwrap(), &name);
}

#[test]
fn a_journaled_section_that_death_ends_changes_nothing_and_the_next_is_told_once() {
    let name = unique("array-killed-journaled");
    a_killed_section_changes_nothing(&Array::create(&name, Journaled(1..5)).unwrap(), &name);
}

#[test]
fn what_has_no_guard_leaves_the_news_of_a_death_to_the_next_section() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-news");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let verbs: [fn(&Array<u64>); 6] = [
        |array| array.set(0, 5).unwrap(),
        |array| array.update(0, |x| *x = 5).unwrap(),
        |array| array.write(1..1, &[]).unwrap(),
        |array| assert_eq!(array.to_vec().len(), 4),
        |array| assert_eq!(array.try_to_vec().unwrap().len(), 4),
        |array| array.read_into(..2, &mut [0; 2]).unwrap(),
    ];
    for verb in verbs {
        kill_in_a_section(&name);
        verb(&array);
        verb(&array);
        assert_eq!(array.try_lock().map(|section| section.recovered()), Ok(true));
        assert_eq!(array.try_lock().map(|section| section.recovered()), Ok(false));
    }
}

#[test]
fn a_process_that_waits_gets_the_lock_of_one_that_is_killed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-waiter");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn("in_a_child", &["write", &name, "lock and tell"]);
    let thread = waiter.hear();
    until_parked(&thread);
    holder.kill();
    assert_eq!((waiter.hear().as_str(), waiter.hear().as_str()), ("true", "written"));
    assert!(!array.lock().unwrap().recovered());
}

/// Kills a process that fills the array, wherever it is, and looks what it left.
fn killed_while_filling<T: Numbered>(array: &Array<T>, name: &str, mut check: impl FnMut(&[T])) {
    let _watchdog = Watchdog::start(120);
    for round in 0..40_u32 {
        let mut writer = Role::spawn("in_a_child", &["fill", name, &size_of::<T>().to_string()]);
        assert_eq!(writer.hear(), "filling");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(u64::from(round) * 37) {
            std::hint::spin_loop();
        }
        kill_running(writer);
        let section = array.lock().unwrap();
        check(&section);
        drop(section);
        array.lock().unwrap().fill(T::of(array.get(0).unwrap().number()));
    }
}

#[test]
fn a_journaled_array_is_left_all_old_or_all_new_by_a_killed_process() {
    let name = unique("array-journaled");
    let small = Array::create(&name, Journaled([u64::of(0); LEN])).unwrap();
    killed_while_filling(&small, &name, |all| assert!(all.iter().all(|x| *x == all[0]), "{all:?}"));
    drop(small);
    let large = Array::create(&name, Journaled([<[u64; 3]>::of(0); LEN])).unwrap();
    killed_while_filling(&large, &name, |all| assert!(all.iter().all(|x| *x == all[0]), "{all:?}"));
}

#[test]
fn an_array_without_a_journal_is_left_with_each_element_old_or_new_by_a_killed_process() {
    fn old_or_new<T: Numbered>(all: &[T]) {
        let newest = all.iter().map(|element| element.number()).max().unwrap();
        for element in all {
            assert!(element.is_whole() && newest - element.number() <= 1, "{all:?}");
        }
    }
    let name = unique("array-plain");
    let small = Array::create(&name, [u64::of(0); LEN]).unwrap();
    killed_while_filling(&small, &name, old_or_new);
    drop(small);
    let large = Array::create(&name, [<[u64; 3]>::of(0); LEN]).unwrap();
    killed_while_filling(&large, &name, old_or_new);
}
