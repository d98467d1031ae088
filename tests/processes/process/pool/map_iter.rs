//! `map_iter` and `map_iter_unordered`: results one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use breezeway::TaskError;
use breezeway::process::Pool;
use breezeway::sync::Event;
use support::Watchdog;

fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn map_iter_yields_in_order() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    for (n, chunk) in [(0, 1), (1, 1), (1000, 1), (1000, 7), (10, 100)] {
        let results = pool.map_iter_chunked(square, 0..n, chunk).unwrap();
        assert!(results.map(Result::unwrap).eq((0..n).map(square)), "{n} {chunk}");
    }
    assert!(matches!(pool.map_iter_chunked(square, 0..3, 0), Err(TaskError::InvalidOption { .. })));
}

#[test]
fn map_iter_unordered_yields_as_completed() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    for (n, chunk) in [(0, 1), (1, 1), (1000, 1), (1000, 7), (10, 100)] {
        let results = pool.map_iter_unordered_chunked(square, 0..n, chunk).unwrap();
        let mut results: Vec<u64> = results.map(Result::unwrap).collect();
        results.sort();
        assert!(results.into_iter().eq((0..n).map(square)));
    }
    // What waits holds nobody up.
    let event = Event::new().unwrap();
    let maybe_wait = |(x, event): (u64, Event)| {
        if x == 0 {
            event.wait().unwrap();
        }
        x
    };
    let items = (0..5).map(|x| (x, event.clone()));
    let mut results = pool.map_iter_unordered(maybe_wait, items).unwrap();
    let mut others: Vec<u64> = results.by_ref().take(4).map(Result::unwrap).collect();
    others.sort();
    assert_eq!(others, [1, 2, 3, 4]);
    event.set();
    assert_eq!(results.next().unwrap().unwrap(), 0);
    assert!(results.next().is_none());
}

#[test]
fn map_iter_pulls_no_further_than_window() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(2).window(5).build().unwrap();
    for chunk in [1, 3] {
        for is_ordered in [true, false] {
            let pulled = Arc::new(AtomicUsize::new(0));
            let input = {
                let pulled = Arc::clone(&pulled);
                (0..).inspect(move |_| {
                    pulled.fetch_add(1, Ordering::Relaxed);
                })
            };
            let mut results: Box<dyn Iterator<Item = Result<u64, TaskError>>> = if is_ordered {
                Box::new(pool.map_iter_chunked(square, input, chunk).unwrap())
            } else {
                Box::new(pool.map_iter_unordered_chunked(square, input, chunk).unwrap())
            };
            for taken in 0..50 {
                let ahead = pulled.load(Ordering::Relaxed) - taken;
                assert!((5 * chunk..6 * chunk).contains(&ahead), "{ahead} ahead");
                results.next().unwrap().unwrap();
            }
        }
    }
}

#[test]
fn map_iter_input_panic_returns_input_panicked() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let input = || (0..100).map(|x: u64| if x == 12 { panic!("no {x}") } else { x });
    for chunk in [1, 5] {
        let mut results = pool.map_iter_chunked(square, input(), chunk).unwrap();
        for x in 0..12 {
            assert_eq!(results.next().unwrap().unwrap(), x * x);
        }
        let error = results.next().unwrap().unwrap_err();
        assert!(matches!(&error, TaskError::InputPanicked(message) if message == "no 12"), "{error}");
        assert!(results.next().is_none());
        let results: Vec<_> = pool.map_iter_unordered_chunked(square, input(), chunk).unwrap().collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 12);
        assert_eq!(results.len(), 13);
    }
    // `map` pulls in its caller, before anything else.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.map(square, input())));
    assert!(caught.is_err());
    assert_eq!(pool.call(square, 2).unwrap(), 4);
}

#[test]
fn map_iter_item_panics_are_errors_in_place() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let third = |x: u64| if x % 3 == 1 { panic!("no {x}") } else { x };
    for chunk in [1, 4] {
        let results = pool.map_iter_chunked(third, 0..20, chunk).unwrap();
        for (x, result) in (0..).zip(results) {
            match result {
                Ok(result) => assert!(x % 3 != 1 && result == x),
                Err(error) => {
                    let says = format!("no {x}");
                    assert!(x % 3 == 1 && matches!(&error, TaskError::TaskPanicked(text) if *text == says));
                }
            }
        }
        let results: Vec<_> = pool.map_iter_unordered_chunked(third, 0..20, chunk).unwrap().collect();
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 7);
    }
}

#[test]
fn map_iter_dropped_halfway() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    for _ in 0..20 {
        let results = pool.map_iter(square, 0..).unwrap();
        assert_eq!(results.take(3).map(Result::unwrap).sum::<u64>(), 5);
        drop(pool.map_iter_unordered(square, 0..).unwrap());
    }
    assert_eq!(pool.call(square, 4).unwrap(), 16);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn map_iter_after_close_and_join() {
    let _watchdog = Watchdog::start(120);
    // Python's idiom: the results are taken after the closing.
    let pool = Pool::new(2).unwrap();
    let results = pool.map_iter(square, 0..500).unwrap();
    pool.close();
    assert!(matches!(pool.map_iter(square, 0..3), Err(TaskError::Closed)));
    assert!(results.map(Result::unwrap).eq((0..500).map(square)));
    pool.join().unwrap();

    // Who joins pulls no more.
    let pool = Pool::builder().workers(2).window(3).build().unwrap();
    let results = pool.map_iter(square, 0..500).unwrap();
    pool.close();
    pool.join().unwrap();
    let results: Vec<_> = results.collect();
    assert!(matches!(results[..], [Ok(0), Ok(1), Ok(4), Err(TaskError::Closed)]), "{results:?}");
}

#[test]
fn map_iter_after_pool_drop_returns_terminated() {
    let _watchdog = Watchdog::start(120);
    let event = Event::new().unwrap();
    let wait = |event: Event| event.wait().unwrap();
    let pool = Pool::builder().workers(2).window(4).build().unwrap();
    let input = || std::iter::repeat_with(|| event.clone());
    let (ordered, unordered) =
        (pool.map_iter(wait, input()).unwrap(), pool.map_iter_unordered(wait, input()).unwrap());
    drop(pool);
    for results in [ordered.collect::<Vec<_>>(), unordered.collect()] {
        // Those that were away, and the first that could not go.
        assert_eq!(results.len(), 5);
        assert!(results.iter().all(|result| matches!(result, Err(TaskError::Terminated))));
    }
}
