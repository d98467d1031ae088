//! Callbacks run in the parent, on one thread.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use breezeway::TaskError;
use breezeway::process::Pool;
use support::Watchdog;

fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn with_the_result_and_before_its_handle_has_it() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |seen: &Arc<Mutex<Vec<u64>>>| {
        let seen = Arc::clone(seen);
        move |result: &Result<u64, TaskError>| seen.lock().unwrap().push(*result.as_ref().unwrap())
    };
    for x in 1..=10 {
        let task = pool.submit_with(square, x, note(&seen)).unwrap();
        assert_eq!(task.get().unwrap(), x * x);
        assert_eq!(seen.lock().unwrap().last(), Some(&(x * x)));
    }
    let sum = Arc::new(Mutex::new(0));
    let task = {
        let sum = Arc::clone(&sum);
        pool.submit_map_with(square, 0..100, move |all| {
            *sum.lock().unwrap() = all.as_ref().unwrap().iter().sum()
        })
    };
    assert_eq!(task.unwrap().get().unwrap().len(), 100);
    assert_eq!(*sum.lock().unwrap(), (0..100).map(square).sum::<u64>());
    // Of nothing as well.
    let (tell, hear) = channel();
    let nothing =
        pool.submit_map_with(square, [], move |all| tell.send(all.as_ref().unwrap().len()).unwrap());
    assert_eq!(nothing.unwrap().get().unwrap(), [0_u64; 0]);
    assert_eq!(hear.recv().unwrap(), 0);
}

#[test]
fn with_errors() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let (tell, hear) = channel();
    let report =
        move |result: &Result<(), TaskError>| tell.send(result.as_ref().unwrap_err().to_string()).unwrap();
    let task = pool.submit_with(|()| panic!("on purpose"), (), report.clone()).unwrap();
    assert!(matches!(task.get(), Err(TaskError::TaskPanicked(_))));
    assert!(hear.recv().unwrap().contains("on purpose"));
    let task = pool.submit_with(|()| std::process::exit(5), (), report.clone()).unwrap();
    assert!(matches!(task.get(), Err(TaskError::Exited { code: 5 })));
    assert!(hear.recv().unwrap().contains('5'));
    let task = pool.submit_with(|()| thread::park(), (), report).unwrap();
    pool.terminate();
    assert!(matches!(task.get(), Err(TaskError::Terminated)));
    assert!(hear.recv().unwrap().contains("terminated"));
}

#[test]
fn all_on_one_thread_and_a_panic_hurts_nobody() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..50)
        .map(|x| {
            let threads = Arc::clone(&threads);
            let callback = move |_: &Result<u64, TaskError>| {
                threads.lock().unwrap().push(thread::current().id());
                assert!(x % 5 != 0, "a callback's panic, on purpose");
            };
            pool.submit_with(square, x, callback).unwrap()
        })
        .collect();
    for (x, task) in (0..).zip(tasks) {
        assert_eq!(task.get().unwrap(), x * x);
    }
    let mut threads = std::mem::take(&mut *threads.lock().unwrap());
    assert_eq!(threads.len(), 50);
    threads.dedup();
    assert_eq!(threads.len(), 1);
    assert_ne!(threads[0], thread::current().id());
}

#[test]
fn may_use_the_pool() {
    let _watchdog = Watchdog::start(120);
    let pool = Arc::new(Pool::new(2).unwrap());
    let (tell, hear) = channel();
    let again = Arc::clone(&pool);
    let callback = move |result: &Result<u64, TaskError>| {
        tell.send(again.call(square, *result.as_ref().unwrap()).unwrap()).unwrap();
        // It may be the last that has the pool.
        drop(again);
    };
    let task = pool.submit_with(square, 3, callback).unwrap();
    drop(pool);
    // Either may be first: what was handed in before the end has a result all the same, and what was not has none.
    match task.get() {
        Ok(result) => assert_eq!((result, hear.recv().unwrap()), (9, 81)),
        Err(error) => panic!("the callback keeps the pool: {error}"),
    }
}

#[test]
fn are_waited_for_at_the_end() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let seen = Arc::new(Mutex::new(0));
    for x in 0..100 {
        let seen = Arc::clone(&seen);
        let slow = move |_: &Result<u64, TaskError>| {
            thread::sleep(std::time::Duration::from_millis(1));
            *seen.lock().unwrap() += 1;
        };
        drop(pool.submit_with(square, x, slow).unwrap());
    }
    pool.close();
    pool.join().unwrap();
    assert_eq!(*seen.lock().unwrap(), 100);
}
