//! `_TestProcess` and `_TestSubclassingProcess`.

use std::io::Read;
use std::process::{Stdio, exit};
use std::sync::atomic::Ordering;
use std::time::Duration;

use breezeway::process::{self, Process, active_children, parent_process};
use breezeway::queue::MessageQueue;
use breezeway::sync::Event;
use breezeway::{Atomic, SpawnError, TaskError};
use support::Watchdog;

use super::{SOON, for_ever};

#[test]
fn current() {
    let _watchdog = Watchdog::start(120);
    let look = |()| (process::current_name().to_owned(), std::process::id(), parent_process().unwrap().pid());
    let child = Process::spawn(look, ()).unwrap();
    let (name, pid) = (child.name().to_owned(), child.pid());
    assert_eq!(child.result().unwrap(), (name, pid, std::process::id()));
    assert_ne!(pid, std::process::id());
}

#[test]
fn args() {
    let _watchdog = Watchdog::start(120);
    let given = (7, "breeze".to_owned(), vec![Some(1.5), None], ('a', [1_u8, 2, 3]));
    assert_eq!(Process::spawn(|given| given, given.clone()).unwrap().result().unwrap(), given);
}

#[test]
fn daemon_argument() {
    let _watchdog = Watchdog::start(120);
    // Inherited: what a daemon would start would be one too, and so it may start none.
    let attempt = |()| matches!(Process::spawn(|()| (), ()), Err(SpawnError::DaemonicParent));
    for is_daemon in [false, true] {
        let child = Process::builder().daemon(is_daemon).spawn(attempt, ()).unwrap();
        assert_eq!(child.is_daemon(), is_daemon);
        assert_eq!(child.result().unwrap(), is_daemon);
    }
}

#[test]
fn lifecycle() {
    let _watchdog = Watchdog::start(120);
    let event = Event::new().unwrap();
    let child = Process::spawn(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    assert!(child.is_alive() && !child.is_daemon());
    assert_eq!(child.exit_code(), None);
    assert!(active_children().iter().any(|other| other.pid() == child.pid()));
    event.set();
    assert_eq!(child.join().unwrap(), 0);
    assert!(!child.is_alive());
    assert_eq!(child.exit_code(), Some(0));
    assert!(active_children().iter().all(|other| other.pid() != child.pid()));
}

#[test]
fn terminate() {
    let _watchdog = Watchdog::start(120);
    let child = Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap();
    // `join(0)` and `join(-1)`.
    assert!(matches!(child.join_timeout(Duration::ZERO), Err(TaskError::Timeout)));
    assert!(matches!(child.join_timeout(SOON), Err(TaskError::Timeout)));
    assert!(child.is_alive());
    child.terminate().unwrap();
    assert_eq!(child.join().unwrap(), -15);
    assert_eq!((child.is_alive(), child.exit_code()), (false, Some(-15)));
}

#[test]
fn kill() {
    let _watchdog = Watchdog::start(120);
    let child = Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap();
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), -9);
    assert!(matches!(child.result(), Err(TaskError::WorkerDied { signal: 9 })));
}

#[test]
fn recursion() {
    let _watchdog = Watchdog::start(120);
    fn visit((ids, found): (Vec<u8>, MessageQueue<Vec<u8>>)) {
        found.push(ids.clone()).unwrap();
        if ids.len() < 2 {
            for next in 0..2 {
                let ids = [&ids[..], &[next]].concat();
                assert_eq!(Process::spawn(visit, (ids, found.clone())).unwrap().join().unwrap(), 0);
            }
        }
    }
    let found = MessageQueue::<Vec<u8>>::new(16).unwrap();
    visit((vec![], found.clone()));
    let all: Vec<_> = std::iter::from_fn(|| found.try_pop().ok()).collect();
    // Depth first, since each is joined before the next.
    assert_eq!(all, [&[][..], &[0], &[0, 0], &[0, 1], &[1], &[1, 0], &[1, 1]]);
}

#[test]
fn sentinel() {
    let _watchdog = Watchdog::start(120);
    let event = Event::new().unwrap();
    let mut child = Process::spawn(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    assert!(process::wait(&mut [&mut child], SOON).is_empty());
    event.set();
    assert_eq!(process::wait(&mut [&mut child.sentinel()], None), [0]);
    assert_eq!(child.join().unwrap(), 0);
    assert_eq!(process::wait(&mut [&mut child], Duration::ZERO), [0], "and it stays so");
}

/// `close` gives the handle away: here, that is dropping it. A child that runs is not hurt.
#[test]
fn close() {
    let _watchdog = Watchdog::start(120);
    let (go, done) = (Event::new().unwrap(), Event::new().unwrap());
    let work = |(go, done): (Event, Event)| {
        go.wait().unwrap();
        done.set();
    };
    drop(Process::spawn(work, (go.clone(), done.clone())).unwrap());
    assert!(!done.is_set());
    go.set();
    done.wait().unwrap();
}

#[test]
fn many_processes() {
    let _watchdog = Watchdog::start(300);
    let children: Vec<_> =
        (0..100).map(|_| Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap()).collect();
    children.iter().for_each(|child| child.terminate().unwrap());
    assert!(children.iter().all(|child| child.join().unwrap() == -15));
}

#[test]
fn sys_exit() {
    let _watchdog = Watchdog::start(120);
    type Case = (fn(i32), i32, i32);
    let cases: [Case; 6] = [
        (|_| (), 0, 0),
        (|code| exit(code), 0, 0),
        (|code| exit(code), 1, 1),
        (|code| exit(code), 42, 42),
        (|_| panic!("on purpose"), 0, 1),
        (|_| std::process::abort(), 0, -6),
    ];
    for (body, argument, code) in cases {
        let child = Process::builder().stderr(Stdio::null()).spawn(body, argument).unwrap();
        assert_eq!(child.join().unwrap(), code);
    }
}

#[test]
fn uncaught_error_reaches_stderr() {
    let _watchdog = Watchdog::start(120);
    let (mut errors, stderr) = std::io::pipe().unwrap();
    let zero = |x: i32| 1 / x;
    let child = Process::builder().stderr(stderr).spawn(zero, 0).unwrap();
    assert_eq!(child.join().unwrap(), 1);
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    assert!(text.contains("divide by zero") && text.contains(file!()), "{text}");
    assert!(matches!(child.result(), Err(TaskError::TaskPanicked(message)) if message.contains("zero")));
}

/// `test_lose_target_ref`: arguments live no longer here than they must.
#[test]
fn lose_target_ref() {
    let _watchdog = Watchdog::start(120);
    let child = {
        let count = Atomic::<u64>::new(41).unwrap();
        Process::spawn(|count: Atomic<u64>| count.fetch_add(1, Ordering::Relaxed) + 1, count).unwrap()
    };
    assert_eq!(child.result().unwrap(), 42);
}
