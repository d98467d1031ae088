//! How many workers start, how they are initialised, and when they are replaced.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::{self, Pool, Process};
use breezeway::sync::Event;
use breezeway::{Atomic, PoolError, SpawnError, TaskError};
use support::Watchdog;
use support::process::until;

fn pid(_: u32) -> u32 {
    std::process::id()
}

#[test]
fn build_invalid_options_returns_invalid_option() {
    let invalid = |pool: Result<Pool, PoolError>, what: &str| {
        let error = pool.unwrap_err();
        assert!(matches!(&error, PoolError::InvalidOption { option, .. } if *option == what), "{error}");
        assert!(error.to_string().contains(what));
    };
    invalid(Pool::new(0), "workers");
    invalid(Pool::new(4097), "workers");
    invalid(Pool::builder().workers(1).max_tasks_per_worker(0).build(), "max_tasks_per_worker");
    invalid(Pool::builder().workers(1).window(0).build(), "window");
}

#[test]
fn new_starts_requested_number_of_workers() {
    let _watchdog = Watchdog::start(120);
    // Each keeps its task until all have one.
    let barrier = breezeway::sync::Barrier::new(5).unwrap();
    let meet = |barrier: breezeway::sync::Barrier| {
        barrier.wait().unwrap();
        (std::process::id(), process::current_name().to_owned(), process::parent_process().unwrap().pid())
    };
    let pool = Pool::new(5).unwrap();
    let met = pool.map_chunked(meet, vec![barrier; 5], 1).unwrap();
    assert_eq!(met.iter().map(|(pid, ..)| pid).collect::<BTreeSet<_>>().len(), 5);
    assert!(
        met.iter().all(|(_, name, parent)| name.starts_with("PoolWorker-") && *parent == std::process::id())
    );
    assert_eq!(Pool::builder().build().unwrap().workers(), process::cpu_count());
}

static STARTED: AtomicU32 = AtomicU32::new(0);

#[test]
fn initializer_runs_once_per_worker() {
    let _watchdog = Watchdog::start(120);
    let count = Atomic::<u32>::new(0).unwrap();
    let begin = |(count, with): (Atomic<u32>, u32)| {
        count.fetch_add(1, Ordering::Relaxed);
        STARTED.fetch_add(with, Ordering::Relaxed);
    };
    let pool = Pool::builder().workers(3).initializer(begin, (count.clone(), 7)).build().unwrap();
    let seen = pool.map_chunked(|_: u32| STARTED.load(Ordering::Relaxed), 0..30, 1).unwrap();
    assert_eq!(seen, [7; 30]);
    until(|| count.load(Ordering::Relaxed) == 3);
    assert_eq!(STARTED.load(Ordering::Relaxed), 0, "not here");
}

#[test]
fn initializer_panic_breaks_pool() {
    let _watchdog = Watchdog::start(120);
    let fail = |what: String| panic!("no {what}");
    let pool = Pool::builder().workers(2).initializer(fail, "licence".to_owned()).build().unwrap();
    let tasks: Vec<_> = (0..10).map_while(|x| pool.submit(pid, x).ok()).collect();
    for task in tasks {
        let error = task.get().unwrap_err();
        assert!(matches!(&error, TaskError::Broken(why) if why.contains("no licence")), "{error}");
    }
    until(|| matches!(pool.call(pid, 1), Err(TaskError::Broken(_))));
    pool.join().unwrap();
}

#[test]
fn initializer_exit_breaks_pool() {
    let _watchdog = Watchdog::start(300);
    let pool = Pool::builder().workers(1).initializer(|()| std::process::exit(3), ()).build().unwrap();
    let error = pool.call(pid, 1).unwrap_err();
    assert!(matches!(&error, TaskError::Broken(why) if why.contains('3')), "{error}");
}

#[test]
fn initializer_unencodable_arguments_fail_build() {
    struct Secret;
    impl serde::Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is a secret"))
        }
    }
    impl<'de> serde::Deserialize<'de> for Secret {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    let pool = Pool::builder().workers(1).initializer(|_: Secret| (), Secret).build();
    assert!(matches!(pool, Err(PoolError::Spawn(SpawnError::Encode { .. }))));
}

#[test]
fn max_tasks_per_worker_replaces_workers() {
    let _watchdog = Watchdog::start(300);
    let pool = Pool::builder().workers(2).max_tasks_per_worker(10).build().unwrap();
    let pids = pool.map_chunked(pid, 0..100, 1).unwrap();
    let different: BTreeSet<_> = pids.iter().collect();
    assert!((10..=12).contains(&different.len()), "{}", different.len());
    assert!(different.iter().all(|pid| pids.iter().filter(|other| other == pid).count() <= 10));
    pool.close();
    pool.join().unwrap();
}

#[test]
fn single_worker_runs_tasks_in_order() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(1).max_tasks_per_worker(7).build().unwrap();
    let queue = breezeway::queue::Queue::<u32>::new(64).unwrap();
    let note = |(x, queue): (u32, breezeway::queue::Queue<u32>)| queue.push(x).unwrap();
    pool.map_chunked(note, (0..50).map(|x| (x, queue.clone())), 1).unwrap();
    queue.close();
    assert!(queue.iter().map(Result::unwrap).eq(0..50));
}

#[test]
fn worker_cannot_spawn_process_or_pool() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(1).unwrap();
    let attempt = |()| {
        let pool = matches!(Pool::new(1), Err(PoolError::Spawn(SpawnError::DaemonicParent)));
        pool && matches!(Process::spawn(|()| (), ()), Err(SpawnError::DaemonicParent))
    };
    assert!(pool.call(attempt, ()).unwrap());
}

#[test]
fn several_pools_and_pool_in_child() {
    let _watchdog = Watchdog::start(120);
    let pools = [Pool::new(1).unwrap(), Pool::new(2).unwrap()];
    let inner = |n: u64| Pool::new(2).unwrap().map(|x: u64| x + 1, 0..n).unwrap().into_iter().sum::<u64>();
    let child = Process::spawn(inner, 10).unwrap();
    assert!(pools.iter().all(|pool| pool.call(pid, 1).is_ok()));
    assert_eq!(child.result().unwrap(), 55);
}

#[test]
fn idle_workers_take_later_tasks() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    for _ in 0..4 {
        assert!(pool.call(pid, 1).unwrap() > 0);
        sleep(Duration::from_millis(120));
    }
    let event = Event::new().unwrap();
    let wait = |event: Event| event.wait().unwrap();
    let tasks = [(); 2].map(|()| pool.submit(wait, event.clone()).unwrap());
    event.set();
    tasks.into_iter().for_each(|task| task.get().unwrap());
}
