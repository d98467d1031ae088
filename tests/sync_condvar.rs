//! [`breezeway::sync::Condvar`]: waiting for each other, in one process and in several, and what deaths leave of it.

#[path = "sync_condvar/damage.rs"]
mod damage;
#[path = "sync_condvar/deaths.rs"]
mod deaths;
#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::{Condvar, Mutex, ReentrantMutex, WaitGuard};
use breezeway::{Atomic, LockError, Segment};
use support::process::until;
use support::scratch::peek;
use support::{Role, Watchdog, fork, listen, role, say, unique};

/// A segment with a condition variable, its mutexes, and something to wait for.
struct Scene {
    segment: Segment,
    condvar: Condvar,
    mutex: Mutex,
    reentrant: ReentrantMutex,
    ready: Atomic<u64>,
}

impl Scene {
    fn create(what: &str) -> (String, Self) {
        let name = unique(what);
        let segment = Segment::create(&name, 1 << 16).unwrap();
        (name, Self::of(segment))
    }

    fn of(segment: Segment) -> Self {
        Self {
            condvar: segment.get_or_add("condvar", ()).unwrap(),
            mutex: segment.get_or_add("mutex", ()).unwrap(),
            reentrant: segment.get_or_add("reentrant", ()).unwrap(),
            ready: segment.get_or_add("ready", 0).unwrap(),
            segment,
        }
    }

    fn offset(&self) -> u64 {
        let objects = self.segment.objects().unwrap();
        objects.iter().find(|object| object.name == "condvar").unwrap().offset
    }

    /// How many have a slot.
    fn waiters(&self) -> u32 {
        let bits: [u8; 32] = peek(&self.segment.path().unwrap(), self.offset() + 8);
        bits.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Waits until so many wait, and have given the mutex back.
    fn until_waiting(&self, count: u32) {
        until(|| self.waiters() == count);
        drop((self.mutex.lock().unwrap(), self.reentrant.lock().unwrap()));
    }
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["fork"] = arguments[..] {
        return a_copy();
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
fn processes_take_turns() {
    let _watchdog = Watchdog::start(120);
    let (name, scene) = Scene::create("condvar-turns");
    let other = Role::spawn("in_a_child", &["ping", &name]);
    ping(&scene, 0);
    until(|| scene.ready.load(Relaxed) == 2 * ROUNDS);
    drop(other);
}

/// CPython's `test_notify_n`, with processes, and exact: they are notified in the order in which they came.
#[test]
fn so_many_are_notified_as_asked() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-n");
    let mut sleepers = Vec::new();
    for count in 1..=6 {
        sleepers.push(Role::spawn("in_a_child", &["wait", &name]));
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
fn a_condition_in_another_process() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-four");
    let mut waiter = Role::spawn("in_a_child", &["wait for four", &name]);
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
fn all_are_notified_after_some_have_timed_out() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-all");
    for _ in 0..3 {
        let (guard, result) =
            scene.condvar.wait_timeout(scene.mutex.lock().unwrap(), Duration::from_millis(5)).unwrap();
        assert!(result.has_timed_out() && !guard.recovered());
    }
    let sleepers: Vec<_> = (0..4).map(|_| Role::spawn("in_a_child", &["wait", &name])).collect();
    scene.until_waiting(4);
    assert_eq!(scene.condvar.notify_all(), 4);
    for sleeper in sleepers {
        assert_eq!({ sleeper }.hear(), "woken");
    }
}

#[test]
fn a_wait_is_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let (_, scene) = Scene::create("condvar-timeout");
    for millis in [0, 1, 7, 101, 250] {
        let (begin, timeout) = (Instant::now(), Duration::from_millis(millis));
        let guard = scene.mutex.lock().unwrap();
        let (guard, result) = scene.condvar.wait_timeout(guard, timeout).unwrap();
        assert!(result.has_timed_out() && begin.elapsed() >= timeout);
        let begin = Instant::now();
        let (guard, result) = scene.condvar.wait_timeout_while(guard, timeout, || true).unwrap();
        assert!(result.has_timed_out() && begin.elapsed() >= timeout);
        let (guard, result) = scene.condvar.wait_timeout_while(guard, timeout, || false).unwrap();
        assert!(!result.has_timed_out());
        let _guard = scene.condvar.wait_while(guard, || false).unwrap();
        assert_eq!(scene.mutex.try_lock().err(), Some(LockError::Deadlock), "it is held again");
    }
    assert_eq!(scene.waiters(), 0);
}

/// The time that is over is the whole's, however often it is notified.
#[test]
fn notifications_do_not_prolong_a_wait() {
    let _watchdog = Watchdog::start(60);
    let (_, scene) = Scene::create("condvar-prolonged");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                scene.condvar.notify_all();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let guard = scene.mutex.lock().unwrap();
        let waited = scene.condvar.wait_timeout_while(guard, Duration::from_millis(100), || true);
        is_over.store(true, Relaxed);
        assert!(waited.unwrap().1.has_timed_out());
        let waited = scene.condvar.wait_timeout_while(scene.mutex.lock().unwrap(), Duration::MAX, || false);
        assert!(!waited.unwrap().1.has_timed_out());
    });
}

/// All levels are given back, and taken again.
#[test]
fn with_a_reentrant_mutex() {
    let _watchdog = Watchdog::start(60);
    let (name, scene) = Scene::create("condvar-reentrant");
    let mut sleeper = Role::spawn("in_a_child", &["wait deeply", &name]);
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

#[test]
fn a_mutex_of_another_segment() {
    let _watchdog = Watchdog::start(60);
    let (condvar, mutex) = (Condvar::new().unwrap(), Mutex::new().unwrap());
    let flag = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            drop(condvar.clone().wait_while(mutex.lock().unwrap(), || !flag.load(Relaxed)).unwrap());
        });
        let guard = mutex.lock().unwrap();
        flag.store(true, Relaxed);
        condvar.notify_all();
        drop(guard);
        waiter.join().unwrap();
    });
    assert!(format!("{condvar:?}").contains("Condvar"));
}

#[test]
fn no_more_wait_than_there_are_slots() {
    const SLOTS: usize = 256;
    let _watchdog = Watchdog::start(120);
    let (_, scene) = Scene::create("condvar-many");
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            scope.spawn(|| {
                drop(
                    scene.condvar.wait_while(scene.mutex.lock().unwrap(), || scene.ready.load(Relaxed) == 0),
                );
            });
        }
        scene.until_waiting(SLOTS as u32);
        let one_more = scene.condvar.wait(scene.mutex.lock().unwrap());
        assert_eq!(one_more.err(), Some(LockError::TooMany { limit: SLOTS }));
        assert!(scene.mutex.try_lock().is_ok(), "its guard is gone");
        scene.ready.store(1, Relaxed);
        assert_eq!(scene.condvar.notify_n(SLOTS - 1), SLOTS - 1);
        assert_eq!(scene.condvar.notify_all(), 1);
    });
    scene.until_waiting(0);
}

/// Threads that come, go, time out and notify at random, and a count that says how many must have come through.
#[test]
fn many_come_and_go() {
    const THREADS: u64 = 6;
    const ITEMS: u64 = 3000;
    let _watchdog = Watchdog::start(120);
    let (_, scene) = Scene::create("condvar-crowd");
    let taken = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scene, taken) = (&scene, &taken);
            scope.spawn(move || {
                while taken.load(Relaxed) < ITEMS {
                    let guard = scene.mutex.lock().unwrap();
                    let timeout = Duration::from_micros(50 * thread * thread);
                    let none = || scene.ready.load(Relaxed) == 0;
                    let (guard, _) = scene.condvar.wait_timeout_while(guard, timeout, none).unwrap();
                    if !none() {
                        scene.ready.fetch_sub(1, Relaxed);
                        taken.fetch_add(1, Relaxed);
                    }
                    drop(guard);
                }
            });
        }
        for _ in 0..ITEMS {
            let guard = scene.mutex.lock().unwrap();
            scene.ready.fetch_add(1, Relaxed);
            drop(guard);
            scene.condvar.notify_one();
        }
    });
    assert_eq!((taken.into_inner(), scene.ready.load(Relaxed)), (ITEMS, 0));
}

/// Child: its own child waits with a copy of its guard.
fn a_copy() {
    let (_, scene) = Scene::create("condvar-copy");
    let mut guard = Some(scene.mutex.lock().unwrap());
    fork::fork(|| {
        let waited = scene.condvar.wait_timeout(guard.take().unwrap(), Duration::from_millis(1));
        assert_eq!(waited.err(), Some(LockError::NotHeld));
        assert_eq!(scene.mutex.try_lock().err(), Some(LockError::WouldBlock));
    })
    .join();
    drop(scene.condvar.wait_timeout(guard.take().unwrap(), Duration::from_millis(1)).unwrap());
    say("done");
    listen();
}

#[test]
fn a_forked_child_does_not_wait_with_a_copy_of_a_guard() {
    let _watchdog = Watchdog::start(60);
    let mut parent = Role::spawn("in_a_child", &["fork"]);
    assert_eq!(parent.hear(), "done");
    parent.tell("end");
    assert!(parent.join().success());
}
