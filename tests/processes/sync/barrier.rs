//! [`breezeway::sync::Barrier`] whose parties are processes.

mod child;
mod deaths;

use breezeway::sync::Barrier;
use breezeway::{Atomic, BarrierError, Segment};
use support::process::{futex_operation, is_parked, until, until_parked};
use support::waiting::{asleep, ticks_of_process};
use support::{Role, Watchdog, unique};

/// A segment with a barrier.
pub(crate) fn with_barrier(what: &str, parties: usize) -> (String, Segment, Barrier) {
    let name = unique(what);
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let barrier = segment.add("barrier", parties).unwrap();
    (name, segment, barrier)
}

fn pass(what: &str, parties: u64, rounds: u64) {
    let _watchdog = Watchdog::start(180);
    let (name, segment, barrier) = with_barrier(what, parties as usize);
    let start = |_| Role::spawn(child::in_a_child, &["pass", &name, &rounds.to_string()]);
    let mut children: Vec<_> = (0..parties).map(start).collect();
    children.iter_mut().for_each(|child| assert_eq!(child.hear(), "ready"));
    children.iter_mut().for_each(|child| child.tell("go"));
    children.into_iter().for_each(|child| assert!(child.join().success()));
    let counter =
        |name: &str| segment.get::<Atomic<u64>>(name).unwrap().load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(counter("before"), parties * rounds);
    assert_eq!(counter("runs"), rounds, "one action for each time");
    assert_eq!(counter("indices"), rounds * parties * (parties - 1) / 2, "each index once");
    // They have ended as one should.
    assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
}

#[test]
fn ten_processes_pass_together() {
    pass("barrier-ten", 10, 100);
}

#[test]
fn five_processes_pass_a_thousand_times() {
    pass("barrier-five", 5, 1000);
}

#[test]
fn two_processes_pass_very_often() {
    pass("barrier-two", 2, 20_000);
}

#[test]
fn who_sleeps_is_woken_by_another_process() {
    const PRIVATE: u32 = 128;
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-wake", 4);
    let mut children: Vec<_> = (0..3).map(|_| Role::spawn(child::in_a_child, &["wait", &name])).collect();
    let threads: Vec<_> = children.iter_mut().map(Role::hear).collect();
    threads.iter().for_each(|thread| until_parked(thread));
    until(|| barrier.waiting() == 3);
    let operation = std::iter::repeat_with(|| futex_operation(&threads[0])).find_map(|found| found).unwrap();
    assert_eq!(operation & PRIVATE, 0, "a private futex in shared memory");
    let before: u64 = threads.iter().map(|thread| ticks_of_process(thread)).sum();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!((0..1000).any(|_| is_parked(&threads[0])));
    let used = threads.iter().map(|thread| ticks_of_process(thread)).sum::<u64>() - before;
    assert!(used <= 3, "they do not sleep: {used} ticks");
    assert_eq!(barrier.wait().unwrap().index(), 3);
    let mut said: Vec<_> = children.iter_mut().map(Role::hear).collect();
    said.sort_unstable();
    assert_eq!(said, ["passed 0", "passed 1", "passed 2"]);
}

#[test]
fn an_abort_in_another_process_wakes_who_sleeps() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-abort", 2);
    let clone = barrier.clone();
    let waiter = asleep(move || clone.wait());
    assert!(Role::spawn(child::in_a_child, &["abort", &name]).join().success());
    assert_eq!(waiter.wake(), Err(BarrierError::Broken));
    assert!(barrier.is_broken());
}

#[test]
fn another_process_whose_time_is_up_breaks_it_for_all() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-timeout", 3);
    let clone = barrier.clone();
    let waiter = asleep(move || clone.wait());
    assert!(Role::spawn(child::in_a_child, &["give up", &name]).join().success());
    assert_eq!(waiter.wake(), Err(BarrierError::Broken));
    assert!(barrier.is_broken());
}

#[test]
fn a_reset_in_another_process_breaks_it_for_who_waits() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-reset", 2);
    let clone = barrier.clone();
    let waiter = asleep(move || clone.wait());
    let mut other = Role::spawn(child::in_a_child, &["reset and wait", &name]);
    assert_eq!(other.hear(), "reset");
    assert_eq!(waiter.wake(), Err(BarrierError::Broken));
    assert!(barrier.wait().is_ok());
    assert_eq!(other.hear(), "passed");
}

#[test]
fn forked_children_are_parties_of_their_own() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-fork", 2);
    let mut parent = Role::spawn(child::in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert_eq!(barrier.waiting(), 0);
}
