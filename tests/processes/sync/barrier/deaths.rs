//! Parties that are killed or stopped, or that leave.

use std::time::Duration;

use breezeway::BarrierError;
use breezeway::sync::Barrier;
use support::process::{resume, stop, until, until_parked};
use support::waiting::{asleep, in_threads};
use support::{Role, Watchdog};

use super::with_barrier;

fn waiting_child(name: &str, barrier: &Barrier) -> Role {
    let before = barrier.waiting();
    let mut child = Role::spawn(super::child::in_a_child, &["wait", name]);
    until_parked(&child.hear());
    until(|| barrier.waiting() > before);
    child
}

fn assert_usable_after_a_reset(barrier: &Barrier) {
    assert_eq!(barrier.wait(), Err(BarrierError::Broken));
    barrier.reset();
    for _ in 0..3 {
        let results = in_threads(barrier.parties(), |_| barrier.wait());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

/// Both come before it is found out: one who slept already, and one who comes behind the death.
#[test]
fn wait_returns_broken_after_waiter_death() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-killed", 4);
    for round in 0..4 {
        let clone = barrier.clone();
        let sleeper = asleep(move || clone.wait());
        let child = waiting_child(&name, &barrier);
        child.kill();
        match round {
            0 => assert_eq!(barrier.wait(), Err(BarrierError::Broken)),
            1 => assert_eq!(barrier.wait_timeout(Duration::from_secs(50)), Err(BarrierError::Broken)),
            2 => until(|| barrier.try_wait() == Err(BarrierError::Broken)),
            _ => {}
        }
        assert_eq!(sleeper.wake(), Err(BarrierError::Broken));
        assert_usable_after_a_reset(&barrier);
    }
}

/// The others had all come, and the last is killed at its action.
#[test]
fn wait_returns_broken_after_leader_death_in_action() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-leader", 2);
    let clone = barrier.clone();
    let sleeper = asleep(move || clone.wait());
    let mut leader = Role::spawn(super::child::in_a_child, &["lead", &name]);
    assert_eq!(leader.hear(), "leading");
    leader.kill();
    assert_eq!(sleeper.wake(), Err(BarrierError::Broken));
    assert_usable_after_a_reset(&barrier);
}

/// It was there the last time, and the others come again, and wait for it.
#[test]
fn wait_returns_broken_after_party_death_between_rounds() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-between", 3);
    for round in 0..4 {
        let others = if round < 2 { 1 } else { 2 };
        let mut child = waiting_child(&name, &barrier);
        let clone = barrier.clone();
        let results = in_threads(2, |_| clone.wait());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        child.hear();
        child.kill();
        let results = in_threads(others, |_| barrier.wait());
        assert!(results.iter().all(|result| *result == Err(BarrierError::Broken)), "{results:?}");
        assert_usable_after_a_reset(&barrier);
    }
}

/// Nobody waits for one who was there before a reset and has died since.
#[test]
fn wait_unaffected_by_death_before_reset() {
    let _watchdog = Watchdog::start(60);
    let (name, segment, barrier) = with_barrier("barrier-old", 2);
    let child = waiting_child(&name, &barrier);
    barrier.reset();
    child.kill();
    assert_eq!(segment.reap().unwrap(), 1);
    assert!(!barrier.is_broken());
    let results = in_threads(2, |_| barrier.wait());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// Who has got the id of one that died or left is not taken for it.
#[test]
fn wait_with_reused_participant_id_is_a_new_party() {
    let _watchdog = Watchdog::start(60);
    let (name, segment, barrier) = with_barrier("barrier-ids", 2);
    let mut child = waiting_child(&name, &barrier);
    barrier.wait().unwrap();
    child.hear();
    child.kill();
    assert_eq!(segment.reap().unwrap(), 1);
    assert!(barrier.is_broken());
    barrier.reset();
    // One that has come by, and no more.
    let mut passer = Role::spawn(super::child::in_a_child, &["lead", &name]);
    until(|| barrier.waiting() == 1);
    assert!(barrier.wait().unwrap().is_leader());
    assert_eq!(passer.hear(), "Ok(false)");
    passer.tell("end");
    assert!(passer.join().success());
    assert!(!barrier.is_broken());
    // It has left. The next one has its id, and has never come when it is killed.
    let mut idle = Role::spawn(super::child::in_a_child, &["pass", &name, "1"]);
    assert_eq!(idle.hear(), "ready");
    idle.kill();
    assert_eq!(segment.reap().unwrap(), 1);
    assert!(!barrier.is_broken());
    let results = in_threads(2, |_| barrier.wait());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// A party that is stopped is alive, and is waited for.
#[test]
fn wait_beside_stopped_party_is_not_broken() {
    let _watchdog = Watchdog::start(60);
    let (name, _segment, barrier) = with_barrier("barrier-stopped", 3);
    let mut child = waiting_child(&name, &barrier);
    stop(child.pid());
    let clone = barrier.clone();
    let sleeper = asleep(move || clone.wait());
    std::thread::sleep(Duration::from_millis(400));
    assert!(!sleeper.is_done() && !barrier.is_broken());
    assert_eq!(barrier.waiting(), 2);
    // It need not run for the others to pass.
    assert_eq!(barrier.wait().unwrap().index(), 2);
    assert_eq!(sleeper.wake().unwrap().index(), 1);
    resume(child.pid());
    assert_eq!(child.hear(), "passed 0");
}

/// One that was stopped all the time learns what became of its generation, long after.
#[test]
fn wait_of_stopped_party_returns_result_of_its_generation() {
    let _watchdog = Watchdog::start(60);
    for (resets, later, said) in [(false, 30, "passed 0"), (true, 30, "Broken"), (true, 0, "Broken")] {
        let (name, _segment, barrier) = with_barrier("barrier-late", 2);
        let mut child = waiting_child(&name, &barrier);
        stop(child.pid());
        if resets {
            barrier.reset();
        } else {
            barrier.wait().unwrap();
        }
        for _ in 0..later {
            let results = in_threads(2, |_| barrier.wait());
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        }
        resume(child.pid());
        assert_eq!(child.hear(), said);
    }
}
