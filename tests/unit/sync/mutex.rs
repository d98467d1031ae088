//! [`breezeway::sync::Mutex`] between threads.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::Mutex;
use breezeway::{Array, LockError, Segment, SegmentError, Value};
use support::{Watchdog, unique};

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("mutex");
    assert!(matches!(Mutex::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Mutex::open_or_create(&name).unwrap();
    let found = Mutex::open_or_create(&name).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    let guard = made.lock().unwrap();
    assert_eq!(found.try_lock().err(), Some(LockError::Deadlock));
    drop(guard);
    assert!(Mutex::open(&name).unwrap().try_lock().is_ok());
    assert!(matches!(Mutex::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(Mutex::new().unwrap().try_lock().is_ok());
}

#[test]
fn lock_by_threads_excludes() {
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
fn lock_by_holder_returns_deadlock() {
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
fn lock_of_other_objects_while_mutex_is_held() {
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
fn guards_of_several_mutexes_drop_in_any_order() {
    let segment = Segment::builder().objects(8).create_anonymous(1 << 16).unwrap();
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
