//! [`breezeway::sync::Once`] in one process: the function runs once, and again only after a panic.

#![allow(unsafe_code)] // fork

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use breezeway::sync::Once;
use breezeway::{LockError, SegmentError, Value};
use support::scratch::patch;
use support::{Watchdog, unique};

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("once");
    assert!(matches!(Once::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Once::open_or_create(&name).unwrap();
    made.call_once(|_| {}).unwrap();
    let found = Once::open_or_create(&name).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert!(found.is_completed() && found.clone().is_completed());
    assert!(format!("{found:?}").contains("is_completed: true"));
    assert!(matches!(Once::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(!Once::new().unwrap().is_completed());
}

#[test]
fn call_once_runs_once() {
    let once = Once::new().unwrap();
    let mut times = 0;
    for _ in 0..3 {
        once.call_once(|state| {
            assert!(!state.recovered());
            times += 1;
        })
        .unwrap();
        once.try_call_once(|_| unreachable!()).unwrap();
        once.call_once_timeout(Duration::ZERO, |_| unreachable!()).unwrap();
    }
    assert_eq!(times, 1);
}

#[test]
fn call_once_after_panic_reports_recovered() {
    let once = Once::new().unwrap();
    for round in 0..3 {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            once.call_once(|state| {
                assert_eq!(state.recovered(), round > 0);
                std::panic::resume_unwind(Box::new("on purpose"));
            })
        }));
        assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert!(!once.is_completed());
    }
    let mut told = None;
    once.clone().try_call_once(|state| told = Some(state.recovered())).unwrap();
    assert_eq!(told, Some(true));
    assert!(once.is_completed());
}

#[test]
fn call_once_recursive_returns_deadlock() {
    let _watchdog = Watchdog::start(20);
    let once = Once::new().unwrap();
    let clone = once.clone();
    once.call_once(|_| {
        for once in [&once, &clone] {
            assert_eq!(once.call_once(|_| unreachable!()), Err(LockError::Deadlock));
            assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::Deadlock));
            let timed = once.call_once_timeout(Duration::from_secs(1), |_| unreachable!());
            assert_eq!(timed, Err(LockError::Deadlock));
        }
    })
    .unwrap();
    assert!(clone.is_completed());
}

#[test]
fn call_once_with_damaged_word_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-damage");
    let once = Once::create(&name).unwrap();
    let path = once.segment().path().unwrap();
    let at = once.segment().objects().unwrap()[0].offset;
    for word in [3_u64, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX] {
        patch(&path, at + 56, &word.to_ne_bytes());
        for once in [&once, &Once::open(&name).unwrap()] {
            assert!(!once.is_completed());
            for _ in 0..2 {
                let result = once.call_once(|_| unreachable!());
                assert_eq!(result, Err(LockError::Corrupt { what: "the state of a once" }));
            }
        }
    }
    patch(&path, at + 56, &0_u64.to_ne_bytes());
    once.call_once(|state| assert!(!state.recovered())).unwrap();
    // A lock whose holder no participant is passes on, as a dead holder's does.
    patch(&path, at, &[0xff; 56]);
    patch(&path, at + 56, &0_u64.to_ne_bytes());
    Once::open(&name).unwrap().try_call_once(|state| assert!(!state.recovered())).unwrap();
    assert!(once.is_completed());
}
