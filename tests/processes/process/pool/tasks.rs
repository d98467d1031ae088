//! `call`, `submit` and `map`: arguments, results and errors.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::Pool;
use breezeway::queue::spsc;
use breezeway::sync::Event;
use breezeway::{TaskError, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::Watchdog;

fn square(x: i64) -> i64 {
    x * x
}

#[test]
fn call_returns_result() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    assert_eq!(pool.call(square, 5).unwrap(), 25);
    assert_eq!(pool.call(|(a, b): (String, usize)| a.repeat(b), ("ab".to_owned(), 3)).unwrap(), "ababab");
    pool.call(|()| (), ()).unwrap();
}

#[test]
fn submit_get_timeout_wait_timeout_and_get() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let event = Event::new().unwrap();
    let wait = |(event, x): (Event, i64)| {
        event.wait().unwrap();
        x * x
    };
    let task = pool.submit(wait, (event.clone(), 7)).unwrap();
    assert!(!task.is_ready());
    assert_eq!(task.is_successful(), None);
    assert!(matches!(task.get_timeout(Duration::ZERO), Err(TaskError::Timeout)));
    assert!(matches!(task.get_timeout(Duration::from_millis(50)), Err(TaskError::Timeout)));
    assert!(!task.wait_timeout(Duration::from_millis(10)));
    event.set();
    assert_eq!(task.get_timeout(Duration::MAX).unwrap(), 49);
    assert!(task.is_ready());
    assert_eq!(task.is_successful(), Some(true));
    assert!(matches!(task.get_timeout(Duration::ZERO), Err(TaskError::AlreadyTaken)));
    assert_eq!(task.is_successful(), Some(true));
    assert!(matches!(task.get(), Err(TaskError::AlreadyTaken)));
}

#[test]
fn submit_keeps_handles_in_arguments_alive() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(1).unwrap();
    let event = Event::new().unwrap();
    let first = pool.submit(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    // Waits behind the first, and nobody but the pool has its arguments.
    let value = Value::<u64>::new(41).unwrap();
    let second = pool.submit(|value: Value<u64>| value.get() + 1, value).unwrap();
    let (mut tx, rx) = spsc::new::<u64>(16).unwrap();
    tx.push_slice(&[1, 2, 3]).unwrap();
    drop(tx);
    let third = pool
        .submit(|mut rx: spsc::Consumer<u64>| core::iter::from_fn(|| rx.pop().ok()).sum::<u64>(), rx)
        .unwrap();
    let many = pool
        .submit_map(|value: Value<u64>| value.get(), (0..10).map(|n| Value::<u64>::new(n).unwrap()))
        .unwrap();
    event.set();
    first.get().unwrap();
    assert_eq!(second.get().unwrap(), 42);
    assert_eq!(third.get().unwrap(), 6);
    assert_eq!(many.get().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn map_map_chunked_and_submit_map() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    let squares = |n: i64| (0..n).map(square).collect::<Vec<_>>();
    for n in [0, 1, 2, 10, 1000] {
        assert_eq!(pool.map(square, 0..n).unwrap(), squares(n));
    }
    for chunk in [1, 3, 20, 100, 101, 10_000] {
        assert_eq!(pool.map_chunked(square, 0..100, chunk).unwrap(), squares(100));
    }
    assert!(matches!(pool.map_chunked(square, 0..3, 0), Err(TaskError::InvalidOption { .. })));
    assert_eq!(pool.submit_map(square, 0..50).unwrap().get().unwrap(), squares(50));
    assert_eq!(pool.map(|(a, b): (u32, u32)| a * b, [(1, 2), (3, 4)]).unwrap(), [2, 12]);
}

#[test]
fn map_chunked_more_tasks_than_slots() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let results = pool.map_chunked(square, 0..20_000, 1).unwrap();
    assert!(results.into_iter().eq((0..20_000).map(square)));
}

#[test]
fn map_default_chunk_is_quarter_of_worker_share() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(2).max_tasks_per_worker(1).build().unwrap();
    // Each chunk has a worker of its own.
    let pids = pool.map(|_: u32| std::process::id(), 0..17).unwrap();
    // ceil(17 / 8) = 3 a chunk.
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 6);
    assert!(pids.chunks(3).all(|chunk| chunk.iter().all(|pid| *pid == chunk[0])));
}

#[test]
fn call_and_map_panic_returns_task_panicked() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let odd = |x: u32| if x.is_multiple_of(2) { x } else { panic!("{x} is odd") };
    let error = pool.call(odd, 3).unwrap_err();
    assert!(matches!(&error, TaskError::TaskPanicked(message) if message == "3 is odd"), "{error}");
    let task = pool.submit(odd, 5).unwrap();
    assert!(task.wait_timeout(Duration::from_secs(60)));
    assert_eq!(task.is_successful(), Some(false));
    // The error of the first that has one, when all have ended.
    let done = breezeway::Atomic::<u32>::new(0).unwrap();
    let count = |(x, done): (u32, breezeway::Atomic<u32>)| {
        sleep(Duration::from_millis(u64::from(20 - x)));
        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(x != 7 && x != 13, "no {x}");
    };
    let items: Vec<_> = (0..20).map(|x| (x, done.clone())).collect();
    let error = pool.map_chunked(count, items, 1).unwrap_err();
    assert!(matches!(&error, TaskError::TaskPanicked(message) if message == "no 7"), "{error}");
    assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 20);
    assert_eq!(pool.call(odd, 4).unwrap(), 4);
}

/// Whose encoding is not what its decoder expects.
#[derive(Debug)]
struct Odd;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        1u8.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("it is odd"))
    }
}

/// Whose decoder panics.
#[derive(Debug)]
struct Bomb;

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("boom")
    }
}

/// What cannot be encoded.
#[derive(Debug, Deserialize)]
struct Secret;

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }
}

#[test]
fn call_unencodable_or_undecodable_returns_error() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    assert!(matches!(pool.call(|_: Secret| (), Secret), Err(TaskError::Encode { .. })));
    assert!(matches!(pool.map(|_: Secret| (), [Secret]), Err(TaskError::Encode { .. })));
    assert!(matches!(pool.call(|()| Secret, ()), Err(TaskError::Unencodable(_))));
    assert!(matches!(pool.call(|_: Odd| (), Odd), Err(TaskError::Arguments(_))));
    assert!(matches!(pool.call(|_: Bomb| (), Bomb), Err(TaskError::Arguments(message)) if message == "boom"));
    assert!(matches!(pool.call(|()| Odd, ()), Err(TaskError::Undecodable { .. })));
    assert!(matches!(pool.call(|()| Bomb, ()), Err(TaskError::Undecodable { .. })));
    let mixed = pool.map_iter_chunked(|x: u8| if x == 1 { Err(Odd) } else { Ok(x) }, 0..4, 4).unwrap();
    let mixed: Vec<_> = mixed.map(|result| result.map(Result::unwrap)).collect();
    assert!(matches!(mixed[..], [Ok(0), Err(TaskError::Undecodable { .. }), Ok(2), Ok(3)]), "{mixed:?}");
    assert_eq!(pool.call(square, 3).unwrap(), 9);
}

#[test]
fn call_function_of_shared_library_not_in_executable() {
    let pool = Pool::new(1).unwrap();
    // SAFETY: it is not called; its address is looked at.
    #[allow(unsafe_code)]
    let function = unsafe { std::mem::transmute::<*const (), fn(i32) -> i32>(libc::getpid as *const ()) };
    assert!(matches!(pool.call(function, 1), Err(TaskError::NotInExecutable)));
}

#[test]
fn call_arguments_and_results_of_any_length() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    for len in [0, 1, 400, 440, 450, 460, 470, 480, 490, 500, 512, 5000, 1 << 20, 20 << 20] {
        let bytes: Vec<u8> = (0..len).map(|n: u32| n as u8).collect();
        let mut back = pool.call(reverse, bytes.clone()).unwrap();
        back.reverse();
        assert!(back == bytes, "{len}");
    }
    // Many at once, of all lengths.
    let lens: Vec<usize> = (0..2000).map(|n| (n * 7919) % 3000).collect();
    let items = lens.iter().map(|len| vec![*len as u8; *len]);
    let back = pool.map_chunked(reverse, items, 1).unwrap();
    assert!(back.iter().zip(&lens).all(|(bytes, len)| *bytes == vec![*len as u8; *len]));
    // The one grows, the other shrinks.
    assert_eq!(pool.call(|len: usize| vec![7u8; len], 3 << 20).unwrap().len(), 3 << 20);
    assert_eq!(pool.call(|bytes: Vec<u8>| bytes.len(), vec![0; 3 << 20]).unwrap(), 3 << 20);
}

#[test]
fn call_and_map_from_many_threads() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4i64 {
            let pool = &pool;
            scope.spawn(move || {
                for x in 0..200 {
                    assert_eq!(pool.call(square, thread * 1000 + x).unwrap(), (thread * 1000 + x).pow(2));
                }
                assert_eq!(pool.map(square, 0..100).unwrap().len(), 100);
            });
        }
    });
}

#[test]
fn submit_long_task_does_not_delay_others() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    // A long task holds up nothing but its worker.
    let event = Event::new().unwrap();
    let long = pool.submit(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    assert_eq!(pool.map_chunked(square, 0..3000, 1).unwrap().len(), 3000);
    assert!(!long.is_ready());
    event.set();
    long.get().unwrap();
}

static RUNS: std::sync::OnceLock<breezeway::Atomic<u64>> = std::sync::OnceLock::new();

#[test]
fn map_chunked_runs_each_task_once() {
    let _watchdog = Watchdog::start(120);
    let runs = breezeway::Atomic::<u64>::new(0).unwrap();
    let begin = |runs| drop(RUNS.set(runs));
    let pool = Pool::builder().workers(4).initializer(begin, runs.clone()).build().unwrap();
    let count = |()| {
        if let Some(runs) = RUNS.get() {
            runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    pool.map_chunked(count, std::iter::repeat_n((), 50_000), 1).unwrap();
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 50_000);
}
