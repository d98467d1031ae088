//! A process closes every descriptor from 3 on, and opens other files under the same numbers: its children, its pools and
//! its parent are none the wiser, and no byte goes into a file that is not theirs.
#![allow(unsafe_code)]

use std::thread::sleep;
use std::time::Duration;

use breezeway::TaskError;
use breezeway::process::{self, Pool, Process};
use breezeway::queue::Queue;
use support::death::has_ended;
use support::descriptors::{Strangers, close_all};
use support::process::until;
use support::{Watchdog, in_own_process};

fn for_ever() {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

const SHORT: Duration = Duration::from_millis(300);
const LARGE: usize = 300_000;

fn assert_works(pool: &Pool) {
    assert_eq!(pool.map(|x: u64| x * x, 0..100).unwrap(), (0..100).map(|x| x * x).collect::<Vec<u64>>());
    // Tasks and results that go through the overflow file.
    let turned = pool
        .map(|bytes: Vec<u8>| bytes.into_iter().rev().collect::<Vec<u8>>(), [vec![7; LARGE], vec![9; LARGE]]);
    assert_eq!(turned.unwrap(), [vec![7; LARGE], vec![9; LARGE]]);
    // Another worker takes the place of one that ends.
    let ended = pool.call::<_, ()>(|()| std::process::exit(3), ());
    assert!(matches!(ended, Err(TaskError::Exited { code: 3 })), "{ended:?}");
    let killed = pool.call::<_, ()>(|()| std::process::abort(), ());
    assert!(matches!(killed, Err(TaskError::WorkerDied { signal: 6 })), "{killed:?}");
}

#[test]
fn pool_of_a_process_that_closes_everything() {
    if !in_own_process(pool_of_a_process_that_closes_everything) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(2).unwrap();
    assert_works(&pool);
    // What the standard library opens while it starts a process must not be closed meanwhile.
    let are_started = || process::active_children().len() == 2;
    until(are_started);
    let strangers = Strangers::in_place_of_all();
    assert_works(&pool);
    pool.close();
    pool.join().unwrap();
    drop(pool);
    strangers.assert_untouched();
    drop(strangers);

    // Closed and not reused, also the numbers of what was opened anew.
    let pool = Pool::new(2).unwrap();
    close_all();
    assert_works(&pool);
    until(are_started);
    close_all();
    assert_works(&pool);
    drop(pool);
    assert!(process::active_children().is_empty());
}

#[test]
fn pool_of_workers_that_close_everything() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(2).unwrap();
    for _ in 0..4 {
        let answer = pool.call(
            |large: Vec<u8>| {
                let strangers = Strangers::in_place_of_all();
                // The worker hands its result over before it drops the strangers.
                Box::leak(Box::new(strangers));
                large
            },
            vec![5; LARGE],
        );
        assert_eq!(answer.unwrap(), vec![5; LARGE]);
    }
    assert_works(&pool);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn child_of_a_process_that_closes_everything() {
    if !in_own_process(child_of_a_process_that_closes_everything) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u8>::new(4).unwrap();
    let answers =
        Process::spawn(|queue: Queue<u8>| vec![queue.pop().unwrap(); LARGE], queue.clone()).unwrap();
    let (mut waits, daemon) = (
        Process::spawn(|()| for_ever(), ()).unwrap(),
        Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap(),
    );
    let strangers = Strangers::in_place_of_all();
    for child in [&waits, &daemon] {
        assert!(child.is_alive());
        assert_eq!(child.exit_code(), None);
        assert!(matches!(child.join_timeout(SHORT), Err(TaskError::Timeout)));
    }
    assert!(process::wait(&mut [&mut waits], SHORT).is_empty());
    strangers.assert_untouched();
    daemon.kill().unwrap();
    assert_eq!(daemon.join().unwrap(), -9);
    waits.terminate().unwrap();
    assert_eq!(process::wait(&mut [&mut waits], None), [0]);
    assert_eq!(waits.join().unwrap(), -15);
    assert!(!waits.is_alive() && answers.is_alive());
    queue.push(3).unwrap();
    assert_eq!(answers.result().unwrap(), [3; LARGE]);
    // And it starts others.
    assert_eq!(Process::spawn(|x: u8| x + 1, 6).unwrap().result().unwrap(), 7);
    drop((waits, daemon));
    strangers.assert_untouched();
}

#[test]
fn sentinel_is_another_one_after_its_number_was_reused() {
    use std::os::fd::AsRawFd;
    if !in_own_process(sentinel_is_another_one_after_its_number_was_reused) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let child = Process::spawn(|()| for_ever(), ()).unwrap();
    let before = child.sentinel().as_raw_fd();
    let strangers = Strangers::in_place_of_all();
    assert_ne!(child.sentinel().as_raw_fd(), before);
    child.kill().unwrap();
    child.join().unwrap();
    drop(child);
    strangers.assert_untouched();
}

/// A child that closes everything itself, and has a result.
#[test]
fn child_that_closes_everything_has_a_result_and_a_parent() {
    let _watchdog = Watchdog::start(60);
    let work = |()| {
        let strangers = Strangers::in_place_of_all();
        let parent = process::parent_process().unwrap();
        let is_alive = parent.is_alive() && matches!(parent.join_timeout(SHORT), Err(TaskError::Timeout));
        strangers.assert_untouched();
        Box::leak(Box::new(strangers));
        (is_alive, vec![1_u8; LARGE])
    };
    let child = Process::spawn(work, ()).unwrap();
    assert_eq!(child.result().unwrap(), (true, vec![1; LARGE]));
}

const EXIT: u8 = 1;

fn careless_parent((how, pids): (u8, Queue<u32>)) {
    for closes in [false, true] {
        let work = move |(closes, pids): (bool, Queue<u32>)| {
            let strangers = closes.then(Strangers::in_place_of_all);
            // SAFETY: a handler that does nothing: signals end waits that they find.
            unsafe { libc::signal(libc::SIGUSR1, nothing as *const () as libc::sighandler_t) };
            pids.push(std::process::id()).unwrap();
            for_ever();
            drop(strangers);
        };
        let daemon = Process::builder().daemon(true).spawn(work, (closes, pids.clone())).unwrap();
        assert!(daemon.is_alive());
    }
    let pool = Pool::new(1).unwrap();
    pids.push(pool.call(|()| std::process::id(), ()).unwrap()).unwrap();
    let strangers = Strangers::in_place_of_all();
    pids.push(0).unwrap();
    if how == EXIT {
        sleep(SHORT);
        strangers.assert_untouched();
        std::process::exit(4);
    }
    for_ever();
}

extern "C" fn nothing(_: libc::c_int) {}

#[test]
fn daemons_outlive_closings_and_no_parent() {
    let _watchdog = Watchdog::start(60);
    for how in [0, EXIT] {
        let pids = Queue::new(8).unwrap();
        let child = Process::spawn(careless_parent, (how, pids.clone())).unwrap();
        let mut daemons: Vec<u32> = (0..4).map(|_| pids.pop().unwrap()).collect();
        assert_eq!(daemons.pop(), Some(0));
        if how != EXIT {
            for _ in 0..20 {
                for daemon in &daemons[..2] {
                    // SAFETY: takes numbers.
                    assert_eq!(unsafe { libc::kill(*daemon as i32, libc::SIGUSR1) }, 0);
                }
                sleep(Duration::from_millis(10));
            }
            sleep(SHORT);
            assert!(!daemons.iter().copied().any(has_ended), "{daemons:?}");
            child.kill().unwrap();
        }
        assert_eq!(child.join().unwrap(), if how == EXIT { 4 } else { -9 });
        until(|| daemons.iter().copied().all(has_ended));
    }
}

#[cfg(feature = "async")]
#[test]
fn join_async_of_a_process_that_closes_everything() {
    if !in_own_process(join_async_of_a_process_that_closes_everything) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let children: Vec<_> = (0..2).map(|_| Process::spawn(|()| for_ever(), ()).unwrap()).collect();
    let second = children[1].child().clone();
    let waits = std::thread::spawn(move || breezeway::block_on(second.join_async()));
    // Until the thread that polls for tasks is there.
    sleep(SHORT);
    let strangers = Strangers::in_place_of_all();
    children[0].kill().unwrap();
    assert_eq!(breezeway::block_on(children[0].join_async()).unwrap(), -9);
    children[1].kill().unwrap();
    assert_eq!(waits.join().unwrap().unwrap(), -9);
    strangers.assert_untouched();
}
