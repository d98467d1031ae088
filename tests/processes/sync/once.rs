//! [`breezeway::sync::Once`] between processes: one of many runs the function, and it runs again
//! only if that process was killed in it.

#![allow(unsafe_code)] // fork

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Once;
use breezeway::{Atomic, LockError, Segment};
use support::death::kill_and_keep;
use support::fork::fork;
use support::process::{resume, stop, thread_id, until_parked};
use support::scratch::Scratch;
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["race", name] => race(&Segment::open(name).unwrap()),
        ["linger", name] => linger(&Once::open(name).unwrap()),
        ["linger in", file] => linger(&Segment::open_file(file).unwrap().get("it").unwrap()),
        ["call", name] => call(&Once::open(name).unwrap()),
        ["fork", name] => fork_in_it(&Once::open(name).unwrap()),
        ["no slot"] => fork_without_participant_slot(),
        _ => unreachable!("{arguments:?}"),
    }
}

/// One of many that come at the same time.
fn race(segment: &Segment) {
    let onces: Vec<Once> = (0..ONCES).map(|n| segment.get(&format!("once {n}")).unwrap()).collect();
    let counts: Vec<Atomic<u64>> = (0..ONCES).map(|n| segment.get(&format!("count {n}")).unwrap()).collect();
    say("ready");
    listen();
    for (n, (once, count)) in onces.iter().zip(&counts).enumerate() {
        let run = |state: &breezeway::sync::OnceState| {
            assert!(!state.recovered());
            let before = count.load(Relaxed);
            std::thread::yield_now();
            count.store(before + 1, Relaxed);
        };
        match n % 3 {
            0 => once.call_once(run).unwrap(),
            1 => once.call_once_timeout(Duration::MAX, run).unwrap(),
            _ => while once.try_call_once(run) == Err(LockError::WouldBlock) {},
        }
        assert!(once.is_completed());
        assert_eq!(count.load(Relaxed), 1, "who is through sees what was done");
    }
}

const ONCES: usize = 60;

/// Is at it until told to end.
fn linger(once: &Once) {
    let done = once.call_once(|state| {
        say(if state.recovered() { "at it again" } else { "at it" });
        listen();
    });
    done.unwrap();
    say("done");
    listen();
}

fn call(once: &Once) {
    say(&thread_id());
    let mut told = "was done";
    once.call_once(|state| told = if state.recovered() { "did it again" } else { "did it" }).unwrap();
    say(told);
    listen();
}

/// The child comes out of the call, too.
fn fork_in_it(once: &Once) {
    let mut child = None;
    let outcome = once.call_once(|_| {
        assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::Deadlock));
        // SAFETY: the child does what threads do that have no locks of the C library's.
        match unsafe { libc::fork() } {
            0 => {}
            pid => {
                let mut status = 0;
                // SAFETY: `status` is a local.
                unsafe { libc::waitpid(pid, &mut status, 0) };
                child = Some(status);
            }
        }
    });
    let Some(status) = child else {
        let as_meant = outcome == Err(LockError::WouldBlock) && !once.is_completed();
        let again = once.try_call_once(|_| unreachable!());
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!as_meant || again != Err(LockError::WouldBlock))) }
    };
    assert_eq!(status, 0, "how it went for the child");
    outcome.unwrap();
    say("done");
    listen();
}

/// The child cannot be a participant.
fn fork_without_participant_slot() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    let once = segment.add::<Once>("it", ()).unwrap();
    fork(|| {
        let refused = Err(LockError::NotAttached);
        assert_eq!(once.call_once(|_| unreachable!()), refused);
        assert_eq!(once.try_call_once(|_| unreachable!()), refused);
        assert_eq!(once.call_once_timeout(Duration::MAX, |_| unreachable!()), refused);
        assert!(!once.is_completed());
    })
    .join();
    once.call_once(|_| {}).unwrap();
    // That it is done, anybody may know.
    fork(|| once.call_once(|_| unreachable!()).unwrap()).join();
}

#[test]
fn call_once_runs_in_one_of_many_processes() {
    let _watchdog = Watchdog::start(120);
    let name = unique("once-race");
    let segment = Segment::builder().objects(2 * ONCES as u32).create(&name, 1 << 20).unwrap();
    for n in 0..ONCES {
        segment.add::<Once>(&format!("once {n}"), ()).unwrap();
        segment.add::<Atomic<u64>>(&format!("count {n}"), 0).unwrap();
    }
    let mut racers: Vec<_> = (0..4).map(|_| Role::spawn(in_a_child, &["race", &name])).collect();
    racers.iter_mut().for_each(|racer| assert_eq!(racer.hear(), "ready"));
    racers.iter_mut().for_each(|racer| racer.tell("go"));
    racers.into_iter().for_each(|racer| assert!(racer.join().success()));
    for n in 0..ONCES {
        assert_eq!(segment.get::<Atomic<u64>>(&format!("count {n}")).unwrap().load(Relaxed), 1);
    }
}

#[test]
fn call_once_blocks_try_and_timeout_fail_while_running() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-wait");
    let once = Once::create(&name).unwrap();
    let mut first = Role::spawn(in_a_child, &["linger", &name]);
    assert_eq!(first.hear(), "at it");
    assert!(!once.is_completed());
    assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::WouldBlock));
    for millis in [0, 1, 101] {
        let (begin, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert_eq!(once.call_once_timeout(timeout, |_| unreachable!()), Err(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
    let mut second = Role::spawn(in_a_child, &["call", &name]);
    until_parked(&second.hear());
    first.tell("end");
    assert_eq!((first.hear(), second.hear()), ("done".to_owned(), "was done".to_owned()));
    once.call_once(|_| unreachable!()).unwrap();
}

/// It lives.
#[test]
fn call_once_timeout_elapses_while_runner_is_stopped() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-stopped");
    let once = Once::create(&name).unwrap();
    let mut first = Role::spawn(in_a_child, &["linger", &name]);
    assert_eq!(first.hear(), "at it");
    let mut second = Role::spawn(in_a_child, &["call", &name]);
    until_parked(&second.hear());
    stop(first.pid());
    // Longer than one sleep may be.
    let waited = once.call_once_timeout(Duration::from_millis(250), |_| unreachable!());
    assert_eq!(waited, Err(LockError::Timeout));
    assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::WouldBlock));
    resume(first.pid());
    first.tell("end");
    assert_eq!((first.hear(), second.hear()), ("done".to_owned(), "was done".to_owned()));
}

/// A waiter's death is nobody's business.
#[test]
fn call_once_unaffected_by_waiter_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-waiter");
    let once = Once::create(&name).unwrap();
    let mut first = Role::spawn(in_a_child, &["linger", &name]);
    assert_eq!(first.hear(), "at it");
    let mut waiters = [0, 1].map(|_| Role::spawn(in_a_child, &["call", &name]));
    waiters.iter_mut().for_each(|waiter| until_parked(&waiter.hear()));
    let [dead, mut live] = waiters;
    dead.kill();
    first.tell("end");
    assert_eq!((first.hear(), live.hear()), ("done".to_owned(), "was done".to_owned()));
    assert!(once.is_completed());
}

/// The thread that has its lock is unknown where the copy is.
#[test]
fn call_once_in_copied_file_reports_recovered() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("once-copy");
    let (file, copy) = (scratch.file("it"), scratch.file("copy"));
    let segment = Segment::create_file(&file, 1 << 16).unwrap();
    let once = segment.add::<Once>("it", ()).unwrap();
    let mut first = Role::spawn(in_a_child, &["linger in", file.to_str().unwrap()]);
    assert_eq!(first.hear(), "at it");
    std::fs::copy(&file, &copy).unwrap();
    let mut told = None;
    let copied = Segment::open_file(&copy).unwrap().get::<Once>("it").unwrap();
    copied.call_once(|state| told = Some(state.recovered())).unwrap();
    assert_eq!(told, Some(true));
    first.tell("end");
    assert_eq!(first.hear(), "done");
    assert!(once.is_completed());
}

#[test]
fn call_once_without_participant_slot_returns_not_attached() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["no slot"]).join().success());
}

#[test]
fn call_once_after_runner_death_runs_again() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-death");
    let once = Once::create(&name).unwrap();
    let mut expected = "at it";
    for _ in 0..3 {
        let mut dead = Role::spawn(in_a_child, &["linger", &name]);
        assert_eq!(dead.hear(), expected);
        expected = "at it again";
        kill_and_keep(&dead);
        assert!(!once.is_completed());
    }
    let mut last = Role::spawn(in_a_child, &["linger", &name]);
    assert_eq!(last.hear(), expected);
    let mut waiter = Role::spawn(in_a_child, &["call", &name]);
    until_parked(&waiter.hear());
    last.kill();
    assert_eq!(waiter.hear(), "did it again");
    once.call_once(|_| unreachable!()).unwrap();
}

#[test]
fn call_once_not_completed_by_child_forked_inside() {
    let _watchdog = Watchdog::start(60);
    let name = unique("once-fork");
    let once = Once::create(&name).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert!(once.is_completed());
}
