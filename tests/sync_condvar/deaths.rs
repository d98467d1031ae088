//! Waiters, notifiers and holders that are killed.

use std::sync::atomic::Ordering::Relaxed;

use crate::Scene;
use crate::support::process::{resume, stop, until};
use crate::support::{Role, Watchdog};

/// The dead one is before the living one, whom the notification reaches: at once, or when somebody has noticed.
#[test]
fn a_killed_waiter_takes_no_notification_from_the_living() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-waiter");
    for notified_before in [false, true] {
        let dead = Role::spawn("in_a_child", &["wait", &name]);
        scene.until_waiting(1);
        let mut living = Role::spawn("in_a_child", &["wait", &name]);
        scene.until_waiting(2);
        if notified_before {
            // It cannot have the mutex before it dies.
            let _guard = scene.mutex.lock().unwrap();
            assert_eq!(scene.condvar.notify_one(), 1);
            dead.kill();
        } else {
            dead.kill();
            assert_eq!(scene.condvar.notify_one(), 1);
        }
        assert_eq!(living.hear(), "woken");
        scene.until_waiting(0);
        living.tell("end");
        assert!(living.join().success());
    }
}

#[test]
fn a_crowd_of_killed_waiters_leaves_room() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-crowd");
    let mut roles: Vec<_> = (0..6).map(|_| Role::spawn("in_a_child", &["wait", &name])).collect();
    scene.until_waiting(6);
    roles.drain(..3).for_each(|role| drop(role.kill()));
    scene.segment.reap().unwrap();
    scene.until_waiting(3);
    assert_eq!(scene.condvar.notify_all(), 3);
    for role in roles {
        assert_eq!({ role }.hear(), "woken");
    }
}

/// A stopped process is alive: what it was notified of is its.
#[test]
fn a_stopped_waiter_is_not_robbed() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-stopped");
    let mut slow = Role::spawn("in_a_child", &["wait", &name]);
    scene.until_waiting(1);
    stop(slow.pid());
    let mut other = Role::spawn("in_a_child", &["wait", &name]);
    scene.until_waiting(2);
    assert_eq!(scene.condvar.notify_one(), 1);
    std::thread::sleep(std::time::Duration::from_millis(300));
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
fn a_holder_that_is_killed_is_told_of() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-killed-holder");
    let mut waiter = Role::spawn("in_a_child", &["wait while", &name]);
    scene.until_waiting(1);
    for holders in 1..=2 {
        let mut holder = Role::spawn("in_a_child", &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        // The first time it finds nothing to do and waits again; what it was told by then, it is told in the end.
        scene.ready.store(holders - 1, Relaxed);
        assert_eq!(scene.condvar.notify_one(), 1);
        holder.kill();
        if holders == 1 {
            until(|| scene.condvar.notify_one() == 1);
        }
    }
    assert_eq!(waiter.hear(), "recovered");
    scene.until_waiting(0);
}
