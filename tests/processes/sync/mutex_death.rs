//! [`breezeway::sync::Mutex`] when holders and waiters die, are stopped, or exec another program.

use std::os::unix::process::CommandExt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Mutex;
use breezeway::{Atomic, LockError, Segment};
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Mutex::open(name).unwrap()),
        ["forget", name] => forget(Mutex::open(name).unwrap()),
        ["hold all", name] => hold_all(&Segment::open(name).unwrap()),
        ["become another", name] => become_another(&Mutex::open(name).unwrap()),
        ["wait", name, verb] => wait(&Mutex::open(name).unwrap(), verb),
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

/// Locks, forgets the guard, and detaches when told to.
fn forget(mutex: Mutex) {
    core::mem::forget(mutex.lock().unwrap());
    say("forgotten");
    listen();
    drop(mutex);
    say("detached");
    listen();
}

/// Holds every mutex of the segment until told to end.
fn hold_all(segment: &Segment) {
    let mutexes = all_of(segment);
    let _guards: Vec<_> = mutexes.iter().map(|mutex| mutex.lock().unwrap()).collect();
    say("holding");
    listen();
}

fn all_of(segment: &Segment) -> Vec<Mutex> {
    segment.objects().unwrap().iter().map(|object| segment.get(&object.name).unwrap()).collect()
}

/// Runs another program in this process, with the lock held. It repeats what it hears.
fn become_another(mutex: &Mutex) {
    let _guard = mutex.lock().unwrap();
    panic!("{}", std::process::Command::new("cat").exec());
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
fn lock_after_holder_death_reports_recovered_once() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-killed");
    let mutex = Mutex::create(&name).unwrap();
    for round in 0..3 {
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
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
fn lock_after_death_of_holder_of_thousands_of_mutexes() {
    const MANY: u32 = 2052;
    let _watchdog = Watchdog::start(120);
    let name = unique("mutex-many");
    let segment = Segment::builder().objects(MANY).create(&name, 1 << 20).unwrap();
    for n in 0..MANY {
        segment.add::<Mutex>(&n.to_string(), ()).unwrap();
    }
    let mut holder = Role::spawn(in_a_child, &["hold all", &name]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
    for (n, mutex) in all_of(&segment).iter().enumerate() {
        let recovered = mutex.lock_timeout(Duration::from_secs(10)).map(|guard| guard.recovered());
        assert_eq!(recovered, Ok(true), "lock {n} of {MANY}");
    }
}

#[test]
fn lock_after_holder_exec_reports_recovered() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-exec");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["become another", &name]);
    holder.tell("role says: alive");
    assert_eq!(holder.hear(), "alive");
    let recovered = mutex.lock_timeout(Duration::from_secs(10)).map(|guard| guard.recovered());
    assert_eq!(recovered, Ok(true));
    let participants = mutex.segment().participants().unwrap();
    assert_eq!(participants.iter().filter(|participant| participant.alive).count(), 1);
}

#[test]
fn lock_waiter_acquires_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-waiter");
    let mutex = Mutex::create(&name).unwrap();
    for verb in ["lock", "lock_timeout"] {
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut waiter = Role::spawn(in_a_child, &["wait", &name, verb]);
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
fn lock_waiters_survive_death_of_waiters_before_them() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-queue");
    let mutex = Mutex::create(&name).unwrap();
    let guard = mutex.lock().unwrap();
    let mut waiters: Vec<_> = (0..4).map(|_| Role::spawn(in_a_child, &["wait", &name, "lock"])).collect();
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
fn lock_timeout_elapses_while_holder_is_stopped() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-stopped");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
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
fn lock_waiter_stopped_meanwhile_still_acquires() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-stopped-waiter");
    let mutex = Mutex::create(&name).unwrap();
    let guard = mutex.lock().unwrap();
    let mut waiter = Role::spawn(in_a_child, &["wait", &name, "lock"]);
    until_parked(&waiter.hear());
    stop(waiter.pid());
    drop(guard);
    assert!(!mutex.lock().unwrap().recovered(), "a stopped waiter holds nobody up");
    resume(waiter.pid());
    assert_eq!(waiter.hear(), "locked");
}

#[test]
fn forgotten_guard_is_recovered_after_thread_exit() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    let clone = mutex.clone();
    let forgetful = std::thread::spawn(move || {
        std::mem::forget(clone.lock().unwrap());
        drop(clone);
        for _ in 0..100 {
            drop(Mutex::new().unwrap().lock().unwrap());
        }
    });
    forgetful.join().unwrap();
    // The thread is joined a little before the kernel is done with it.
    until(|| mutex.try_lock().is_ok_and(|guard| guard.recovered()));
    assert!(!mutex.lock().unwrap().recovered());
}

/// A process that detaches has forgotten its guard, if it has one.
#[test]
fn forgotten_guard_is_recovered_after_detach() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-detached");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["forget", &name]);
    assert_eq!(holder.hear(), "forgotten");
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    holder.tell("detach");
    assert_eq!(holder.hear(), "detached");
    assert!(mutex.lock().unwrap().recovered());
    assert!(!mutex.lock().unwrap().recovered());
}

/// A poller that never waits learns of the death, too.
#[test]
fn try_lock_in_a_loop_recovers_lock_of_dead_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-polled");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    holder.kill();
    let begin = Instant::now();
    until(|| mutex.try_lock().is_ok_and(|guard| guard.recovered()));
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(!mutex.lock().unwrap().recovered());
}

/// Mutual exclusion holds while the holder is stopped, for waiters that ask about it again and
/// again.
#[test]
fn lock_waiters_leave_lock_to_stopped_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-stopped-awaited");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiters: Vec<_> = (0..3).map(|_| Role::spawn(in_a_child, &["wait", &name, "lock"])).collect();
    for waiter in &mut waiters {
        until_parked(&waiter.hear());
    }
    stop(holder.pid());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(400) {
        assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
        assert_eq!(mutex.segment().reap().unwrap(), 0);
        std::thread::sleep(Duration::from_millis(1));
    }
    resume(holder.pid());
    holder.tell("release");
    assert_eq!(holder.hear(), "released");
    for mut waiter in waiters {
        assert_eq!(waiter.hear(), "locked");
        waiter.tell("end");
        assert!(waiter.join().success());
    }
}

#[test]
fn lock_storm_of_deaths_never_hangs() {
    const PROCESSES: usize = 4;
    const KILLS: usize = 200;
    let _watchdog = Watchdog::start(240);
    let name = unique("mutex-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let high = counter(&segment, "high");
    let start = || Role::spawn(in_a_child, &["storm", &name]);
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
