//! [`breezeway::sync::Event`] in one process: set, cleared, waited for, damaged.

use std::time::{Duration, Instant};

use breezeway::sync::Event;
use breezeway::{EventError, SegmentError, Value};
use support::scratch::patch;
use support::{Watchdog, unique};

#[test]
fn the_short_forms_make_open_and_find() {
    let name = unique("event");
    assert!(matches!(Event::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Event::open_or_create(&name).unwrap();
    assert!(!made.is_set());
    assert!(made.set());
    let found = Event::open_or_create(&name).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert!(found.is_set(), "what there is stays");
    assert!(format!("{found:?}").contains("is_set: true"));
    assert!(matches!(Event::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(!Event::new().unwrap().is_set());
}

#[test]
fn it_is_set_and_cleared() {
    let _watchdog = Watchdog::start(20);
    let event = Event::new().unwrap();
    let clone = event.clone();
    for _ in 0..3 {
        assert_eq!(event.try_wait(), Err(EventError::WouldBlock));
        assert_eq!(event.wait_timeout(Duration::from_millis(2)), Err(EventError::Timeout));
        assert!(!event.clear());
        assert!(event.set() && !clone.set());
        assert!(event.is_set() && clone.is_set());
        // As often as one likes.
        for _ in 0..2 {
            assert_eq!(
                (event.wait(), clone.try_wait(), event.wait_timeout(Duration::ZERO)),
                (Ok(()), Ok(()), Ok(()))
            );
        }
        assert!(clone.clear() && !event.is_set());
    }
}

#[test]
fn it_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        assert_eq!(event.wait_timeout(Duration::from_millis(millis)), Err(EventError::Timeout));
        assert!(begin.elapsed() >= Duration::from_millis(millis));
    }
}

#[test]
fn any_words_there_do_no_harm() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-damage");
    let event = Event::create(&name).unwrap();
    let path = event.segment().path().unwrap();
    let at = event.segment().objects().unwrap()[0].offset;
    for sleepers in [0_u32, 1, 2, 3, u32::MAX - 1, u32::MAX] {
        for word in [0_u64, 1, 2, 3, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
            patch(&path, at, &word.to_ne_bytes());
            patch(&path, at + 8, &sleepers.to_ne_bytes());
            let event = Event::open(&name).unwrap();
            let expected = if word % 2 == 1 { Ok(()) } else { Err(EventError::Timeout) };
            assert_eq!(event.wait_timeout(Duration::from_millis(1)), expected);
            assert_eq!(event.is_set(), word % 2 == 1);
            event.set();
            assert_eq!(event.wait(), Ok(()));
            assert!(event.clear() && event.set() && event.clear());
        }
    }
}
