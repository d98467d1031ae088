//! `_TestPool`, `_TestPoolWorkerLifetime` and the single cases about pools.

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::Pool;
use breezeway::{PoolError, TaskError};
use support::Watchdog;

use super::SOON;

fn square(x: i64) -> i64 {
    x * x
}

fn multiply((x, y): (i64, i64)) -> i64 {
    x * y
}

/// Some numbers, and then a panic.
fn sick(len: i64) -> impl Iterator<Item = i64> {
    (0..).map(move |x| if x < len { x } else { panic!("sick at {len}") })
}

fn is_sick(error: &TaskError) -> bool {
    matches!(error, TaskError::InputPanicked(message) if message.starts_with("sick"))
}

#[test]
fn apply() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    assert_eq!(pool.call(square, 5).unwrap(), 25);
    assert_eq!(pool.call(|()| "none".to_owned(), ()).unwrap(), "none");
}

#[test]
fn map() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    assert!(pool.map(square, 0..10).unwrap().into_iter().eq((0..10).map(square)));
    assert!(pool.map_chunked(square, 0..100, 20).unwrap().into_iter().eq((0..100).map(square)));
}

#[test]
fn starmap() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    let pairs = || (0..100).zip((0..100).rev());
    assert!(pool.map(multiply, pairs()).unwrap().into_iter().eq(pairs().map(multiply)));
    // `starmap_async`.
    assert!(pool.submit_map(multiply, pairs()).unwrap().get().unwrap().into_iter().eq(pairs().map(multiply)));
}

#[test]
fn map_async_callbacks() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    let (tell, hear) = channel();
    let note =
        move |all: &Result<Vec<i64>, TaskError>| tell.send(all.as_ref().map_or(-1, |all| all[0])).unwrap();
    let refuse = |_| -> i64 { panic!("on purpose") };
    pool.submit_map_with(|_| 7, [1], note.clone()).unwrap().get().unwrap();
    assert!(pool.submit_map_with(refuse, [1], note.clone()).unwrap().get().is_err());
    pool.submit_map_with(square, [3, 4], note).unwrap().get().unwrap();
    assert_eq!(hear.iter().take(3).collect::<Vec<_>>(), [7, -1, 9]);
}

#[test]
fn map_chunksize() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(2).max_tasks_per_worker(1).build().unwrap();
    // More than there is: one chunk, so one worker. Four for each worker otherwise: ceil(9 / 8) = 2 in each.
    let ids = pool.map_chunked(|_: u8| std::process::id(), 0..9, 100).unwrap();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1);
    let ids = pool.map(|_: u8| std::process::id(), 0..9).unwrap();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5);
    assert!(pool.map_chunked(square, [], 1).unwrap().is_empty());
    assert!(matches!(pool.map_chunked(square, 0..9, 0), Err(TaskError::InvalidOption { .. })));
}

/// An input that panics does so in its caller, as any iterator's does.
#[test]
fn map_handle_iterable_exception() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    for len in [0, 1, 5] {
        let run = std::panic::AssertUnwindSafe(|| pool.map(square, sick(len)));
        assert!(std::panic::catch_unwind(run).is_err());
    }
    assert_eq!(pool.call(square, 3).unwrap(), 9);
}

#[test]
fn async_and_timeout() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    let slow = |x: i64| {
        sleep(Duration::from_millis(200));
        x * x
    };
    let task = pool.submit(slow, 7).unwrap();
    assert_eq!(task.get().unwrap(), 49);
    let task = pool.submit(|()| super::for_ever(), ()).unwrap();
    assert!(matches!(task.get_timeout(Duration::ZERO), Err(TaskError::Timeout)));
    assert!(matches!(task.get_timeout(SOON), Err(TaskError::Timeout)));
    assert!(!task.is_ready());
}

#[test]
fn imap() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    assert!(pool.map_iter(square, 0..10).unwrap().map(Result::unwrap).eq((0..10).map(square)));
    assert!(
        pool.map_iter_chunked(square, 0..1000, 100).unwrap().map(Result::unwrap).eq((0..1000).map(square))
    );
}

#[test]
fn imap_handle_iterable_exception() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    for (len, chunk) in [(0, 1), (10, 1), (20, 2), (7, 4)] {
        let mut results = pool.map_iter_chunked(square, sick(len), chunk).unwrap();
        assert!((0..len).all(|x| results.next().unwrap().unwrap() == x * x));
        assert!(is_sick(&results.next().unwrap().unwrap_err()));
        assert!(results.next().is_none());
    }
}

#[test]
fn imap_unordered() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    for chunk in [1, 100] {
        let results = pool.map_iter_unordered_chunked(square, 0..1000, chunk).unwrap();
        let results: BTreeSet<i64> = results.map(Result::unwrap).collect();
        assert!(results.into_iter().eq((0..1000).map(square)));
    }
}

#[test]
fn imap_unordered_handle_iterable_exception() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(4).unwrap();
    for (len, chunk) in [(0, 1), (10, 1), (20, 2)] {
        let (good, bad): (Vec<_>, Vec<_>) = pool
            .map_iter_unordered_chunked(square, sick(len), chunk)
            .unwrap()
            .partition(|result| result.is_ok());
        let good: BTreeSet<i64> = good.into_iter().map(Result::unwrap).collect();
        assert!(good.into_iter().eq((0..len).map(square)));
        assert!(matches!(&bad[..], [Err(error)] if is_sick(error)));
    }
}

#[test]
fn make_pool() {
    let _watchdog = Watchdog::start(120);
    assert!(matches!(Pool::new(0), Err(PoolError::InvalidOption { option: "workers", .. })));
    let idle = Pool::builder().workers(1).max_tasks_per_worker(0).build();
    assert!(matches!(idle, Err(PoolError::InvalidOption { option: "max_tasks_per_worker", .. })));
    let pool = Pool::new(3).unwrap();
    assert_eq!(pool.workers(), 3);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn terminate() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    let sleepers =
        pool.submit_map_with(|_: u32| sleep(Duration::from_secs(3600)), 0..10_000, |_| ()).unwrap();
    let single = pool.submit(square, 1).unwrap();
    pool.terminate();
    pool.join().unwrap();
    // `get` after it hangs in CPython (gh-96995).
    assert!(matches!(sleepers.get(), Err(TaskError::Terminated)));
    assert!(matches!(single.get(), Ok(1) | Err(TaskError::Terminated)));
}

#[test]
fn empty_iterable() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(1).unwrap();
    assert!(pool.map(square, []).unwrap().is_empty());
    assert!(pool.map(multiply, []).unwrap().is_empty());
    assert!(pool.submit_map(square, []).unwrap().get().unwrap().is_empty());
    assert_eq!(pool.map_iter(square, []).unwrap().count(), 0);
    assert_eq!(pool.map_iter_unordered(square, []).unwrap().count(), 0);
}

/// `with Pool() as p:` is a scope.
#[test]
fn context() {
    let _watchdog = Watchdog::start(120);
    let late = {
        let pool = Pool::new(2).unwrap();
        assert!(pool.map(square, 0..10).unwrap().into_iter().eq((0..10).map(square)));
        pool.submit(|()| super::for_ever(), ()).unwrap()
    };
    assert!(matches!(late.get(), Err(TaskError::Terminated)));
}

#[test]
fn traceback() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(1).unwrap();
    let error = pool.call(|code: u32| -> u32 { panic!("error {code}") }, 123).unwrap_err();
    assert!(matches!(&error, TaskError::TaskPanicked(message) if message == "error 123"), "{error:?}");
    assert!(error.to_string().contains("error 123"));
    // And the worker goes on.
    assert_eq!(pool.call(square, 2).unwrap(), 4);
}

#[test]
fn pool_worker_lifetime() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(3).max_tasks_per_worker(10).build().unwrap();
    let tasks: Vec<_> =
        (0..100).map(|x| pool.submit(|x: i64| (x * x, std::process::id()), x).unwrap()).collect();
    let (results, ids): (Vec<_>, BTreeSet<_>) = tasks.into_iter().map(|task| task.get().unwrap()).unzip();
    assert!(results.into_iter().eq((0..100).map(square)));
    assert!(ids.len() >= 10, "{}", ids.len());
    pool.close();
    pool.join().unwrap();
}

#[test]
fn pool_worker_lifetime_early_close() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(3).max_tasks_per_worker(1).build().unwrap();
    let slow = |x: i64| {
        sleep(SOON);
        x * x
    };
    let tasks: Vec<_> = (0..6).map(|x| pool.submit(slow, x).unwrap()).collect();
    pool.close();
    pool.join().unwrap();
    assert!((0..).zip(tasks).all(|(x, task)| task.get().unwrap() == x * x));
}

#[test]
fn async_error_callback() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let (tell, hear) = channel();
    let note =
        move |result: &Result<(), TaskError>| tell.send(result.as_ref().unwrap_err().to_string()).unwrap();
    let task = pool.submit_with(|()| panic!("on purpose"), (), note).unwrap();
    assert!(hear.recv().unwrap().contains("on purpose"));
    assert!(matches!(task.get(), Err(TaskError::TaskPanicked(_))));
    // A callback that panics, which hangs CPython's, hurts nobody.
    assert_eq!(pool.submit_with(square, 3, |_| panic!("in a callback")).unwrap().get().unwrap(), 9);
    assert_eq!(pool.submit_with(square, 4, |_| ()).unwrap().get().unwrap(), 16);
}
