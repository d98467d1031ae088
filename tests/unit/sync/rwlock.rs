//! [`breezeway::sync::RwLock`] between threads: many readers or one writer.

mod damage;

use std::time::Duration;

use breezeway::sync::{Mutex, RwLock};
use breezeway::{LockError, Segment, SegmentError};
use support::scratch::Scratch;
use support::waiting::asleep;
use support::{Watchdog, unique};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn read_is_shared_and_write_is_exclusive() {
    let _watchdog = Watchdog::start(20);
    let lock = RwLock::new().unwrap();
    let clone = lock.clone();
    let (one, another) = (lock.read().unwrap(), clone.try_read().unwrap());
    assert!(!one.recovered() && !another.recovered());
    assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock));
    assert_eq!(lock.write_timeout(Duration::from_millis(1)).err(), Some(LockError::Timeout));
    let third = lock.read_timeout(Duration::ZERO).unwrap();
    drop((one, another));
    assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock));
    // A guard may be dropped by another thread.
    std::thread::scope(|scope| scope.spawn(move || drop(third)).join().unwrap());
    let guard = clone.try_write().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(lock.try_read().err(), Some(LockError::WouldBlock));
            assert_eq!(lock.try_write().err(), Some(LockError::WouldBlock));
            assert_eq!(lock.read_timeout(Duration::from_millis(1)).err(), Some(LockError::Timeout));
            assert_eq!(lock.write_timeout(Duration::from_millis(1)).err(), Some(LockError::Timeout));
        });
    });
    drop(guard);
    drop(lock.read_timeout(LONG).unwrap());
    assert!(!lock.write_timeout(LONG).unwrap().recovered());
    let text = format!("{lock:?} {:?} {:?}", lock.read().unwrap(), RwLock::new().unwrap().write().unwrap());
    assert!(text.contains("RwLockReadGuard") && text.contains("RwLockWriteGuard"), "{text}");
}

#[test]
fn read_and_write_by_writer_return_deadlock() {
    let _watchdog = Watchdog::start(20);
    let lock = RwLock::new().unwrap();
    let _guard = lock.write().unwrap();
    for error in [
        lock.read().err(),
        lock.try_read().err(),
        lock.read_timeout(LONG).err(),
        lock.write().err(),
        lock.try_write().err(),
        lock.write_timeout(LONG).err(),
    ] {
        assert_eq!(error, Some(LockError::Deadlock));
    }
}

#[test]
fn add_and_get_for_any_number_of_participants() {
    for participants in [1, 3, 128, 1000] {
        let options = Segment::builder().participants(participants);
        let segment = options.create_anonymous(1 << 20).unwrap();
        let lock = segment.add::<RwLock>("lock", ()).unwrap();
        drop(lock.write().unwrap());
        let other = segment.get::<RwLock>("lock").unwrap();
        let _reader = other.read().unwrap();
        assert!(segment.get_or_add::<RwLock>("lock", ()).unwrap().try_write().is_err());
        assert!(matches!(segment.get::<Mutex>("lock"), Err(SegmentError::TypeMismatch { .. })));
        assert!(matches!(segment.add::<RwLock>("lock", ()), Err(SegmentError::ObjectExists { .. })));
    }
    let small = Segment::builder().participants(1000).create_anonymous(100 << 10);
    let no_room = small.and_then(|segment| segment.add::<RwLock>("lock", ()));
    assert!(matches!(no_room, Err(SegmentError::OutOfSpace { .. })));
    let name = unique("rwlock-again");
    let _first = RwLock::open_or_create(&name).unwrap();
    drop(RwLock::open_or_create(&name).unwrap().read().unwrap());
}

#[test]
fn write_timeout_waiter_blocks_new_readers_until_it_elapses() {
    let _watchdog = Watchdog::start(60);
    let lock = RwLock::new().unwrap();
    let reader = lock.read().unwrap();
    let writer = asleep({
        let lock = lock.clone();
        move || lock.write_timeout(Duration::from_secs(2)).err()
    });
    assert_eq!(lock.try_read().err(), Some(LockError::WouldBlock));
    let late = asleep({
        let lock = lock.clone();
        move || lock.read().is_ok()
    });
    assert_eq!(writer.wake(), Some(LockError::Timeout));
    assert!(late.wake());
    drop(reader);
    assert!(lock.try_write().is_ok());
}

/// A copy of the file is what the disk has of it after a power failure.
#[test]
fn guards_held_at_power_loss_are_gone() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("rwlock-outage");
    let segment = Segment::create_file(scratch.file("before"), 1 << 16).unwrap();
    let lock = segment.add::<RwLock>("lock", ()).unwrap();
    let copy = |after: &str| {
        std::fs::copy(scratch.file("before"), scratch.file(after)).unwrap();
        Segment::open_file(scratch.file(after)).unwrap().get::<RwLock>("lock").unwrap()
    };
    let guard = lock.read().unwrap();
    assert!(!copy("read").write().unwrap().recovered());
    drop(guard);
    let _guard = lock.write().unwrap();
    let written = copy("written");
    assert!(written.read().unwrap().recovered());
    assert!(written.write().unwrap().recovered());
    assert!(!written.write().unwrap().recovered());
}
