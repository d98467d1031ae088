//! [`breezeway::sync::Mutex`]: one at a time, between threads and processes, also when some of them die.

#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, LockError, Segment, SegmentError, Value};
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Mutex::open(name).unwrap()),
        ["wait", name, verb] => wait(&Mutex::open(name).unwrap(), verb),
        ["count", name, rounds] => count(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        ["storm", name] => storm(&Segment::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds the lock until told to let it go, once or more.
fn hold(mutex: &Mutex) {
    loop {
        let guard = mutex.lock().unwrap();
        say("holding");
        listen();
        drop(guard);
        say("released");
        listen();
    }
}

fn wait(mutex: &Mutex, verb: &str) {
    say(&thread_id());
    let guard = match verb {
        "lock" => mutex.lock(),
        _ => mutex.lock_timeout(Duration::MAX),
    };
    say(if guard.unwrap().recovered() { "recovered" } else { "locked" });
    listen();
}

/// Counts in steps that are no use without the lock.
fn count(segment: &Segment, rounds: u64) {
    let mutex = segment.get::<Mutex>("mutex").unwrap();
    let (low, high) = (counter(segment, "low"), counter(segment, "high"));
    say("ready");
    listen();
    for round in 0..rounds {
        let guard = match round % 3 {
            0 => mutex.lock().unwrap(),
            1 => mutex.lock_timeout(Duration::MAX).unwrap(),
            _ => loop {
                match mutex.try_lock() {
                    Err(LockError::WouldBlock) => std::thread::yield_now(),
                    other => break other.unwrap(),
                }
            },
        };
        let count = low.load(Relaxed);
        low.store(count + 1, Relaxed);
        assert_eq!(high.load(Relaxed), count, "two at a time");
        high.store(count + 1, Relaxed);
        drop(guard);
    }
}

fn counter(segment: &Segment, name: &str) -> Atomic<u64> {
    segment.get_or_add::<Atomic<u64>>(name, 0).unwrap()
}

/// Locks on and on, mending what a dead holder left.
fn storm(segment: &Segment) {
    let mutex = segment.get::<Mutex>("mutex").unwrap();
    let (low, high, deaths) = (counter(segment, "low"), counter(segment, "high"), counter(segment, "deaths"));
    say("storming");
    loop {
        let guard = mutex.lock().unwrap();
        if guard.recovered() {
            deaths.fetch_add(1, Relaxed);
            high.store(low.load(Relaxed), Relaxed);
        }
        let count = low.load(Relaxed);
        assert_eq!(high.load(Relaxed), count, "two at a time, or a death untold");
        low.store(count + 1, Relaxed);
        std::thread::yield_now();
        high.store(count + 1, Relaxed);
        drop(guard);
    }
}

#[test]
fn the_short_forms_make_open_and_find() {
    let name = unique("mutex");
    assert!(matches!(Mutex::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Mutex::open_or_create(&name).unwrap();
    let found = Mutex::open_or_create(&name).unwrap();
    assert!(made.segment().created() && !found.segment().created());
    let guard = made.lock().unwrap();
    assert_eq!(found.try_lock().err(), Some(LockError::Deadlock));
    drop(guard);
    assert!(Mutex::open(&name).unwrap().try_lock().is_ok());
    assert!(matches!(Mutex::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(Mutex::new().unwrap().try_lock().is_ok());
}

#[test]
fn processes_take_turns() {
    const PROCESSES: u64 = 4;
    const ROUNDS: u64 = 10_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("mutex-turns");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<Mutex>("mutex", ()).unwrap();
    let counters = (0..PROCESSES).map(|_| Role::spawn("in_a_child", &["count", &name, &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(counter(&segment, "high").load(Relaxed), PROCESSES * ROUNDS);
}

#[test]
fn threads_take_turns() {
    let _watchdog = Watchdog::start(120);
    let mutex = Mutex::new().unwrap();
    let sum = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let clone = mutex.clone();
            let (shared, sum) = (&mutex, &sum);
            scope.spawn(move || {
                for round in 0..5000 {
                    let _guard = if round % 2 == 0 { clone.lock() } else { shared.lock() };
                    sum.store(sum.load(Relaxed) + 1, Relaxed);
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 20_000);
}

#[test]
fn a_mutex_held_by_another_process_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-timeout");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    for millis in [0, 1, 7, 99, 100, 101, 250, 1001] {
        let begin = Instant::now();
        assert_eq!(mutex.lock_timeout(Duration::from_millis(millis)).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= Duration::from_millis(millis));
    }
    holder.tell("release");
    assert_eq!(holder.hear(), "released");
    assert!(!mutex.lock_timeout(Duration::ZERO).unwrap().recovered());
}

#[test]
fn a_thread_that_holds_it_is_told_so() {
    let _watchdog = Watchdog::start(20);
    let mutex = Mutex::new().unwrap();
    let clone = mutex.clone();
    let guard = mutex.lock().unwrap();
    for mutex in [&mutex, &clone] {
        assert_eq!(mutex.lock().err(), Some(LockError::Deadlock));
        assert_eq!(mutex.try_lock().err(), Some(LockError::Deadlock));
        assert_eq!(mutex.lock_timeout(Duration::from_secs(1)).err(), Some(LockError::Deadlock));
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| clone.try_lock().err());
        assert_eq!(other.join().unwrap(), Some(LockError::WouldBlock));
    });
    drop(guard);
    assert!(clone.lock().is_ok());
}

#[test]
fn the_next_locker_after_a_death_is_told_once() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-killed");
    let mutex = Mutex::create(&name).unwrap();
    for round in 0..3 {
        let mut holder = Role::spawn("in_a_child", &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        holder.kill();
        let guard = match round {
            0 => mutex.lock(),
            1 => mutex.try_lock(),
            _ => mutex.lock_timeout(Duration::from_secs(60)),
        };
        assert!(guard.unwrap().recovered());
        assert!(!mutex.lock().unwrap().recovered(), "told twice");
    }
}

#[test]
fn a_waiter_gets_it_from_a_killed_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-waiter");
    let mutex = Mutex::create(&name).unwrap();
    for verb in ["lock", "lock_timeout"] {
        let mut holder = Role::spawn("in_a_child", &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut waiter = Role::spawn("in_a_child", &["wait", &name, verb]);
        let thread = waiter.hear();
        until_parked(&thread);
        holder.kill();
        assert_eq!(waiter.hear(), "recovered");
        waiter.tell("end");
        assert!(waiter.join().success());
        assert!(!mutex.lock().unwrap().recovered());
    }
}

#[test]
fn waiters_pass_it_on_when_those_before_them_are_killed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-queue");
    let mutex = Mutex::create(&name).unwrap();
    let guard = mutex.lock().unwrap();
    let mut waiters: Vec<_> = (0..4).map(|_| Role::spawn("in_a_child", &["wait", &name, "lock"])).collect();
    for waiter in &mut waiters {
        until_parked(&waiter.hear());
    }
    // One is killed asleep, and one that may just have been woken.
    waiters.remove(0).kill();
    drop(guard);
    waiters.remove(0).kill();
    for mut waiter in waiters {
        waiter.hear();
        waiter.tell("end");
        assert!(waiter.join().success());
    }
    assert!(mutex.lock().is_ok());
}

#[test]
fn a_stopped_holder_is_not_robbed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-stopped");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    stop(holder.pid());
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    assert_eq!(mutex.lock_timeout(Duration::from_millis(500)).err(), Some(LockError::Timeout));
    resume(holder.pid());
    holder.tell("release");
    assert_eq!(holder.hear(), "released");
    let guard = mutex.lock().unwrap();
    assert!(!guard.recovered());
    drop(guard);
    holder.tell("again");
    assert_eq!(holder.hear(), "holding");
}

#[test]
fn a_waiter_that_was_stopped_meanwhile_still_gets_it() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-stopped-waiter");
    let mutex = Mutex::create(&name).unwrap();
    let guard = mutex.lock().unwrap();
    let mut waiter = Role::spawn("in_a_child", &["wait", &name, "lock"]);
    until_parked(&waiter.hear());
    stop(waiter.pid());
    drop(guard);
    assert!(!mutex.lock().unwrap().recovered(), "a stopped waiter holds nobody up");
    resume(waiter.pid());
    assert_eq!(waiter.hear(), "locked");
}

#[test]
fn a_guard_that_its_thread_forgot_is_recovered_when_the_thread_ends() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    let clone = mutex.clone();
    let forgetful = std::thread::spawn(move || {
        std::mem::forget(clone.lock().unwrap());
        drop(clone);
        // The list of this thread's locks runs through the one it forgot.
        for _ in 0..100 {
            drop(Mutex::new().unwrap().lock().unwrap());
        }
    });
    forgetful.join().unwrap();
    // The thread is joined a little before the kernel is done with it.
    until(|| mutex.try_lock().is_ok_and(|guard| guard.recovered()));
    assert!(!mutex.lock().unwrap().recovered());
}

#[test]
fn it_guards_the_other_objects_of_its_segment() {
    let segment = Segment::new(1 << 16).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let array = segment.add::<Array<u64>>("array", 4).unwrap();
    let second = segment.add::<Mutex>("second", ()).unwrap();
    let _guard = mutex.lock().unwrap();
    *value.lock().unwrap() += 1;
    array.lock().unwrap().fill(2);
    assert!(second.try_lock().is_ok());
    assert_eq!(segment.get::<Mutex>("mutex").unwrap().try_lock().err(), Some(LockError::Deadlock));
    assert_eq!((value.get(), array.to_vec()), (2, vec![2; 4]));
}

#[test]
fn guards_of_several_mutexes_are_dropped_in_any_order() {
    let segment = Segment::options().objects(8).create_anonymous(1 << 16).unwrap();
    let mutexes: Vec<_> = (0..5).map(|n| segment.add::<Mutex>(&n.to_string(), ()).unwrap()).collect();
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 0, 2, 1]];
    for order in orders {
        let mut guards: Vec<_> = mutexes.iter().map(|mutex| Some(mutex.lock().unwrap())).collect();
        for (nth, index) in order.into_iter().enumerate() {
            guards[index] = None;
            assert!(mutexes[index].try_lock().is_ok());
            for still in &order[nth + 1..] {
                assert_eq!(mutexes[*still].try_lock().err(), Some(LockError::Deadlock));
            }
        }
    }
}

#[test]
fn many_deaths_of_holders_and_waiters_hang_nobody() {
    const PROCESSES: usize = 4;
    const KILLS: usize = 200;
    let _watchdog = Watchdog::start(240);
    let name = unique("mutex-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let high = counter(&segment, "high");
    let start = || Role::spawn("in_a_child", &["storm", &name]);
    let mut roles: Vec<Role> = (0..PROCESSES).map(|_| start()).collect();
    roles.iter_mut().for_each(|role| assert_eq!(role.hear(), "storming"));
    let mut random = std::process::id();
    for _ in 0..KILLS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut successor = start();
        assert_eq!(successor.hear(), "storming");
        let victim = std::mem::replace(&mut roles[(random >> 16) as usize % PROCESSES], successor);
        kill_running(victim);
        // Somebody goes on.
        let before = high.load(Relaxed);
        until(|| high.load(Relaxed) > before);
    }
    roles.into_iter().for_each(kill_running);
    let recovered = mutex.lock().unwrap().recovered();
    let deaths = counter(&segment, "deaths").load(Relaxed) + u64::from(recovered);
    assert!(deaths > 0, "of {KILLS} killed none held the mutex");
}
