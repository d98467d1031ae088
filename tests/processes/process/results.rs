//! Results, exit codes and errors of a child process.

use std::process::{abort, exit};
use std::thread::sleep;
use std::time::Duration;

use breezeway::TaskError;
use breezeway::process::Process;
use breezeway::sync::Event;
use support::Watchdog;

fn for_ever() {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

#[test]
fn result_of_panic_returns_message() {
    let _watchdog = Watchdog::start(60);
    let (mut errors, stderr) = std::io::pipe().unwrap();
    let child = Process::builder()
        .stderr(stderr)
        .spawn(|what: String| -> u8 { panic!("no {what} today") }, "bread".to_owned())
        .unwrap();
    assert_eq!(child.join().unwrap(), 1);
    let error = child.result().unwrap_err();
    assert!(matches!(&error, TaskError::TaskPanicked(message) if message == "no bread today"), "{error}");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut errors, &mut text).unwrap();
    assert!(text.contains("no bread today"), "{text:?} is what the hook prints");
}

#[test]
fn exit_code_and_join_of_each_kind_of_exit() {
    let _watchdog = Watchdog::start(60);
    type Case = (fn(i32), i32, i32);
    let exits: [Case; 5] = [
        (|_| (), 0, 0),
        (|_| panic!("on purpose"), 0, 1),
        (|code| exit(code), 0, 0),
        (|code| exit(code), 3, 3),
        (|_| abort(), 0, -6),
    ];
    for (function, argument, code) in exits {
        let child = Process::builder().stderr(std::process::Stdio::null()).spawn(function, argument).unwrap();
        assert_eq!(child.join().unwrap(), code);
        assert_eq!(child.exit_code(), Some(code));
        assert!(!child.is_alive());
    }
}

#[test]
fn terminate_and_kill_exit_codes_and_results() {
    let _watchdog = Watchdog::start(60);
    let child = Process::spawn(|()| for_ever(), ()).unwrap();
    assert!(child.is_alive());
    assert_eq!(child.exit_code(), None);
    child.terminate().unwrap();
    assert_eq!(child.join().unwrap(), -15);
    // Whoever has ended takes no notice.
    child.terminate().unwrap();
    child.kill().unwrap();
    assert!(matches!(child.result(), Err(TaskError::WorkerDied { signal: 15 })));

    let child = Process::spawn(|()| for_ever(), ()).unwrap();
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), -9);
    assert!(matches!(child.result(), Err(TaskError::WorkerDied { signal: 9 })));
}

#[test]
fn result_after_exit_returns_exited() {
    let _watchdog = Watchdog::start(60);
    for code in [0, 7] {
        let child = Process::spawn(|code| -> String { exit(code) }, code).unwrap();
        let error = child.result().unwrap_err();
        assert!(matches!(error, TaskError::Exited { code: found } if found == code), "{error}");
    }
}

#[test]
fn join_and_join_timeout_repeated_and_concurrent() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let child = Process::spawn(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(20)] {
        assert!(matches!(child.join_timeout(timeout), Err(TaskError::Timeout)));
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| child.join().unwrap())).collect();
        event.set();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 0));
    });
    assert_eq!(child.join().unwrap(), 0);
    assert_eq!(child.join_timeout(Duration::ZERO).unwrap(), 0);
    assert_eq!(child.join_timeout(Duration::MAX).unwrap(), 0);
}

#[test]
fn sentinel_polls_readable_after_exit() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let children =
        [(); 2].map(|()| Process::spawn(|event: Event| event.wait().unwrap(), event.clone()).unwrap());
    let mut polled =
        children.each_ref().map(|child| PollFd::from_borrowed_fd(child.sentinel(), PollFlags::IN));
    assert_eq!(poll(&mut polled, Some(&Timespec::default())).unwrap(), 0);
    children[1].kill().unwrap();
    assert_eq!(poll(&mut polled, None).unwrap(), 1);
    assert!(polled[0].revents().is_empty() && polled[1].revents().contains(PollFlags::IN));
    // It stays so when the process was waited for.
    assert_eq!(children[1].join().unwrap(), -9);
    assert_eq!(poll(&mut polled, None).unwrap(), 1);
    event.set();
    assert_eq!(children[0].join().unwrap(), 0);
}

#[test]
fn result_after_kill_anytime_is_whole_or_worker_died() {
    let _watchdog = Watchdog::start(120);
    let (mut results, mut deaths) = (0, 0);
    for round in 0..60 {
        let child = Process::spawn(|len: usize| vec![7u8; len], 4 << 20).unwrap();
        sleep(Duration::from_micros(round * 200));
        child.kill().unwrap();
        match child.result() {
            Ok(result) => {
                assert!(result == vec![7; 4 << 20]);
                results += 1;
            }
            Err(TaskError::WorkerDied { signal: 9 }) => deaths += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(results + deaths, 60);
}

#[test]
fn join_after_kernel_reaped_child_returns_unknown() {
    let _watchdog = Watchdog::start(60);
    // In a process of its own: the tests' children are to be waited for.
    let verdict = |()| {
        // SAFETY: no handler is installed.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN)
        };
        // Collected at its end, which may come before `spawn` is back.
        for _ in 0..20 {
            let _ = Process::spawn(|x: u8| x, 9).unwrap();
        }
        let child = Process::spawn(|x: u8| x, 9).unwrap();
        assert!(matches!(child.join(), Err(TaskError::Unknown)));
        assert_eq!(child.exit_code(), None);
        assert!(!child.is_alive());
        child.kill().unwrap();
        // It has answered all the same.
        assert_eq!(child.result().unwrap(), 9);
        let child = Process::spawn(|code| -> () { exit(code) }, 3).unwrap();
        assert!(matches!(child.result(), Err(TaskError::Unknown)));
    };
    Process::spawn(verdict, ()).unwrap().result().unwrap();
}
