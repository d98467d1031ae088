//! Daemons end with their parent, however it ends.

use std::thread::sleep;
use std::time::Duration;

use breezeway::SpawnError;
use breezeway::process::{Process, active_children};
use breezeway::queue::Queue;
use support::death::has_ended;
use support::process::{stop, until};
use support::{Watchdog, in_own_process};

fn for_ever() {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// How the daemons' parent ends.
const RETURN: u8 = 0;
const EXIT: u8 = 1;
const PANIC: u8 = 2;
const ABORT: u8 = 3;
const STAY: u8 = 4;

fn parent((how, pids): (u8, Queue<u32>)) {
    for _ in 0..3 {
        let daemon = Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap();
        assert!(daemon.is_daemon());
        pids.push(daemon.pid()).unwrap();
    }
    match how {
        EXIT => std::process::exit(4),
        PANIC => panic!("on purpose"),
        ABORT => std::process::abort(),
        STAY => for_ever(),
        _ => {}
    }
}

fn start_parent(how: u8) -> (Process<()>, [u32; 3]) {
    let pids = Queue::new(4).unwrap();
    let null = std::process::Stdio::null();
    let child = Process::builder().stderr(null).spawn(parent, (how, pids.clone())).unwrap();
    (child, [(); 3].map(|()| pids.pop().unwrap()))
}

#[test]
fn daemons_end_when_parent_exits() {
    let _watchdog = Watchdog::start(60);
    for (how, code) in [(RETURN, 0), (EXIT, 4), (PANIC, 1)] {
        let (child, daemons) = start_parent(how);
        assert_eq!(child.join().unwrap(), code);
        // It has waited for them.
        assert!(daemons.into_iter().all(has_ended), "none is left");
    }
}

#[test]
fn daemons_end_when_parent_is_killed() {
    let _watchdog = Watchdog::start(60);
    let (child, daemons) = start_parent(STAY);
    assert!(!daemons.into_iter().any(has_ended));
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), -9);
    until(|| daemons.into_iter().all(has_ended));
    let (child, daemons) = start_parent(STAY);
    child.terminate().unwrap();
    assert_eq!(child.join().unwrap(), -15);
    until(|| daemons.into_iter().all(has_ended));
    let (child, daemons) = start_parent(ABORT);
    assert_eq!(child.join().unwrap(), -6);
    until(|| daemons.into_iter().all(has_ended));
}

#[test]
fn daemon_survives_exit_of_spawning_thread() {
    let _watchdog = Watchdog::start(60);
    let start = || Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap();
    let daemon = std::thread::spawn(start).join().unwrap();
    sleep(Duration::from_millis(100));
    assert!(daemon.is_alive());
    daemon.kill().unwrap();
    assert_eq!(daemon.join().unwrap(), -9);
}

#[test]
fn daemons_ignoring_sigterm_or_stopped_are_killed() {
    let _watchdog = Watchdog::start(60);
    let pids = Queue::<u32>::new(4).unwrap();
    let parent = |pids: Queue<u32>| {
        let stubborn = |pids: Queue<u32>| {
            // SAFETY: no handler is installed.
            #[allow(unsafe_code)]
            unsafe {
                libc::signal(libc::SIGTERM, libc::SIG_IGN)
            };
            pids.push(std::process::id()).unwrap();
            for_ever();
        };
        let stopped = |()| for_ever();
        let _ = Process::builder().daemon(true).spawn(stubborn, pids.clone()).unwrap();
        let daemon = Process::builder().daemon(true).spawn(stopped, ()).unwrap();
        stop(daemon.pid());
        pids.push(daemon.pid()).unwrap();
        // Not before the stubborn one is.
        while pids.len() < 2 {
            sleep(Duration::from_millis(1));
        }
    };
    let child = Process::spawn(parent, pids.clone()).unwrap();
    assert_eq!(child.join().unwrap(), 0);
    assert!([pids.pop().unwrap(), pids.pop().unwrap()].into_iter().all(has_ended));
}

#[test]
fn spawn_in_daemon_returns_daemonic_parent() {
    let _watchdog = Watchdog::start(60);
    if !in_own_process(spawn_in_daemon_returns_daemonic_parent) {
        return;
    }
    let attempt = |()| matches!(Process::spawn(|()| (), ()), Err(SpawnError::DaemonicParent));
    assert!(Process::builder().daemon(true).spawn(attempt, ()).unwrap().result().unwrap());
    assert!(active_children().iter().all(|child| !child.is_daemon() || child.is_alive()));
}
