//! `join_async` and `result_async` of child processes.

use std::process::exit;
use std::time::Duration;

use breezeway::TaskError;
use breezeway::process::Process;
use breezeway::sync::Event;
use futures_lite::future::{block_on, poll_once, zip};
use support::fork::fork;
use support::locking::poll_when_called;
use support::process::until;
use support::{Watchdog, in_own_process};

use super::executors::{Count, everywhere, in_one_thread, poll_with, within};

fn wait_and_exit((event, code): (Event, i32)) {
    event.wait().unwrap();
    exit(code);
}

fn wait_for(event: &Event, code: i32) -> Process<()> {
    Process::spawn(wait_and_exit, (event.clone(), code)).unwrap()
}

#[test]
fn join_async_several_children() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let event = Event::new().unwrap();
        let [a, b, c] = [3, 4, 5].map(|code| wait_for(&event, code));
        assert!(poll_once(a.join_async()).await.is_none());
        event.set();
        let (a, b, c) = tokio::join!(a.join_async(), b.join_async(), c.join_async());
        assert_eq!([a, b, c].map(Result::unwrap), [3, 4, 5]);
    });
}

#[test]
fn join_async_after_kill_and_terminate() {
    let _watchdog = Watchdog::start(60);
    everywhere(|| async {
        let event = Event::new().unwrap();
        let [a, b] = [0, 0].map(|code| wait_for(&event, code));
        let kill = async {
            futures_lite::future::yield_now().await;
            a.kill().unwrap();
            b.terminate().unwrap();
        };
        let ((a_code, b_code), ()) = zip(zip(a.join_async(), b.join_async()), kill).await;
        assert_eq!((a_code.unwrap(), b_code.unwrap()), (-9, -15));
        // It is known for good.
        assert_eq!((a.join_async().await.unwrap(), b.join().unwrap()), (-9, -15));
    });
}

#[test]
fn join_async_dropped_and_repeated() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let child = wait_for(&event, 7);
    in_one_thread(async {
        for micros in 0..200 {
            assert!(within(micros * 10, child.join_async()).await.is_none());
            assert!(poll_once(child.join_async()).await.is_none());
        }
        event.set();
        assert_eq!(child.join_async().await.unwrap(), 7);
        assert_eq!(child.join_async().await.unwrap(), 7);
    });
}

/// The thread that sleeps for all is told of others.
#[test]
fn join_async_of_later_child_is_not_delayed() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let first = wait_for(&event, 1);
    block_on(async {
        assert!(poll_once(first.join_async()).await.is_none());
        let mut waits = Box::pin(first.join_async());
        assert!(poll_once(&mut waits).await.is_none());
        // It sleeps.
        std::thread::sleep(Duration::from_millis(20));
        let second = Process::spawn(|code| -> () { exit(code) }, 2).unwrap();
        let third = Process::spawn(|code| -> () { exit(code) }, 3).unwrap();
        assert_eq!(third.join_async().await.unwrap(), 3);
        assert_eq!(second.join_async().await.unwrap(), 2);
        event.set();
        assert_eq!(waits.await.unwrap(), 1);
    });
}

/// Tasks in several threads, and clones of the handle.
#[test]
fn join_async_and_join_of_one_child_by_many_waiters() {
    let _watchdog = Watchdog::start(60);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    let event = Event::new().unwrap();
    let child = wait_for(&event, 9);
    let thread = std::thread::spawn({
        let child = child.child().clone();
        move || child.join().unwrap()
    });
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let child = child.child().clone();
                tokio::spawn(async move { child.join_async().await.unwrap() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        event.set();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 9);
        }
    });
    assert_eq!(thread.join().unwrap(), 9);
}

#[test]
fn result_async_of_value_panic_exit_and_signal() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let square = Process::spawn(|x: u64| x * x, 12).unwrap();
        let panics = Process::builder()
            .stderr(std::process::Stdio::null())
            .spawn(|()| -> u8 { panic!("no bread today") }, ())
            .unwrap();
        let exits = Process::spawn(|()| -> u8 { exit(3) }, ()).unwrap();
        let killed = Process::spawn(|()| -> u8 { std::process::abort() }, ()).unwrap();
        let all = tokio::join!(
            square.result_async(),
            panics.result_async(),
            exits.result_async(),
            killed.result_async()
        );
        assert_eq!(all.0.unwrap(), 144);
        assert!(matches!(all.1, Err(TaskError::TaskPanicked(message)) if message == "no bread today"));
        assert!(matches!(all.2, Err(TaskError::Exited { code: 3 })));
        assert!(matches!(all.3, Err(TaskError::WorkerDied { signal: 6 })));
    });
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok()).collect()
}

#[test]
fn join_async_thread_exits_when_idle_and_restarts() {
    let _watchdog = Watchdog::start(60);
    if !in_own_process(join_async_thread_exits_when_idle_and_restarts) {
        return;
    }
    let is_there = || threads().iter().any(|name| name.trim_end() == "breezeway files");
    assert!(!is_there());
    for code in 0..2 {
        let event = Event::new().unwrap();
        let child = wait_for(&event, code);
        block_on(async {
            assert!(poll_once(child.join_async()).await.is_none());
            until(is_there);
            event.set();
            assert_eq!(child.join_async().await.unwrap(), code);
        });
        until(|| !is_there());
    }
    // A dropped task is forgotten at once, and not when its child ends.
    let event = Event::new().unwrap();
    let child = wait_for(&event, 4);
    block_on(async {
        let mut wait = Box::pin(child.join_async());
        assert!(poll_once(&mut wait).await.is_none());
        until(is_there);
    });
    until(|| !is_there());
    event.set();
    assert_eq!(child.join().unwrap(), 4);
    let files = || {
        // Those that have ended are kept open no longer.
        assert!(breezeway::process::active_children().is_empty());
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    };
    let before = files();
    for _ in 0..20 {
        let event = Event::new().unwrap();
        let child = wait_for(&event, 1);
        block_on(async {
            assert!(poll_once(child.join_async()).await.is_none());
            child.kill().unwrap();
            child.join_async().await.unwrap();
            assert!(poll_once(child.join_async()).await.is_some());
        });
    }
    until(|| !is_there());
    until(|| files() <= before);
}

/// What a task has begun to wait for in the parent, a forked child has a copy of, which harms neither.
#[test]
fn join_async_in_forked_child_with_copied_futures() {
    let _watchdog = Watchdog::start(60);
    if !in_own_process(join_async_in_forked_child_with_copied_futures) {
        return;
    }
    let event = Event::new().unwrap();
    let (child, other) = (wait_for(&event, 5), wait_for(&event, 6));
    let count = Count::new();
    let mut wait = Box::pin(child.join_async());
    let mut dropped = Some(Box::pin(other.join_async()));
    assert!(poll_with(&count, &mut wait).is_pending());
    assert!(poll_with(&count, dropped.as_mut().unwrap()).is_pending());
    let forked = fork(|| {
        drop(dropped.take());
        event.set();
        assert!(matches!(block_on(wait.as_mut()), Err(TaskError::NotOurs)), "its parent's");
        let own = Process::spawn(|code| -> () { exit(code) }, 8).unwrap();
        assert_eq!(block_on(own.join_async()).unwrap(), 8);
    });
    forked.join();
    until(|| count.of() == 2);
    assert_eq!(block_on(wait).unwrap(), 5);
    assert_eq!(block_on(dropped.unwrap()).unwrap(), 6);
}

#[test]
fn join_async_dropped_future_is_not_woken() {
    let _watchdog = Watchdog::start(60);
    for _ in 0..10 {
        let event = Event::new().unwrap();
        let child = wait_for(&event, 5);
        let [old, new, last] = [(); 3].map(|()| Count::new());
        let mut wait = Box::pin(child.join_async());
        assert!(poll_with(&old, &mut wait).is_pending());
        assert!(poll_with(&new, &mut wait).is_pending());
        let mut stays = Box::pin(child.join_async());
        assert!(poll_with(&old, &mut stays).is_pending());
        assert!(poll_with(&last, &mut stays).is_pending());
        drop(wait);
        event.set();
        assert_eq!(child.join().unwrap(), 5);
        until(|| last.of() > 0);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!((old.of(), new.of()), (0, 0), "only the last waker of who waits");
        assert!(poll_with(&new, &mut stays).is_ready());
    }
}

#[test]
fn join_async_ready_does_not_wait_for_its_waker() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let child = wait_for(&event, 5);
    let wait = std::pin::pin!(child.join_async());
    assert_eq!(poll_when_called(wait, || event.set()).unwrap(), 5);
}

/// A forked child has no thread that sleeps for tasks, be there a segment or not, which would notice the fork as well.
#[test]
fn join_async_in_forked_child_without_segment() {
    let _watchdog = Watchdog::start(60);
    if !in_own_process(join_async_in_forked_child_without_segment) {
        return;
    }
    let exits = |code| Process::spawn(|code| -> () { exit(code) }, code).unwrap();
    assert_eq!(block_on(exits(3).join_async()).unwrap(), 3);
    fork(|| {
        let _watchdog = Watchdog::start(30);
        assert_eq!(block_on(exits(4).join_async()).unwrap(), 4);
        assert_eq!(exits(5).join().unwrap(), 5);
    })
    .join();
}
