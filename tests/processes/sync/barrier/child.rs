//! The other parties' processes.

use std::time::Duration;

use breezeway::sync::Barrier;
use breezeway::{Atomic, BarrierError, Segment};
use support::fork::fork;
use support::process::thread_id;
use support::{listen, role, say};

#[test]
pub fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let barrier = |name: &str| Segment::open(name).unwrap().get::<Barrier>("barrier").unwrap();
    match arguments[..] {
        ["pass", name, rounds] => pass(name, rounds.parse().unwrap()),
        ["wait", name] => wait(&barrier(name)),
        ["lead", name] => lead(&barrier(name)),
        ["reset and wait", name] => reset_and_wait(&barrier(name)),
        ["abort", name] => barrier(name).abort(),
        ["give up", name] => give_up(&barrier(name)),
        ["fork", name] => fork_and_wait(&barrier(name)),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Passes so often, and sees each time that all are there, and that the action was run once.
fn pass(name: &str, rounds: u64) {
    let segment = Segment::open(name).unwrap();
    let barrier: Barrier = segment.get("barrier").unwrap();
    let counter = |name: &str| segment.get_or_add::<Atomic<u64>>(name, 0).unwrap();
    let (before, runs, indices) = (counter("before"), counter("runs"), counter("indices"));
    let parties = barrier.parties() as u64;
    say("ready");
    listen();
    for round in 1..=rounds {
        before.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let action = || {
            runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        let result = barrier.wait_with(action).unwrap();
        let seen = before.load(std::sync::atomic::Ordering::Relaxed);
        assert!((round * parties..(round + 1) * parties).contains(&seen), "{seen} in round {round}");
        assert!(runs.load(std::sync::atomic::Ordering::Relaxed) >= round);
        indices.fetch_add(result.index() as u64, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Waits as often as it is told, and says how it went.
fn wait(barrier: &Barrier) {
    loop {
        say(&thread_id());
        match barrier.wait() {
            Ok(result) => say(&format!("passed {}", result.index())),
            Err(error) => say(&format!("{error:?}")),
        }
        listen();
    }
}

/// Is the last one, and takes its time.
fn lead(barrier: &Barrier) {
    let result = barrier.wait_with(|| {
        say("leading");
        listen();
    });
    say(&format!("{:?}", result.map(|result| result.is_leader())));
    listen();
}

fn give_up(barrier: &Barrier) {
    assert_eq!(barrier.wait_timeout(Duration::from_millis(50)), Err(BarrierError::Timeout));
}

fn reset_and_wait(barrier: &Barrier) {
    barrier.reset();
    say("reset");
    barrier.wait().unwrap();
    say("passed");
}

/// A forked child is a party of its own; one that is forked in the action is none.
fn fork_and_wait(barrier: &Barrier) {
    let child = fork(|| assert!(barrier.wait().is_ok()));
    barrier.wait().unwrap();
    child.join();
    let mut child = None;
    let parent = std::process::id();
    let other = fork(|| assert!(barrier.wait().is_ok()));
    while barrier.waiting() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let result = barrier.wait_with(|| {
        // SAFETY: the child goes on as its parent does, and ends below.
        #[allow(unsafe_code)]
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        child = Some(pid);
    });
    if std::process::id() != parent {
        let is_no_party = matches!(result, Err(BarrierError::NotAttached));
        // SAFETY: ends the process.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(if is_no_party { 0 } else { 1 })
        };
    }
    let mut status = 0;
    // SAFETY: `status` is a local.
    #[allow(unsafe_code)]
    let waited = unsafe { libc::waitpid(child.unwrap(), &mut status, 0) };
    assert_eq!((waited, status), (child.unwrap(), 0));
    assert!(result.unwrap().is_leader());
    other.join();
    say("done");
    listen();
}
