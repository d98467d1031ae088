//! [`breezeway::sync::RwLock`] between processes, living and dying: many readers or one writer.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::RwLock;
use breezeway::{Atomic, LockError, Segment};
use support::fork::fork;
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name, side] => hold(&RwLock::open(name).unwrap(), side),
        ["wait", name, side] => wait(&RwLock::open(name).unwrap(), side),
        ["forget a reader", name] => forget_a_reader(&RwLock::open(name).unwrap()),
        ["fork", name] => fork_with_guards(&RwLock::open(name).unwrap()),
        ["storm", name] => storm(&Segment::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

fn hold(lock: &RwLock, side: &str) {
    if side == "read" {
        let guard = lock.read().unwrap();
        say("holding");
        listen();
        drop(guard);
    } else {
        let guard = lock.write().unwrap();
        say("holding");
        listen();
        drop(guard);
    }
    say("released");
    listen();
}

fn wait(lock: &RwLock, side: &str) {
    say(&thread_id());
    let recovered =
        if side == "read" { lock.read().unwrap().recovered() } else { lock.write().unwrap().recovered() };
    say(if recovered { "recovered" } else { "locked" });
    listen();
}

fn forget_a_reader(lock: &RwLock) {
    std::mem::forget(lock.read().unwrap());
    say("forgotten");
    listen();
}

/// A forked child drops copies of its parent's guards, and takes the lock as itself.
fn fork_with_guards(lock: &RwLock) {
    let mut guard = Some(lock.read().unwrap());
    fork(|| {
        drop(guard.take());
        assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock), "the parent reads on");
        drop(lock.read().unwrap());
        std::mem::forget(lock.read().unwrap());
    })
    .join();
    // The child has died with a guard of its own.
    let refusal = lock.write_timeout(Duration::from_millis(300)).err();
    assert_eq!(refusal, Some(LockError::Timeout), "this process reads");
    drop(guard);
    drop(lock.write().unwrap());
    let mut guard = Some(lock.write().unwrap());
    fork(|| {
        drop(guard.take());
        assert_eq!(lock.try_read().err(), Some(LockError::WouldBlock), "the parent writes on");
        assert_eq!(lock.write_timeout(Duration::from_millis(3)).err(), Some(LockError::Timeout));
    })
    .join();
    drop(guard);
    say("forked");
    listen();
}

fn counter(segment: &Segment, name: &str) -> Atomic<u64> {
    segment.get_or_add::<Atomic<u64>>(name, 0).unwrap()
}

/// Reads and writes on and on, mending what a dead writer left.
fn storm(segment: &Segment) {
    let lock = segment.get::<RwLock>("lock").unwrap();
    let [low, high, deaths, reads] = ["low", "high", "deaths", "reads"].map(|name| counter(segment, name));
    say("storming");
    for round in 0_u32.. {
        if round.is_multiple_of(4) {
            let guard = lock.write().unwrap();
            if guard.recovered() {
                deaths.fetch_add(1, Relaxed);
                high.store(low.load(Relaxed), Relaxed);
            }
            let count = low.load(Relaxed);
            assert_eq!(high.load(Relaxed), count, "two at a time, or a death untold");
            low.store(count + 1, Relaxed);
            std::thread::yield_now();
            high.store(count + 1, Relaxed);
        } else {
            let guard = lock.read().unwrap();
            let (first, second) = (low.load(Relaxed), high.load(Relaxed));
            assert!(first == second || guard.recovered(), "a reader beside a writer");
            std::thread::yield_now();
            assert_eq!((low.load(Relaxed), high.load(Relaxed)), (first, second), "changed under a reader");
            reads.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn write_timeout_and_read_timeout_elapse_while_held() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-timeout");
    let lock = RwLock::create(&name).unwrap();
    for side in ["read", "write"] {
        let mut holder = Role::spawn(in_a_child, &["hold", &name, side]);
        assert_eq!(holder.hear(), "holding");
        for millis in [0, 1, 99, 101, 250] {
            let (begin, timeout) = (Instant::now(), Duration::from_millis(millis));
            assert_eq!(lock.write_timeout(timeout).err(), Some(LockError::Timeout));
            assert!(begin.elapsed() >= timeout);
            let begin = Instant::now();
            let read = lock.read_timeout(timeout);
            assert_eq!(read.is_ok(), side == "read");
            assert!(read.is_ok() || begin.elapsed() >= timeout);
        }
        holder.tell("release");
        assert_eq!(holder.hear(), "released");
        assert!(lock.try_write().is_ok());
    }
}

#[test]
fn read_and_write_blocked_woken_by_other_process() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-wake");
    let lock = RwLock::create(&name).unwrap();
    for _ in 0..20 {
        let guard = lock.write().unwrap();
        let mut reader = Role::spawn(in_a_child, &["wait", &name, "read"]);
        until_parked(&reader.hear());
        drop(guard);
        assert_eq!(reader.hear(), "locked");
        let guard = lock.read().unwrap();
        let mut writer = Role::spawn(in_a_child, &["wait", &name, "write"]);
        until_parked(&writer.hear());
        drop(guard);
        assert_eq!(writer.hear(), "locked");
    }
}

#[test]
fn write_evicts_dead_reader() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-reader");
    let lock = RwLock::create(&name).unwrap();
    for round in 0..4 {
        let mut holder = Role::spawn(in_a_child, &["hold", &name, "read"]);
        assert_eq!(holder.hear(), "holding");
        assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock), "it lives");
        match round {
            0 => {
                holder.kill();
                assert!(!lock.write().unwrap().recovered());
            }
            1 => {
                holder.kill();
                assert!(!lock.write_timeout(LONG).unwrap().recovered());
            }
            2 => {
                holder.kill();
                until(|| lock.try_write().is_ok_and(|guard| !guard.recovered()));
            }
            _ => {
                let mut writer = Role::spawn(in_a_child, &["wait", &name, "write"]);
                until_parked(&writer.hear());
                holder.kill();
                assert_eq!(writer.hear(), "locked");
            }
        }
    }
}

#[test]
fn read_reports_dead_writer_until_next_write() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-writer");
    let lock = RwLock::create(&name).unwrap();
    for round in 0..4 {
        let mut holder = Role::spawn(in_a_child, &["hold", &name, "write"]);
        assert_eq!(holder.hear(), "holding");
        let mut waiter = (round == 3).then(|| {
            let mut waiter = Role::spawn(in_a_child, &["wait", &name, "read"]);
            until_parked(&waiter.hear());
            waiter
        });
        holder.kill();
        match round {
            0 => assert!(lock.read().unwrap().recovered()),
            1 => assert!(lock.try_read().unwrap().recovered(), "nobody has it"),
            2 => {}
            _ => assert_eq!(waiter.as_mut().unwrap().hear(), "recovered"),
        }
        if round != 2 {
            assert!(lock.read().unwrap().recovered(), "a reader does not make it known");
        }
        assert!(lock.try_write().unwrap().recovered());
        assert!(!lock.read().unwrap().recovered());
        assert!(!lock.write().unwrap().recovered(), "told once");
    }
}

#[test]
fn write_waiter_death_leaves_no_trace() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-waiting");
    let lock = RwLock::create(&name).unwrap();
    for asked in ["read", "try_read", "write"] {
        let reader = lock.read().unwrap();
        let mut writer = Role::spawn(in_a_child, &["wait", &name, "write"]);
        until_parked(&writer.hear());
        writer.kill();
        match asked {
            "read" => assert!(!lock.read().unwrap().recovered()),
            "try_read" => assert!(!lock.try_read().unwrap().recovered()),
            _ => {}
        }
        drop(reader);
        assert!(!lock.write().unwrap().recovered());
    }
}

#[test]
fn write_timeout_elapses_while_holder_is_stopped() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-stopped");
    let lock = RwLock::create(&name).unwrap();
    for side in ["read", "write"] {
        let mut holder = Role::spawn(in_a_child, &["hold", &name, side]);
        assert_eq!(holder.hear(), "holding");
        stop(holder.pid());
        assert_eq!(lock.write_timeout(Duration::from_millis(300)).err(), Some(LockError::Timeout));
        assert_eq!(lock.read_timeout(Duration::from_millis(300)).is_ok(), side == "read");
        resume(holder.pid());
        holder.tell("release");
        assert_eq!(holder.hear(), "released");
        assert!(!lock.write().unwrap().recovered());
    }
}

#[test]
fn forgotten_guards_end_with_process_or_thread() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-forgotten");
    let lock = RwLock::create(&name).unwrap();
    let mut forgetful = Role::spawn(in_a_child, &["forget a reader", &name]);
    assert_eq!(forgetful.hear(), "forgotten");
    assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock));
    forgetful.tell("end");
    assert!(forgetful.join().success());
    assert!(!lock.write().unwrap().recovered());
    // A process that lives on, but lets go of the segment.
    let mut keeper = Role::spawn(in_a_child, &["hold", &name, "read"]);
    assert_eq!(keeper.hear(), "holding");
    std::mem::forget(lock.read().unwrap());
    lock.segment().persist(true);
    drop(lock);
    let lock = RwLock::open(&name).unwrap();
    Segment::remove(&name).unwrap();
    keeper.tell("release");
    assert_eq!(keeper.hear(), "released");
    assert!(lock.write_timeout(Duration::from_secs(5)).is_ok());
    // A thread that is no more, of a process that lives on, which keeps the memory mapped. Nobody but who wants the lock finds out.
    let lock = RwLock::new().unwrap();
    let clone = lock.clone();
    std::thread::spawn(move || std::mem::forget(clone.write().unwrap())).join().unwrap();
    assert!(lock.read().unwrap().recovered());
    assert!(lock.write().unwrap().recovered());
}

#[test]
fn read_in_forked_child_is_another_reader() {
    let _watchdog = Watchdog::start(60);
    let name = unique("rwlock-fork");
    let lock = RwLock::create(&name).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "forked");
    parent.tell("end");
    assert!(parent.join().success());
    assert!(!lock.write().unwrap().recovered());
}

#[test]
fn read_write_storm_of_deaths_never_hangs() {
    const PROCESSES: usize = 4;
    const KILLS: usize = 100;
    let _watchdog = Watchdog::start(240);
    let name = unique("rwlock-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let lock = segment.add::<RwLock>("lock", ()).unwrap();
    let [low, high, reads] = ["low", "high", "reads"].map(|name| counter(&segment, name));
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
        // Somebody goes on, on both sides.
        let before = (low.load(Relaxed), reads.load(Relaxed));
        until(|| low.load(Relaxed) > before.0 && reads.load(Relaxed) > before.1);
    }
    roles.into_iter().for_each(kill_running);
    let recovered = lock.write().unwrap().recovered();
    assert!(recovered || low.load(Relaxed) == high.load(Relaxed));
    let deaths = counter(&segment, "deaths").load(Relaxed) + u64::from(recovered);
    assert!(deaths > 0, "of {KILLS} killed none was writing");
}
