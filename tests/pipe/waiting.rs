//! Waiting for many at once.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use breezeway::pipe::{self, Connection, Receiver, Sender, Waitable, wait};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::support::waiting::ticks_of;
use crate::support::{Role, Watchdog, listen, role, say};
use crate::{SOON, message};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", end] => {
            let mut tx: Sender<u8> = serde_json::from_str(end).unwrap();
            say("here");
            while let Ok(number) = listen().parse() {
                tx.send(number).unwrap();
            }
        }
        ["echo", end] => {
            let mut end: Connection<String, String> = serde_json::from_str(end).unwrap();
            while let Ok(text) = end.recv() {
                end.send(text).unwrap();
            }
        }
        _ => unreachable!("{arguments:?}"),
    }
}

/// So many pipes.
fn pipes(count: usize) -> (Vec<Sender<u8>>, Vec<Receiver<u8>>) {
    (0..count).map(|_| pipe::builder().capacity(64).simplex().unwrap()).unzip()
}

fn all(many: &mut [Receiver<u8>]) -> Vec<&mut dyn Waitable> {
    many.iter_mut().map(|one| one as &mut dyn Waitable).collect()
}

fn sentinel(role: &Role) -> OwnedFd {
    pidfd_open(Pid::from_raw(role.pid() as i32).unwrap(), PidfdFlags::empty()).unwrap()
}

#[test]
fn which_are_ready_is_told_by_their_places() {
    let (mut tx, mut rx) = pipes(4);
    assert!(wait(&mut all(&mut rx), Duration::ZERO).is_empty());
    tx[2].send(7).unwrap();
    tx[0].send(8).unwrap();
    assert_eq!(wait(&mut all(&mut rx), None), [0, 2]);
    // Until it has been received.
    assert_eq!(wait(&mut all(&mut rx), SOON), [0, 2]);
    assert_eq!((rx[2].recv().unwrap(), rx[0].recv().unwrap()), (7, 8));
    assert!(wait(&mut all(&mut rx), Duration::ZERO).is_empty());
    drop(tx.remove(3));
    assert_eq!(wait(&mut all(&mut rx), None), [3]);
    rx[1].close();
    assert_eq!(wait(&mut all(&mut rx), None), [1, 3]);
}

#[test]
fn a_part_of_a_message_is_none() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = pipes(2);
    tx[1].send_bytes_timeout(&message(500, 1), Duration::ZERO).unwrap_err();
    assert!(wait(&mut all(&mut rx), SOON).is_empty());
    let sender = std::thread::spawn(move || {
        tx[1].send_bytes(&message(500, 2)).unwrap();
        tx
    });
    assert_eq!(wait(&mut all(&mut rx), None), [1]);
    // All of it is there: nothing is waited for any more.
    assert_eq!(rx[1].try_recv_bytes().unwrap(), message(500, 2));
    drop(sender.join().unwrap());
}

#[test]
fn the_time_is_waited_for() {
    let (_tx, mut rx) = pipes(3);
    let (file, _writer) = std::io::pipe().unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(2), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert!(wait(&mut all(&mut rx), timeout).is_empty());
        assert!(wait(&mut [&mut file.as_fd()], timeout).is_empty());
        assert!(wait(&mut [&mut file.as_fd(), &mut rx[0]], timeout).is_empty());
        assert!(wait(&mut [], timeout).is_empty());
        assert!(begin.elapsed() >= timeout * 4);
    }
}

/// Runs `wait` in a thread, and comes back when that one sleeps, in whatever.
fn asleep<T: Send + 'static>(
    wait: impl FnOnce() -> T + Send + 'static,
) -> (std::thread::JoinHandle<T>, String) {
    let (tell, hear) = std::sync::mpsc::channel();
    let handle = std::thread::spawn(move || {
        tell.send(rustix::thread::gettid().as_raw_nonzero().to_string()).unwrap();
        wait()
    });
    let thread = hear.recv().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
    while state().starts_with("running") {
        std::thread::yield_now();
    }
    (handle, thread)
}

#[test]
fn any_of_many_wakes_who_waits() {
    let _watchdog = Watchdog::start(60);
    // More than the kernel takes at a time.
    for count in [1, 3, 140] {
        for which in [0, count / 2, count - 1] {
            let (mut tx, mut rx) = pipes(count);
            let (waiter, _) = asleep(move || wait(&mut all(&mut rx), None));
            tx[which].send(1).unwrap();
            assert_eq!(waiter.join().unwrap(), [which]);
        }
    }
}

#[test]
fn who_waits_does_not_work() {
    let _watchdog = Watchdog::start(60);
    for with_a_file in [false, true] {
        let (mut tx, mut rx) = pipes(5);
        let (file, _writer) = std::io::pipe().unwrap();
        let (waiter, thread) = asleep(move || {
            let mut many = all(&mut rx);
            let mut file = file.as_fd();
            if with_a_file {
                many.push(&mut file);
            }
            wait(&mut many, None)
        });
        let before = ticks_of(&thread);
        std::thread::sleep(Duration::from_millis(500));
        assert!(ticks_of(&thread) - before <= 10, "a fifth of the time at most");
        tx[4].send(1).unwrap();
        assert_eq!(waiter.join().unwrap(), [4]);
    }
}

#[test]
fn a_death_is_seen_at_the_pipe_and_by_the_sentinel() {
    let _watchdog = Watchdog::start(60);
    for (sees_pipes, sees_sentinels) in [(true, false), (false, true), (true, true)] {
        let (mut rx, mut roles) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (tx, one) = pipe::simplex::<u8>().unwrap();
            let mut role =
                Role::spawn("waiting::in_a_child", &["hold", &serde_json::to_string(&tx).unwrap()]);
            assert_eq!(role.hear(), "here");
            rx.push(one);
            roles.push(role);
        }
        let sentinels: Vec<OwnedFd> = roles.iter().map(sentinel).collect();
        let ready = |rx: &mut [Receiver<u8>], timeout: Option<Duration>| {
            let mut sentinels: Vec<BorrowedFd<'_>> = sentinels.iter().map(AsFd::as_fd).collect();
            let mut many = if sees_pipes { all(rx) } else { Vec::new() };
            if sees_sentinels {
                many.extend(sentinels.iter_mut().map(|one| one as &mut dyn Waitable));
            }
            wait(&mut many, timeout)
        };
        assert!(ready(&mut rx, Some(SOON)).is_empty());
        if sees_pipes {
            roles[0].tell("9");
            assert_eq!(ready(&mut rx, None), [0]);
            assert_eq!(rx[0].recv().unwrap(), 9);
        }
        roles.remove(1).kill();
        // Which of the two signs comes first is nobody's business.
        let expected: &[usize] = if sees_pipes && sees_sentinels { &[1, 4] } else { &[1] };
        let mut seen = Vec::new();
        while seen != expected {
            seen = ready(&mut rx, None);
            assert!(!seen.is_empty() && seen.iter().all(|one| expected.contains(one)), "{seen:?}");
        }
    }
}

/// By looking after it, and not because a thousand looks in vain come together some time.
#[test]
fn a_death_is_seen_at_one_pipe_alone() {
    let _watchdog = Watchdog::start(20);
    let (tx, mut rx) = pipe::simplex::<u8>().unwrap();
    let mut role = Role::spawn("waiting::in_a_child", &["hold", &serde_json::to_string(&tx).unwrap()]);
    assert_eq!(role.hear(), "here");
    role.kill();
    assert_eq!(wait(&mut [&mut rx], None), [0]);
}

#[test]
fn files_of_all_kinds_can_be_waited_for() {
    let _watchdog = Watchdog::start(60);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (_tx, mut rx) = pipes(1);
    assert!(wait(&mut [&mut reader.as_fd(), &mut rx[0]], SOON).is_empty());
    writer.write_all(b"x").unwrap();
    assert_eq!(wait(&mut [&mut rx[0], &mut reader.as_fd()], None), [1]);
    let mut reader = reader;
    assert_eq!(wait(&mut [&mut reader], None), [0]);
}

#[test]
fn a_server_of_many_connections() {
    let _watchdog = Watchdog::start(60);
    let (mut here, roles): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (here, there) = pipe::duplex::<String, String>().unwrap();
            (here, Role::spawn("waiting::in_a_child", &["echo", &serde_json::to_string(&there).unwrap()]))
        })
        .unzip();
    for round in 0..50 {
        for (n, one) in here.iter_mut().enumerate() {
            one.send(format!("{n} {}", "breeze".repeat(round * 100))).unwrap();
        }
        let mut open = vec![true; here.len()];
        while open.contains(&true) {
            let mut many: Vec<&mut dyn Waitable> = here.iter_mut().map(|one| one as _).collect();
            for n in wait(&mut many, None) {
                let text = here[n].try_recv().unwrap();
                assert_eq!(text, format!("{n} {}", "breeze".repeat(round * 100)));
                assert!(std::mem::take(&mut open[n]), "one answer each");
            }
        }
    }
    drop(here);
    assert!(roles.into_iter().all(|role| role.join().success()));
}
