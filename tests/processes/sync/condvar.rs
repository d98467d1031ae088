//! [`breezeway::sync::Condvar`]: processes that wait for each other, and deaths among them.

mod deaths;
#[path = "../../unit/sync/condvar/scene.rs"]
mod scene;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::WaitGuard;
use breezeway::{CondvarError, LockError, Segment};
use scene::Scene;
use support::process::until;
use support::{Role, Watchdog, fork, listen, role, say};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["fork"] = arguments[..] {
        return fork_with_guard();
    }
    let scene = Scene::of(Segment::open(arguments[1]).unwrap());
    match arguments[0] {
        "wait" => wait(&scene, scene.mutex.lock().unwrap()),
        "wait deeply" => {
            let guards = [scene.reentrant.lock().unwrap(), scene.reentrant.lock().unwrap()];
            wait(&scene, scene.reentrant.lock().unwrap());
            drop(guards);
        }
        "wait while" => {
            let guard =
                scene.condvar.wait_while(scene.mutex.lock().unwrap(), || scene.ready.load(Relaxed) == 0);
            scene.ready.fetch_sub(1, Relaxed);
            say(if guard.unwrap().recovered() { "recovered" } else { "ready" });
        }
        "wait and tell of each look" => {
            let never = || {
                say("looks");
                true
            };
            drop(scene.condvar.wait_while(scene.mutex.lock().unwrap(), never));
        }
        "wait in threads" => std::thread::scope(|scope| {
            for _ in 0..arguments[2].parse().unwrap() {
                scope.spawn(|| drop(scene.condvar.wait(scene.mutex.lock().unwrap())));
            }
        }),
        "change" => {
            let guard = scene.mutex.lock().unwrap();
            scene.ready.fetch_add(1, Relaxed);
            drop(guard);
            say("changed");
        }
        "change and hold" => {
            let _guard = scene.mutex.lock().unwrap();
            scene.ready.fetch_add(1, Relaxed);
            say("changed");
            listen();
        }
        "wait for four" => {
            let guard = scene.mutex.lock().unwrap();
            drop(scene.condvar.wait_while(guard, || scene.ready.load(Relaxed) != 4).unwrap());
            say("four");
            // It is not told of the fifth.
            let (begin, timeout) = (Instant::now(), Duration::from_millis(100));
            let guard = scene.mutex.lock().unwrap();
            let four = || scene.ready.load(Relaxed) == 4;
            let (guard, result) = scene.condvar.wait_timeout_while(guard, timeout, four).unwrap();
            assert!(result.has_timed_out() && begin.elapsed() >= timeout);
            drop(guard);
            say("still four");
        }
        "hold" => {
            let _guard = scene.mutex.lock().unwrap();
            say("holding");
            listen();
        }
        "ping" => ping(&scene, 1),
        strange => unreachable!("{strange}"),
    }
    listen();
}

fn wait<G: WaitGuard>(scene: &Scene, guard: G) {
    let guard = scene.condvar.wait(guard).unwrap();
    say("woken");
    drop(guard);
}

const ROUNDS: u64 = 2000;

/// Takes turns with another: each waits for its parity.
fn ping(scene: &Scene, parity: u64) {
    for _ in 0..ROUNDS {
        let guard = scene.mutex.lock().unwrap();
        let guard = scene.condvar.wait_while(guard, || scene.ready.load(Relaxed) % 2 != parity).unwrap();
        scene.ready.fetch_add(1, Relaxed);
        scene.condvar.notify_one();
        drop(guard);
    }
}

#[test]
fn wait_notify_ping_pong_between_processes() {
    let _watchdog = Watchdog::start(120);
    let (name, scene) = Scene::create("condvar-turns");
    let other = Role::spawn(in_a_child, &["ping", &name]);
    ping(&scene, 0);
    until(|| scene.ready.load(Relaxed) == 2 * ROUNDS);
    drop(other);
}

/// CPython's `test_notify_n`, with processes, and exact: they are notified in the order in which they came.
#[test]
fn notify_n_notifies_n_waiters_in_order_of_arrival() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-n");
    let mut sleepers = Vec::new();
    for count in 1..=6 {
        sleepers.push(Role::spawn(in_a_child, &["wait", &name]));
        scene.until_waiting(count);
    }
    assert_eq!(scene.condvar.notify_n(0), 0);
    let guard = scene.mutex.lock().unwrap();
    assert_eq!(scene.condvar.notify_n(2), 2);
    drop(guard);
    // They stay alive: a death would make everybody look again.
    for sleeper in &mut sleepers[..2] {
        assert_eq!(sleeper.hear(), "woken");
    }
    scene.until_waiting(4);
    assert_eq!(scene.condvar.notify_one(), 1);
    assert_eq!(sleepers[2].hear(), "woken");
    scene.until_waiting(3);
    assert_eq!(scene.condvar.notify_n(5), 3);
    for sleeper in &mut sleepers[3..] {
        assert_eq!(sleeper.hear(), "woken");
    }
    scene.until_waiting(0);
    assert_eq!(
        (scene.condvar.notify_one(), scene.condvar.notify_n(3), scene.condvar.notify_all()),
        (0, 0, 0)
    );
}

/// CPython's `test_waitfor` and `test_waitfor_timeout`: a notification without the condition is no reason to go on.
#[test]
fn wait_while_and_wait_timeout_while_in_other_process() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-four");
    let mut waiter = Role::spawn(in_a_child, &["wait for four", &name]);
    for _ in 0..4 {
        let guard = scene.mutex.lock().unwrap();
        scene.ready.fetch_add(1, Relaxed);
        drop(guard);
        // It has its slot yet when it comes back to look.
        until(|| scene.condvar.notify_one() == 1);
    }
    assert_eq!(waiter.hear(), "four");
    assert_eq!(waiter.hear(), "still four");
    scene.until_waiting(0);
}

#[test]
fn notify_all_after_wait_timeout_of_others() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-all");
    for _ in 0..3 {
        let (guard, result) =
            scene.condvar.wait_timeout(scene.mutex.lock().unwrap(), Duration::from_millis(5)).unwrap();
        assert!(result.has_timed_out() && !guard.recovered());
    }
    let sleepers: Vec<_> = (0..4).map(|_| Role::spawn(in_a_child, &["wait", &name])).collect();
    scene.until_waiting(4);
    assert_eq!(scene.condvar.notify_all(), 4);
    for sleeper in sleepers {
        assert_eq!({ sleeper }.hear(), "woken");
    }
}

/// All levels are given back, and taken again.
#[test]
fn wait_with_reentrant_mutex_releases_all_levels() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-reentrant");
    let mut sleeper = Role::spawn(in_a_child, &["wait deeply", &name]);
    scene.until_waiting(1);
    let guard = scene.reentrant.lock().unwrap();
    assert_eq!(scene.condvar.notify_one(), 1);
    drop(guard);
    assert_eq!(sleeper.hear(), "woken");
    until(|| scene.reentrant.try_lock().is_ok());
    sleeper.tell("end");
    assert!(sleeper.join().success());

    // Other guards, of other handles and other mappings, hold it again afterwards.
    let free =
        || std::thread::scope(|scope| scope.spawn(|| scene.reentrant.try_lock().is_ok()).join().unwrap());
    let millisecond = Duration::from_millis(1);
    for first_waits in [true, false] {
        let other = Scene::of(Segment::open(&name).unwrap());
        let (first, second) = (scene.reentrant.lock().unwrap(), other.reentrant.lock().unwrap());
        let (waiter, left) = if first_waits { (first, second) } else { (second, first) };
        let (waiter, result) = other.condvar.wait_timeout(waiter, millisecond).unwrap();
        assert!(result.has_timed_out() && !free());
        drop(waiter);
        assert!(!free());
        let (left, _) = scene.condvar.wait_timeout(left, millisecond).unwrap();
        assert!(!free());
        drop(left);
        assert!(free());
        drop(other);
        assert_eq!(scene.segment.participants().unwrap().len(), 1, "nothing is left mapped");
    }
}

/// Child: its own child waits with a copy of its guard.
fn fork_with_guard() {
    let (_, scene) = Scene::create("condvar-copy");
    let mut guard = Some(scene.mutex.lock().unwrap());
    fork::fork(|| {
        let waited = scene.condvar.wait_timeout(guard.take().unwrap(), Duration::from_millis(1));
        assert_eq!(waited.err(), Some(CondvarError::NotHeld));
        assert_eq!(scene.mutex.try_lock().err(), Some(LockError::WouldBlock));
    })
    .join();
    drop(scene.condvar.wait_timeout(guard.take().unwrap(), Duration::from_millis(1)).unwrap());
    say("done");
    listen();
}

#[test]
fn wait_with_guard_copy_in_forked_child_returns_not_held() {
    let _watchdog = Watchdog::start(60);
    let mut parent = Role::spawn(in_a_child, &["fork"]);
    assert_eq!(parent.hear(), "done");
    parent.tell("end");
    assert!(parent.join().success());
}
