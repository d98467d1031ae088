//! [`breezeway::sync::RawSyncMutex`] as `raw_sync` code sees it, compared with `raw_sync`'s own
//! mutex.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::{Event, Mutex, RawSyncMutex};
use breezeway::{Atomic, EventError, LockError, Segment};
use memmap2::MmapRaw;
use raw_sync::Timeout;
use raw_sync::events::{EventImpl, EventState};
use raw_sync::locks::{LockImpl, LockInit};
use support::process::{is_parked, thread_id, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [what, "ours", name] => with_lock(what, &ours(&Mutex::open(name).unwrap())),
        [what, "theirs", path] => with_lock(what, &*theirs(path).1),
        ["wait", name] => wait_for_it(&Event::open(name).unwrap()),
        ["count", name, rounds] => count(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Locks and unlocks as code does that knows only `raw_sync`.
fn with_lock(what: &str, lock: &dyn LockImpl) {
    say(&thread_id());
    let guard = lock.lock().unwrap();
    say(if what == "hold" { "holding" } else { "locked" });
    listen();
    drop(guard);
}

/// Waits for an event as code does that knows only `raw_sync`.
fn wait_for_it(event: &dyn EventImpl) {
    say(&thread_id());
    event.wait(Timeout::Infinite).unwrap();
    say("through");
    listen();
}

fn ours(mutex: &Mutex) -> RawSyncMutex {
    RawSyncMutex::new(mutex.clone(), std::ptr::null_mut())
}

/// `raw_sync`'s own mutex in the file of this path, and what maps it.
fn theirs(path: &str) -> (MmapRaw, Box<dyn LockImpl>) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let map = MmapRaw::map_raw(&file).unwrap();
    // SAFETY: the file's first bytes are a mutex since `make_theirs`, and mapped for as long as the map lives.
    let (lock, _) =
        unsafe { raw_sync::locks::Mutex::from_existing(map.as_mut_ptr(), std::ptr::null_mut()) }.unwrap();
    (map, lock)
}

/// Makes `raw_sync`'s own mutex in memory without a name; its path leads there for as long as the descriptor is open.
fn make_theirs() -> (OwnedFd, String) {
    let fd = rustix::fs::memfd_create("raw-sync-test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&fd, 4096).unwrap();
    let map = MmapRaw::map_raw(&fd).unwrap();
    // SAFETY: a page of memory that nobody else knows of yet. The lock may go while its bytes stay: it does nothing then.
    drop(unsafe { raw_sync::locks::Mutex::new(map.as_mut_ptr(), std::ptr::null_mut()) }.unwrap());
    let path = format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd());
    (fd, path)
}

/// Counts in steps that are no use without the lock.
fn count(segment: &Segment, rounds: u64) {
    let lock = ours(&segment.get::<Mutex>("mutex").unwrap());
    let (low, high) =
        (segment.get::<Atomic<u64>>("low").unwrap(), segment.get::<Atomic<u64>>("high").unwrap());
    say("ready");
    listen();
    for round in 0..rounds {
        let guard = match round % 3 {
            0 => lock.lock(),
            1 => lock.try_lock(Timeout::Infinite),
            _ => lock.try_lock(Timeout::Val(Duration::from_secs(1000))),
        };
        let _guard = guard.unwrap();
        let count = low.load(Relaxed);
        low.store(count + 1, Relaxed);
        assert_eq!(high.load(Relaxed), count, "two at a time");
        high.store(count + 1, Relaxed);
    }
}

#[test]
fn lock_guard_holds_mutex_and_points_to_data() {
    let _watchdog = Watchdog::start(20);
    let mutex = Mutex::new().unwrap();
    let mut data = [1_u8, 2, 3];
    let lock = RawSyncMutex::new(mutex.clone(), data.as_mut_ptr());
    let is_free = || std::thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_ok()).join().unwrap());
    assert!(is_free());

    let lock: &dyn LockImpl = &lock;
    let guard = lock.lock().unwrap();
    assert!(!is_free());
    // SAFETY: three bytes of a local array lie there, and nobody else uses it.
    unsafe { guard.write(9) };
    drop(guard);
    assert!(is_free());

    let guard = lock.rlock().unwrap();
    assert!(!is_free());
    // SAFETY: as above.
    assert_eq!(unsafe { guard.read() }, 9);
    drop(guard);
    assert!(is_free());

    drop(lock.try_lock(Timeout::Val(Duration::ZERO)).unwrap().into_read_guard());
    drop(lock.try_rlock(Timeout::Infinite).unwrap());
    assert!(is_free());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.lock().unwrap();
        panic!("in a section");
    }));
    assert!(unwound.is_err() && is_free());
    assert_eq!(data, [9, 2, 3]);
}

#[test]
fn lock_twice_and_release_unlocked_return_errors() {
    let _watchdog = Watchdog::start(20);
    let mutex = Mutex::new().unwrap();
    let lock = ours(&mutex);
    assert!(lock.release().is_err());
    let guard = lock.lock().unwrap();
    let errors = [lock.lock().err(), lock.try_lock(Timeout::Infinite).err(), ours(&mutex).lock().err()];
    for error in errors {
        assert_eq!(error.unwrap().downcast_ref(), Some(&LockError::Deadlock));
    }
    drop(guard);
    assert!(lock.release().is_err());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn try_lock_timeout_elapses_no_earlier() {
    let _watchdog = Watchdog::start(60);
    let name = unique("raw-sync-timeout");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", "ours", &name]);
    holder.hear();
    assert_eq!(holder.hear(), "holding");
    let lock = ours(&mutex);
    // Their own waits fail at once in most parts of a second: the nanoseconds overflow into nowhere.
    for millis in [0, 1, 30, 300, 600, 999, 1100] {
        let (timeout, begin) = (Duration::from_millis(millis), Instant::now());
        let error = lock.try_lock(Timeout::Val(timeout)).err().unwrap();
        assert_eq!(error.downcast_ref(), Some(&LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
    holder.tell("release");
    drop(lock.try_lock(Timeout::Val(Duration::from_secs(1000))).unwrap());
    assert!(holder.join().success());
}

#[test]
fn lock_by_processes_counts_exactly() {
    const PROCESSES: u64 = 3;
    const ROUNDS: u64 = 5000;
    let _watchdog = Watchdog::start(120);
    let name = unique("raw-sync-turns");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<Mutex>("mutex", ()).unwrap();
    segment.add::<Atomic<u64>>("low", 0).unwrap();
    let high = segment.add::<Atomic<u64>>("high", 0).unwrap();
    let counters = (0..PROCESSES).map(|_| Role::spawn(in_a_child, &["count", &name, &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(high.load(Relaxed), PROCESSES * ROUNDS);
}

/// A process that waits for a lock whose holder is killed, and its thread.
fn waiter_of_a_killed_holder(whose: &str, place: &str) -> (Role, String) {
    let mut holder = Role::spawn(in_a_child, &["hold", whose, place]);
    holder.hear();
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn(in_a_child, &["wait", whose, place]);
    let thread = waiter.hear();
    until_parked(&thread);
    holder.kill();
    (waiter, thread)
}

#[test]
fn lock_after_holder_death_ours_recovers_theirs_hangs() {
    let _watchdog = Watchdog::start(60);
    let name = unique("raw-sync-killed");
    let mutex = Mutex::create(&name).unwrap();
    let (mut waiter, _) = waiter_of_a_killed_holder("ours", &name);
    assert_eq!(waiter.hear(), "locked");
    waiter.tell("release");
    assert!(waiter.join().success());
    assert!(mutex.lock().unwrap().recovered(), "the first who can be told is told");

    let (_fd, path) = make_theirs();
    let (waiter, thread) = waiter_of_a_killed_holder("theirs", &path);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        assert!(is_parked(&thread), "raw_sync's mutex has become robust: say so in the documentation");
        std::thread::sleep(Duration::from_millis(50));
    }
    waiter.kill();
}

#[test]
fn event_impl_wait_set_and_timeout() {
    let _watchdog = Watchdog::start(60);
    let name = unique("raw-sync-event");
    let ours = Event::create(&name).unwrap();
    let event: &dyn EventImpl = &ours;

    let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
    let mut killed = Role::spawn(in_a_child, &["wait", &name]);
    until_parked(&waiter.hear());
    until_parked(&killed.hear());
    killed.kill();
    event.set(EventState::Signaled).unwrap();
    assert_eq!(waiter.hear(), "through");
    waiter.tell("done");
    assert!(waiter.join().success());

    event.wait(Timeout::Val(Duration::ZERO)).unwrap();
    event.set(EventState::Clear).unwrap();
    assert!(!ours.is_set());
    let error = event.wait(Timeout::Val(Duration::from_millis(20))).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&EventError::Timeout));
}
