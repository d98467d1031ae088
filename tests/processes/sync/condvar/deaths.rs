//! Waiters, notifiers and holders that are killed.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::Segment;
use support::process::{resume, stop, until};
use support::{Role, Watchdog};

use super::scene::Scene;

/// The dead one is before the living one, whom the notification reaches: at once, or when somebody has noticed.
#[test]
fn notify_one_of_killed_waiter_reaches_the_living() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-waiter");
    for notified_before in [false, true] {
        let dead = Role::spawn(super::in_a_child, &["wait", &name]);
        scene.until_waiting(1);
        let mut living = Role::spawn(super::in_a_child, &["wait", &name]);
        scene.until_waiting(2);
        if notified_before {
            // It cannot have the mutex before it dies.
            let _guard = scene.mutex.lock().unwrap();
            assert_eq!(scene.condvar.notify_one(), 1);
            dead.kill();
        } else {
            dead.kill();
            // The living one has looked for the dead meanwhile, or has not: a death wakes the others.
            assert!(scene.condvar.notify_one() <= 1);
        }
        assert_eq!(living.hear(), "woken");
        scene.until_waiting(0);
        living.tell("end");
        assert!(living.join().success());
    }
}

#[test]
fn killed_waiters_free_slots_and_wake_the_rest() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-waiters");
    let mut roles: Vec<_> = (0..6).map(|_| Role::spawn(super::in_a_child, &["wait", &name])).collect();
    scene.until_waiting(6);
    roles.drain(..3).for_each(|role| assert!(!role.kill().success()));
    // The others look again, told by nobody.
    for role in roles {
        assert_eq!({ role }.hear(), "woken");
    }
    scene.segment.reap().unwrap();
    scene.until_waiting(0);
}

/// Both of its threads were notified, and so are both who come behind them.
#[test]
fn notify_n_of_killed_process_reaches_next_waiters() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-two");
    let dead = Role::spawn(super::in_a_child, &["wait in threads", &name, "2"]);
    scene.until_waiting(2);
    let living = [0, 1].map(|_| Role::spawn(super::in_a_child, &["wait", &name]));
    scene.until_waiting(4);
    let guard = scene.mutex.lock().unwrap();
    assert_eq!(scene.condvar.notify_n(2), 2);
    dead.kill();
    drop(guard);
    for role in living {
        assert_eq!({ role }.hear(), "woken");
    }
    scene.segment.reap().unwrap();
    scene.until_waiting(0);
}

/// Nobody is left who would have freed them.
#[test]
fn wait_finds_slot_after_all_waiters_died() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-all");
    let dead = Role::spawn(super::in_a_child, &["wait in threads", &name, "256"]);
    scene.until_waiting(256);
    dead.kill();
    let wait = || scene.condvar.wait_timeout(scene.mutex.lock().unwrap(), Duration::from_millis(1));
    assert!(wait().unwrap().1.has_timed_out());
    assert_eq!(scene.waiters(), 0);
}

/// It has changed what another waits for, with the mutex given back or not, and notified nobody.
#[test]
fn wait_while_returns_after_notifier_death() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-notifier");
    for (deed, word) in [("change", "ready"), ("change and hold", "recovered")] {
        let mut waiter = Role::spawn(super::in_a_child, &["wait while", &name]);
        scene.until_waiting(1);
        let mut notifier = Role::spawn(super::in_a_child, &[deed, &name]);
        assert_eq!(notifier.hear(), "changed");
        notifier.kill();
        assert_eq!(waiter.hear(), word);
        scene.segment.reap().unwrap();
        scene.until_waiting(0);
    }
}

/// Who leaves in good order has left nobody waiting, and wakes nobody.
#[test]
fn wait_not_woken_by_departing_participant() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-left");
    let mut waiter = Role::spawn(super::in_a_child, &["wait", &name]);
    scene.until_waiting(1);
    drop(Scene::of(Segment::open(&name).unwrap()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((scene.waiters(), scene.condvar.notify_one()), (1, 1));
    assert_eq!(waiter.hear(), "woken");
}

/// A stopped process is alive: what it was notified of is its.
#[test]
fn notify_one_stays_with_stopped_waiter() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-stopped");
    let mut slow = Role::spawn(super::in_a_child, &["wait", &name]);
    scene.until_waiting(1);
    stop(slow.pid());
    let mut other = Role::spawn(super::in_a_child, &["wait", &name]);
    scene.until_waiting(2);
    assert_eq!(scene.condvar.notify_one(), 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.segment.reap().unwrap(), 0);
    assert_eq!(scene.waiters(), 2);
    resume(slow.pid());
    assert_eq!(slow.hear(), "woken");
    scene.until_waiting(1);
    assert_eq!(scene.condvar.notify_one(), 1);
    assert_eq!(other.hear(), "woken");
}

/// Somebody dies with the mutex in hand while others wait, who are notified by the next.
#[test]
fn wait_while_reports_recovered_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-holder");
    let mut waiter = Role::spawn(super::in_a_child, &["wait while", &name]);
    scene.until_waiting(1);
    for holders in 1..=2 {
        let mut holder = Role::spawn(super::in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        // The first time it finds nothing to do and waits again; what it was told by then, it is told in the end.
        scene.ready.store(holders - 1, Relaxed);
        scene.condvar.notify_one();
        holder.kill();
    }
    assert_eq!(waiter.hear(), "recovered");
    scene.until_waiting(0);
}

/// A waiter finds out that the holder died, waits again, and dies, too: whoever locks the mutex next is told.
#[test]
fn death_report_of_killed_waiter_passes_to_next_locker() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-death-report");
    let mut waiter = Role::spawn(super::in_a_child, &["wait and tell of each look", &name]);
    assert_eq!(waiter.hear(), "looks");
    scene.until_waiting(1);
    let mut holder = Role::spawn(super::in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    assert_eq!(scene.condvar.notify_one(), 1);
    holder.kill();
    assert_eq!(waiter.hear(), "looks");
    // Without a look at the mutex, which would be told.
    until(|| scene.waiters() == 1);
    waiter.kill();
    assert!(scene.mutex.lock().unwrap().recovered(), "nobody has been told so far");
    assert!(!scene.mutex.lock().unwrap().recovered(), "and somebody has now");
}
