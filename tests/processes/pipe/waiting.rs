//! Waiting for several pipes whose other endpoints are in other processes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use breezeway::pipe::{self, Connection, Receiver, Sender, Waitable, wait};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use support::{Role, Watchdog, listen, role, say};

use super::SOON;

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

fn all(many: &mut [Receiver<u8>]) -> Vec<&mut dyn Waitable> {
    many.iter_mut().map(|one| one as &mut dyn Waitable).collect()
}

fn sentinel(role: &Role) -> OwnedFd {
    pidfd_open(Pid::from_raw(role.pid() as i32).unwrap(), PidfdFlags::empty()).unwrap()
}

#[test]
fn wait_reports_death_at_pipe_and_sentinel() {
    let _watchdog = Watchdog::start(60);
    for (sees_pipes, sees_sentinels) in [(true, false), (false, true), (true, true)] {
        let (mut rx, mut roles) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (tx, one) = pipe::simplex::<u8>().unwrap();
            let mut role = Role::spawn(in_a_child, &["hold", &serde_json::to_string(&tx).unwrap()]);
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
fn wait_on_one_pipe_reports_sender_death() {
    let _watchdog = Watchdog::start(20);
    let (tx, mut rx) = pipe::simplex::<u8>().unwrap();
    let mut role = Role::spawn(in_a_child, &["hold", &serde_json::to_string(&tx).unwrap()]);
    assert_eq!(role.hear(), "here");
    role.kill();
    assert_eq!(wait(&mut [&mut rx], None), [0]);
}

#[test]
fn wait_serves_many_connections() {
    let _watchdog = Watchdog::start(60);
    let (mut here, roles): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (here, there) = pipe::duplex::<String, String>().unwrap();
            (here, Role::spawn(in_a_child, &["echo", &serde_json::to_string(&there).unwrap()]))
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
