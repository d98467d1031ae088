//! [`breezeway::Array`] between processes: elements are whole, snapshots are consistent, sections
//! exclude each other.

use std::time::{Duration, Instant};

use breezeway::{Array, LockError};
use support::numbered::Numbered;
use support::process::{kill_running, resume, stop, thread_id, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

const LEN: usize = 13;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Array::open(name).unwrap(), 100_u64),
        ["hold large", name] => hold(&Array::open(name).unwrap(), [100_u64; 3]),
        ["get large", name, index] => get_large(name, index.parse().unwrap()),
        ["write", name, verb] => write(&Array::open(name).unwrap(), verb),
        ["count", name, index, rounds] => count(name, index.parse().unwrap(), rounds.parse().unwrap()),
        ["set", name, "2"] => set::<u16>(name),
        ["set", name, "3"] => set::<[u8; 3]>(name),
        ["set", name, "7"] => set::<[u8; 7]>(name),
        ["set", name, "8"] => set::<u64>(name),
        ["set", name, "24"] => set::<[u64; 3]>(name),
        ["set", name, "4096"] => set::<[u64; 512]>(name),
        ["fill", name, "8"] => fill::<u64>(name),
        ["fill", name, "24"] => fill::<[u64; 3]>(name),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds the lock until told what to do with it.
fn hold<T: Numbered>(array: &Array<T>, filling: T) {
    let mut section = array.lock_range(..2).unwrap();
    section.fill(filling);
    say("holding");
    match listen().as_str() {
        "publish" => drop(section),
        "discard" => section.discard(),
        word => unreachable!("{word}"),
    }
    say("done");
    listen();
}

fn get_large(name: &str, index: usize) {
    let array = Array::<[u64; 3]>::open(name).unwrap();
    say(&thread_id());
    say(&array.get(index).unwrap()[0].to_string());
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
    let array = Array::<T>::open(name).unwrap();
    say("setting");
    for round in 0.. {
        array.set(round as usize % LEN, T::of(round)).unwrap();
    }
}

/// Makes all elements alike in sections and writes, on and on.
fn fill<T: Numbered>(name: &str) {
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
    let mut writer = Role::spawn(in_a_child, &["set", &name, &size_of::<T>().to_string()]);
    writer.hear();
    let (mut changes, mut reads, mut last) = (0, 0, T::of(0));
    while reads < 100_000 || changes < 30 {
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
fn get_small_elements_never_torn() {
    elements_are_whole::<u16>();
    elements_are_whole::<u64>();
}

#[test]
fn get_odd_sized_elements_never_torn() {
    elements_are_whole::<[u8; 3]>();
    elements_are_whole::<[u8; 7]>();
}

#[test]
fn get_large_elements_never_torn() {
    elements_are_whole::<[u64; 3]>();
    elements_are_whole::<[u64; 512]>();
}

fn snapshots_are_consistent<T: Numbered>() {
    let _watchdog = Watchdog::start(120);
    let name = unique("array-snapshot");
    let array = Array::create(&name, [T::of(0); LEN]).unwrap();
    let mut writer = Role::spawn(in_a_child, &["fill", &name, &size_of::<T>().to_string()]);
    writer.hear();
    let (mut changes, mut reads, mut last) = (0, 0, 0);
    let mut part = [T::of(0); 5];
    while reads < 5_000 || changes < 30 {
        let all = match reads % 4 {
            0 => array.to_vec(),
            1 => array.to_vec_checked().unwrap(),
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
fn to_vec_returns_consistent_snapshot() {
    snapshots_are_consistent::<u64>();
    snapshots_are_consistent::<[u64; 3]>();
}

#[test]
fn writes_to_neighbours_in_one_word_are_exact() {
    const ROUNDS: u16 = 10_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("array-neighbours");
    let array = Array::<u16>::create(&name, 4).unwrap();
    let counters =
        (0..4).map(|n| Role::spawn(in_a_child, &["count", &name, &n.to_string(), &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(array.to_vec(), [ROUNDS; 4]);
}

#[test]
fn try_lock_and_lock_timeout_fail_while_held_get_works() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-held");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    stop(holder.pid());
    assert_eq!(array.try_lock().err(), Some(LockError::WouldBlock));
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert_eq!(array.lock_timeout(timeout).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
    assert_eq!((array.get(0), array.get_checked(1)), (Some(1), Ok(2)));
    resume(holder.pid());
    holder.tell("discard");
    assert_eq!(holder.hear(), "done");
    assert_eq!(*array.try_lock().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn writes_and_snapshots_block_while_lock_is_held() {
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
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut writer = Role::spawn(in_a_child, &["write", &name, verb]);
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

#[test]
fn get_large_element_blocks_while_lock_is_held() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-large");
    let _array = Array::<[u64; 3]>::create(&name, [[1; 3], [2; 3], [3; 3]]).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold large", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut readers = ["0", "2"].map(|index| Role::spawn(in_a_child, &["get large", &name, index]));
    for reader in &mut readers {
        until_parked(&reader.hear());
    }
    holder.tell("publish");
    assert_eq!(readers.each_mut().map(|reader| reader.hear()), ["100", "3"]);
}
