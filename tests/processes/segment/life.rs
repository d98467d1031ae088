//! Segments that other processes open, write and hold: ownership of the name, and what remains when
//! every process has left.

use std::fs::{self};
use std::sync::atomic::Ordering::Relaxed;

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Journaled, LockError, Segment, SegmentError, Value};
use support::scratch::{Name, Scratch};
use support::{Role, Watchdog, listen, role, say};

const SIZE: u64 = 1 << 16;

/// Child: opens the named segment, sets its value, drops everything and stays.
#[test]
fn visitor() {
    let Some(arguments) = role() else { return };
    let value = Segment::open(&arguments[0]).unwrap().get::<Value<u64>>("value").unwrap();
    assert!(!value.segment().was_created());
    value.set(value.get() + 1).unwrap();
    drop(value);
    say("gone");
    listen();
}

/// Child: makes a file segment of everything, or adds to what is there, and leaves.
#[test]
fn writer() {
    let Some(arguments) = role() else { return };
    let segment = Segment::builder().open_or_create_file(&arguments[0], SIZE).unwrap();
    let runs = segment.get_or_add::<Atomic<u64>>("runs", 0).unwrap().fetch_add(1, Relaxed) + 1;
    segment.get_or_add::<Value<[u64; 4]>>("value", [0; 4]).unwrap().set([runs; 4]).unwrap();
    let array = segment.get_or_add::<Array<u32>>("array", 100).unwrap();
    array.lock().unwrap().iter_mut().for_each(|element| *element += 1);
    say(if segment.was_created() { "created" } else { "opened" });
}

/// Child: holds every lock of a file segment.
#[test]
fn holder() {
    let Some(arguments) = role() else { return };
    let segment = Segment::open_file(&arguments[0]).unwrap();
    let (mutex, value) =
        (segment.get::<Mutex>("mutex").unwrap(), segment.get::<Value<u64>>("value").unwrap());
    let array = segment.get::<Array<u16>>("array").unwrap();
    let (_mutex, mut value, mut array) =
        (mutex.lock().unwrap(), value.lock().unwrap(), array.lock().unwrap());
    *value = 2;
    array[0] = 2;
    say("holds");
    listen();
}

#[test]
fn open_does_not_own_the_name() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("visited");
    let segment = Segment::create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let mut visitor = Role::spawn(visitor, &[&name]);
    assert_eq!(visitor.hear(), "gone");
    assert!(segment.is_linked());
    assert_eq!(value.get(), 2);
    visitor.tell("end");
    assert!(visitor.join().success());
    assert!(segment.is_linked());
    assert_eq!(Segment::open(&name).unwrap().id(), segment.id());
}

#[test]
fn open_file_after_all_processes_exit_keeps_contents() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("file");
    let path = scratch.file("segment");
    let run = || {
        let mut writer = Role::spawn(writer, &[path.to_str().unwrap()]);
        let word = writer.hear();
        assert!(writer.join().success());
        word
    };
    assert_eq!((run(), run(), run()), ("created".to_owned(), "opened".to_owned(), "opened".to_owned()));

    let segment = Segment::open_file(&path).unwrap();
    assert_eq!(segment.get::<Atomic<u64>>("runs").unwrap().load(Relaxed), 3);
    assert_eq!(segment.get::<Value<[u64; 4]>>("value").unwrap().get(), [3; 4]);
    assert_eq!(segment.get::<Array<u32>>("array").unwrap().to_vec(), [3; 100]);
    assert_eq!(segment.participants().unwrap().len(), 1);
    assert!(matches!(Segment::create_file(&path, SIZE), Err(SegmentError::AlreadyExists { .. })));
    Segment::remove_file(&path).unwrap();
    assert!(!path.exists() && !segment.is_linked());
    assert!(matches!(Segment::open_file(&path), Err(SegmentError::NotFound { .. })));
}

/// A copy of the file is what the disk has of it after a power failure: locks held by threads that no kernel knows.
#[test]
fn locks_held_at_power_loss_are_recovered() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("outage");
    let (path, after) = (scratch.file("before"), scratch.file("after"));
    let segment = Segment::create_file(&path, SIZE).unwrap();
    segment.add::<Mutex>("mutex", ()).unwrap();
    segment.add::<Value<u64>>("value", 1).unwrap();
    segment.add::<Array<u16>>("array", Journaled([1, 1])).unwrap();
    let mut holder = Role::spawn(holder, &[path.to_str().unwrap()]);
    assert_eq!(holder.hear(), "holds");
    assert!(matches!(segment.get::<Mutex>("mutex").unwrap().try_lock(), Err(LockError::WouldBlock)));
    fs::copy(&path, &after).unwrap();

    let check = |segment: &Segment| {
        for recovered in [true, false] {
            let mutex = segment.get::<Mutex>("mutex").unwrap();
            assert_eq!(mutex.lock().unwrap().recovered(), recovered);
            let value = segment.get::<Value<u64>>("value").unwrap();
            let value = value.lock().unwrap();
            assert_eq!((value.recovered(), *value), (recovered, 1));
            let array = segment.get::<Array<u16>>("array").unwrap();
            let array = array.lock().unwrap();
            assert_eq!((array.recovered(), &array[..]), (recovered, &[1, 1][..]));
        }
    };
    let copy = Segment::open_file(&after).unwrap();
    check(&copy);
    assert_eq!(copy.participants().unwrap().iter().filter(|one| one.alive).count(), 1);
    // The original's locks are still held, and come back with their holder's death.
    assert!(matches!(segment.get::<Mutex>("mutex").unwrap().try_lock(), Err(LockError::WouldBlock)));
    holder.kill();
    check(&segment);
}
