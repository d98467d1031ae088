//! Stale segments: every participant is dead.

use std::path::Path;

use breezeway::sync::Mutex;
use breezeway::{Segment, SegmentError, Value};
use support::Watchdog;
use support::process::{resume, stop};
use support::scratch::{Name, Scratch};

use super::{SIZE, ask, spawn_member};

/// A segment whose maker was killed.
fn left_behind(verb: &str) -> Name {
    let name = Name::new("stale");
    let (maker, _) = spawn_member(verb, &name);
    assert!(!Segment::open(&name).unwrap().was_created());
    maker.kill();
    assert!(name.is_taken());
    name
}

#[track_caller]
fn assert_stale<T: std::fmt::Debug>(result: Result<T, SegmentError>, expected: &str) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(expected) && error.to_string().contains("stale"), "{error}");
    assert!(matches!(error, SegmentError::Stale { name } if name == expected));
}

#[test]
fn open_after_creator_death_returns_stale() {
    let _watchdog = Watchdog::start(60);
    let name = left_behind("create");
    for _ in 0..2 {
        assert_stale(Segment::open(&name), &name);
        assert_stale(Value::<u64>::open(&name), &name);
        assert_stale(Mutex::open(&name), &name);
    }
    Segment::remove(&name).unwrap();
    assert!(matches!(Segment::open(&name), Err(SegmentError::NotFound { .. })));
}

#[test]
fn create_replaces_stale_segment() {
    let _watchdog = Watchdog::start(60);
    let name = left_behind("create");
    let segment = Segment::create(&name, 2 * SIZE).unwrap();
    assert!(segment.was_created() && segment.objects().unwrap().is_empty() && segment.len() == 2 * SIZE);
    drop(segment);
    assert!(!name.is_taken());

    let name = left_behind("create");
    let value = Value::<u64>::create(&name, 7).unwrap();
    assert!(value.segment().was_created() && value.get() == 7);
}

#[test]
fn open_or_create_replaces_stale_segment() {
    let _watchdog = Watchdog::start(60);
    let name = left_behind("create");
    let segment = Segment::open_or_create(&name, 2 * SIZE).unwrap();
    assert!(segment.was_created() && segment.objects().unwrap().is_empty() && segment.len() == 2 * SIZE);
    assert_eq!(Segment::open(&name).unwrap().id(), segment.id());

    let name = left_behind("create");
    let mutex = Mutex::open_or_create(&name).unwrap();
    assert!(mutex.segment().was_created());
    drop(mutex.lock().unwrap());
}

#[test]
fn persist_segment_is_never_stale() {
    let _watchdog = Watchdog::start(60);
    let name = left_behind("create persisting");
    assert!(matches!(Segment::create(&name, SIZE), Err(SegmentError::AlreadyExists { .. })));
    let segment = Segment::open_or_create(&name, SIZE).unwrap();
    assert!(!segment.was_created());
    assert_eq!(segment.get::<Value<u64>>("value").unwrap().get(), 1);
    // Its dead maker is in the table still, or its place was taken.
    assert!(segment.participants().unwrap().iter().filter(|one| one.alive).count() == 1);
    segment.persist(false);
    drop(segment);
    assert_stale(Segment::open(&name), &name);
}

#[test]
fn segment_with_live_participant_is_not_stale() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("stale");
    let (mut maker, _) = spawn_member("create", &name);
    let (mut other, _) = spawn_member("open", &name);
    assert_eq!(ask(&mut maker, "hold"), "holds");
    maker.kill();
    let segment = Segment::open(&name).unwrap();
    assert!(matches!(Segment::create(&name, SIZE), Err(SegmentError::AlreadyExists { .. })));
    assert!(!Segment::open_or_create(&name, SIZE).unwrap().was_created());
    let value = segment.get::<Value<u64>>("value").unwrap();
    let guard = value.lock().unwrap();
    assert!(guard.recovered() && *guard == 1);
    drop(guard);
    drop((value, segment));
    assert_eq!(ask(&mut other, "add"), "done");
    assert_eq!(Segment::open(&name).unwrap().get::<Value<u64>>("value").unwrap().get(), 2);
    // Nobody who is left owns the name, so the last to leave does not take it along.
    assert_eq!(ask(&mut other, "leave"), "left");
    assert_stale(Segment::open(&name), &name);
    assert!(Segment::create(&name, SIZE).unwrap().was_created());
}

#[test]
fn create_does_not_replace_segment_of_stopped_creator() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("stale");
    let (mut maker, _) = spawn_member("create", &name);
    stop(maker.pid());
    drop(Segment::open(&name).unwrap());
    assert!(matches!(Segment::create(&name, SIZE), Err(SegmentError::AlreadyExists { .. })));
    resume(maker.pid());
    assert_eq!(ask(&mut maker, "leave"), "left");
    assert!(!name.is_taken());
}

#[test]
fn persist_false_file_goes_stale_and_is_replaced() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("stale");
    let path = scratch.file("segment");
    let left_behind = |path: &Path| {
        let (maker, _) = spawn_member("create file", path.to_str().unwrap());
        maker.kill();
        assert_stale(Segment::open_file(path), path.to_str().unwrap());
    };
    left_behind(&path);
    let segment = Segment::builder().persist(false).create_file(&path, SIZE).unwrap();
    assert!(segment.was_created());
    drop(segment);
    assert!(!path.exists());
    left_behind(&path);
    assert!(Segment::builder().open_or_create_file(&path, SIZE).unwrap().was_created());
    // A file persists unless said otherwise.
    assert!(!Segment::builder().open_or_create_file(&path, SIZE).unwrap().was_created());
}
