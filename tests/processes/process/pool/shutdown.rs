//! Closing, terminating and dropping a pool, and the workers of a parent that ends.

use std::thread::{park, sleep};
use std::time::Duration;

use breezeway::process::{Pool, Process, active_children};
use breezeway::queue::Queue;
use breezeway::sync::Event;
use breezeway::{PoolError, TaskError};
use support::death::has_ended;
use support::process::{stop, until};
use support::{Watchdog, in_own_process};

fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn close_refuses_new_tasks_and_finishes_submitted() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    assert!(matches!(pool.join(), Err(PoolError::StillOpen)));
    let tasks: Vec<_> = (0..50).map(|x| pool.submit(square, x).unwrap()).collect();
    let all = pool.submit_map(square, 0..5000).unwrap();
    pool.close();
    pool.close();
    assert!(matches!(pool.call(square, 1), Err(TaskError::Closed)));
    assert!(matches!(pool.map(square, [1]), Err(TaskError::Closed)));
    assert!(matches!(pool.map(square, []), Err(TaskError::Closed)));
    assert!(matches!(pool.map_iter(square, [1]), Err(TaskError::Closed)));
    pool.join().unwrap();
    assert!(tasks.iter().all(|task| task.is_ready()));
    for (x, task) in (0..).zip(tasks) {
        assert_eq!(task.get().unwrap(), x * x);
    }
    assert_eq!(all.get().unwrap().len(), 5000);
    pool.join().unwrap();
    pool.terminate();
}

#[test]
fn close_and_drop_before_workers_start() {
    let _watchdog = Watchdog::start(120);
    for _ in 0..5 {
        let pool = Pool::new(3).unwrap();
        pool.close();
        pool.join().unwrap();
        drop(Pool::new(3).unwrap());
        let pool = Pool::new(1).unwrap();
        let task = pool.submit(square, 3).unwrap();
        pool.close();
        pool.join().unwrap();
        assert_eq!(task.get().unwrap(), 9);
    }
}

/// The pids of a pool's workers, each of whom is at a task that never ends.
fn sleepers(pool: &Pool, count: usize) -> (Vec<u32>, Vec<breezeway::process::TaskHandle<()>>) {
    let pids = Queue::<u32>::new(count).unwrap();
    let sleep = |pids: Queue<u32>| {
        pids.push(std::process::id()).unwrap();
        loop {
            park();
        }
    };
    let tasks = (0..count).map(|_| pool.submit(sleep, pids.clone()).unwrap()).collect();
    ((0..pool.workers()).map(|_| pids.pop().unwrap()).collect(), tasks)
}

#[test]
fn terminate_thousand_pending_tasks() {
    let _watchdog = Watchdog::start(120);
    if !in_own_process(terminate_thousand_pending_tasks) {
        return;
    }
    let pool = Pool::new(4).unwrap();
    let (pids, tasks) = sleepers(&pool, 1000);
    let naps = pool.submit_map(|_: u32| sleep(Duration::from_secs(3600)), 0..10_000).unwrap();
    pool.terminate();
    // Every handle, at once.
    assert!(tasks.iter().all(|task| task.is_ready()) && naps.is_ready());
    for task in tasks {
        assert!(matches!(task.get(), Err(TaskError::Terminated)));
    }
    assert!(matches!(naps.get(), Err(TaskError::Terminated)));
    assert!(matches!(pool.call(square, 1), Err(TaskError::Terminated)));
    pool.join().unwrap();
    assert!(pids.into_iter().all(has_ended));
    assert!(
        active_children().iter().all(|child| !child.name().starts_with("PoolWorker") || child.is_alive())
    );
}

#[test]
fn terminate_hundred_busy_workers() {
    let _watchdog = Watchdog::start(300);
    let pool = Pool::new(100).unwrap();
    let (pids, tasks) = sleepers(&pool, 100);
    pool.terminate();
    pool.join().unwrap();
    assert!(pids.into_iter().all(has_ended));
    assert!(tasks.iter().all(|task| task.is_successful() == Some(false)));
}

#[test]
fn drop_terminates_workers_and_tasks() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    let (pids, tasks) = sleepers(&pool, 6);
    // One that is stopped heeds no signal but this.
    stop(pids[0]);
    drop(pool);
    assert!(pids.into_iter().all(has_ended));
    for task in tasks {
        assert!(matches!(task.get(), Err(TaskError::Terminated)));
    }
}

#[test]
fn drop_while_results_arrive() {
    let _watchdog = Watchdog::start(120);
    for round in 0..20u64 {
        let pool = Pool::new(2).unwrap();
        let task = pool.submit_map(square, 0..20_000).unwrap();
        sleep(Duration::from_millis(round));
        drop(pool);
        match task.get() {
            Ok(results) => assert_eq!(results.len(), 20_000),
            Err(error) => assert!(matches!(error, TaskError::Terminated), "{error}"),
        }
    }
}

#[test]
fn join_by_many_threads() {
    let _watchdog = Watchdog::start(120);
    let event = Event::new().unwrap();
    let pool = Pool::new(2).unwrap();
    let task = pool.submit(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    pool.close();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| pool.join().unwrap())).collect();
        sleep(Duration::from_millis(30));
        assert!(!threads.iter().any(|thread| thread.is_finished()));
        event.set();
    });
    task.get().unwrap();
}

/// How a pool's process ends.
const RETURN: u8 = 0;
const EXIT: u8 = 1;
const LEAK: u8 = 2;
const STAY: u8 = 3;

fn parent((how, pids): (u8, Queue<u32>)) {
    let pool = Pool::builder()
        .workers(3)
        .initializer(|pids: Queue<u32>| pids.push(std::process::id()).unwrap(), pids);
    let pool = pool.build().unwrap();
    let tasks = pool.submit_map(|_: u32| sleep(Duration::from_secs(3600)), 0..20).unwrap();
    sleep(Duration::from_millis(50));
    match how {
        EXIT => std::process::exit(4),
        LEAK => std::mem::forget(pool),
        STAY => drop(tasks.get()),
        _ => {}
    }
}

fn start_parent(how: u8) -> (Process<()>, Queue<u32>) {
    let pids = Queue::new(64).unwrap();
    (Process::spawn(parent, (how, pids.clone())).unwrap(), pids)
}

fn workers(pids: &Queue<u32>) -> impl Iterator<Item = u32> {
    core::iter::from_fn(|| pids.try_pop().ok())
}

#[test]
fn workers_end_when_parent_exits() {
    let _watchdog = Watchdog::start(120);
    for (how, code) in [(RETURN, 0), (EXIT, 4), (LEAK, 0)] {
        let (child, pids) = start_parent(how);
        assert_eq!(child.join().unwrap(), code);
        assert!(workers(&pids).all(has_ended));
    }
}

#[test]
fn workers_end_when_parent_is_killed() {
    let _watchdog = Watchdog::start(120);
    for round in 0..10 {
        let (child, pids) = start_parent(STAY);
        // From workers that begin to workers in the midst of their tasks.
        let begun: Vec<u32> = (0..round.min(3)).map(|_| pids.pop().unwrap()).collect();
        sleep(Duration::from_millis(round));
        child.kill().unwrap();
        assert_eq!(child.join().unwrap(), -9);
        until(|| begun.iter().copied().all(has_ended));
        sleep(Duration::from_millis(20));
        let others: Vec<u32> = workers(&pids).collect();
        until(|| others.iter().copied().all(has_ended));
    }
}

#[test]
fn pool_in_forked_child_returns_not_ours() {
    let _watchdog = Watchdog::start(120);
    let verdict = |()| {
        let pool = Pool::new(1).unwrap();
        assert_eq!(pool.call(square, 2).unwrap(), 4);
        let code = support::fork::fork(|| {
            assert!(matches!(pool.call(square, 2), Err(TaskError::NotOurs)));
            assert!(matches!(pool.join(), Err(PoolError::NotOurs)));
            pool.close();
            pool.terminate();
        });
        assert_eq!(pool.call(square, 3).unwrap(), 9);
        code.join();
    };
    Process::spawn(verdict, ()).unwrap().result().unwrap();
}
