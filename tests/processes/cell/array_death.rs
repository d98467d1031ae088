//! [`breezeway::Array`] when a process dies in a section: the elements it leaves, and the death
//! report.

use std::time::{Duration, Instant};

use breezeway::{Array, ArrayError, Journaled, LockError, Segment};
use bytemuck::{CheckedBitPattern, NoUninit};
use support::numbered::Numbered;
use support::process::{kill_running, thread_id, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

const LEN: usize = 13;

/// Not every number is one.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u64)]
enum Depth {
    Deep = 1000,
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Array::open(name).unwrap()),
        ["hold tagged", name] => hold(&Segment::open(name).unwrap().tagged(1).get("array").unwrap()),
        ["wait", name] => wait(&Array::open(name).unwrap()),
        ["fill", name, "8"] => fill::<u64>(name),
        ["fill", name, "24"] => fill::<[u64; 3]>(name),
        ["fill", name, "4096"] => fill::<[u64; 512]>(name),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Changes elements in a section that never ends.
fn hold(array: &Array<u64>) {
    let mut section = array.lock_range(..2).unwrap();
    section.fill(100);
    say("holding");
    listen();
}

fn wait(array: &Array<u64>) {
    say(&thread_id());
    say(&array.lock().unwrap().recovered().to_string());
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

/// A process killed in a section.
fn kill_in_a_section(name: &str) {
    let mut holder = Role::spawn(in_a_child, &["hold", name]);
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
            2 => array.lock_range(..).map_err(|error| match error {
                ArrayError::Lock(error) => error,
                other => panic!("{other}"),
            }),
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
fn lock_after_holder_death_changes_nothing_reports_once() {
    let name = unique("array-killed");
    a_killed_section_changes_nothing(&Array::create(&name, 1..5).unwrap(), &name);
}

#[test]
fn journaled_lock_after_holder_death_changes_nothing() {
    let name = unique("array-killed-journaled");
    a_killed_section_changes_nothing(&Array::create(&name, Journaled(1..5)).unwrap(), &name);
}

#[test]
fn unguarded_operations_keep_death_report_pending() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-death-report");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let verbs: [fn(&Array<u64>); 6] = [
        |array| array.set(0, 5).unwrap(),
        |array| array.update(0, |x| *x = 5).unwrap(),
        |array| array.write(1..1, &[]).unwrap(),
        |array| assert_eq!(array.to_vec().len(), 4),
        |array| assert_eq!(array.to_vec_checked().unwrap().len(), 4),
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
fn lock_returning_corrupt_keeps_death_report_pending() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-error");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.tagged(1).add::<Array<u64>>("array", [1000, 9, 1000]).unwrap();
    let depths = segment.tagged(1).get::<Array<Depth>>("array").unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold tagged", &name]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
    for _ in 0..2 {
        assert_eq!(depths.lock().err(), Some(LockError::Corrupt { what: "an element of an array" }));
    }
    let section = depths.lock_range(2..).unwrap();
    assert!(section.recovered());
    assert_eq!(*section, [Depth::Deep]);
    drop(section);
    assert!(!depths.lock_range(2..).unwrap().recovered());
}

#[test]
fn lock_waiter_acquires_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-waiter");
    let array = Array::<u64>::create(&name, 1..5).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
    let thread = waiter.hear();
    until_parked(&thread);
    holder.kill();
    assert_eq!(waiter.hear(), "true");
    assert!(waiter.join().success());
    assert!(!array.lock().unwrap().recovered());
}

/// Kills a process that fills the array, wherever it is, and looks what it left.
fn killed_while_filling<T: Numbered>(array: &Array<T>, name: &str, mut check: impl FnMut(&[T])) {
    let _watchdog = Watchdog::start(120);
    for round in 0..40_u32 {
        let mut writer = Role::spawn(in_a_child, &["fill", name, &size_of::<T>().to_string()]);
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
fn journaled_writes_are_all_old_or_all_new_after_kill() {
    let name = unique("array-journaled");
    let small = Array::create(&name, Journaled([u64::of(0); LEN])).unwrap();
    killed_while_filling(&small, &name, |all| assert!(all.iter().all(|x| *x == all[0]), "{all:?}"));
    drop(small);
    let large = Array::create(&name, Journaled([<[u64; 3]>::of(0); LEN])).unwrap();
    killed_while_filling(&large, &name, |all| assert!(all.iter().all(|x| *x == all[0]), "{all:?}"));
    drop(large);
    let huge = Array::create(&name, Journaled([<[u64; 512]>::of(0); LEN])).unwrap();
    killed_while_filling(&huge, &name, |all| assert!(all.iter().all(|x| *x == all[0]), "{all:?}"));
}

#[test]
fn plain_writes_are_old_or_new_per_element_after_kill() {
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
    drop(large);
    let huge = Array::create(&name, [<[u64; 512]>::of(0); LEN]).unwrap();
    killed_while_filling(&huge, &name, old_or_new);
}
