//! SIGKILL at one end of a pipe, also in the middle of a message: the other end is told that its
//! peer is disconnected.

use breezeway::pipe::{self, Connection, Receiver, Sender};
use breezeway::{PopError, PushError};
use support::numbered::message;
use support::process::kill_running;
use support::waiting::asleep;
use support::{Role, Watchdog, listen, role, say};

use super::of;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["send on and on", end, len] => {
            let mut tx: Sender<Vec<u8>> = serde_json::from_str(end).unwrap();
            let len: usize = len.parse().unwrap();
            for n in 0.. {
                tx.send(message(len + n % 64, n)).unwrap();
            }
        }
        ["send part", end] => {
            let mut tx: Sender<Vec<u8>> = serde_json::from_str(end).unwrap();
            tx.send(message(3, 0)).unwrap();
            tx.send_bytes_timeout(&message(10_000, 1), core::time::Duration::ZERO).unwrap_err();
            say("sent");
            listen();
        }
        ["receive part", end] => {
            let mut rx: Receiver<Vec<u8>> = serde_json::from_str(end).unwrap();
            assert!(!rx.wait_timeout(core::time::Duration::from_millis(20)));
            say("received");
            listen();
        }
        ["receive on and on", end] => {
            let mut rx: Receiver<Vec<u8>> = serde_json::from_str(end).unwrap();
            loop {
                rx.recv().unwrap();
            }
        }
        ["hold", end] => {
            let _end: Connection<u8, u8> = serde_json::from_str(end).unwrap();
            say("here");
            listen();
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn child(role: &str, end: String, more: &[&str]) -> Role {
    Role::spawn(in_a_child, &[&[role, &end], more].concat())
}

#[test]
fn recv_after_sender_killed_midstream_ends_disconnected() {
    let _watchdog = Watchdog::start(120);
    let mut cuts = 0;
    for round in 0..30 {
        let len = [5, 200, 4000][round % 3];
        let (tx, mut rx) = of::<Vec<u8>>(256);
        let sender = child("send on and on", serde_json::to_string(&tx).unwrap(), &[&len.to_string()]);
        drop(tx);
        let mut n = 0;
        while n < 20 + round {
            assert_eq!(rx.recv().unwrap(), message(len + n % 64, n));
            n += 1;
        }
        kill_running(sender);
        // Whole ones, in order; then perhaps a part of one; then the end.
        let end = loop {
            match rx.recv() {
                Ok(bytes) => assert_eq!(bytes, message(len + n % 64, n)),
                Err(error) => break error,
            }
            n += 1;
        };
        if matches!(end, PopError::Truncated) {
            cuts += 1;
            assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
        } else {
            assert!(matches!(end, PopError::Disconnected), "{end:?}");
        }
    }
    assert!(cuts >= 5, "{cuts} in the middle of a message");
}

#[test]
fn recv_woken_by_sender_death_mid_message_is_truncated() {
    let _watchdog = Watchdog::start(60);
    let (tx, mut rx) = of::<Vec<u8>>(1024);
    let mut sender = child("send part", serde_json::to_string(&tx).unwrap(), &[]);
    drop(tx);
    assert_eq!(sender.hear(), "sent");
    assert_eq!(rx.recv().unwrap(), message(3, 0));
    assert!(!rx.is_ready());
    let receiver = asleep(move || (rx.recv(), rx.recv(), rx.is_ready()));
    sender.kill();
    let (first, second, ready) = receiver.wake();
    assert!(matches!(first, Err(PopError::Truncated)), "{first:?}");
    assert!(matches!(second, Err(PopError::Disconnected)) && ready);
}

#[test]
fn send_after_receiver_killed_returns_disconnected() {
    let _watchdog = Watchdog::start(120);
    for round in 0..15 {
        let len = [5, 5000][round % 2];
        let (mut tx, rx) = of::<Vec<u8>>(256);
        let receiver = child("receive on and on", serde_json::to_string(&rx).unwrap(), &[]);
        drop(rx);
        (0..20 + round).for_each(|n| tx.send(message(len, n)).unwrap());
        kill_running(receiver);
        let value = loop {
            match tx.send(message(len, 1)) {
                Ok(()) => {}
                Err(PushError::Disconnected(value)) => break value,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(value, message(len, 1));
    }
}

/// One that never has to wait for room.
#[test]
fn send_without_waiting_detects_receiver_death() {
    let _watchdog = Watchdog::start(60);
    let (mut here, there) = pipe::duplex::<u8, u8>().unwrap();
    let mut holder = child("hold", serde_json::to_string(&there).unwrap(), &[]);
    assert_eq!(holder.hear(), "here");
    here.send(1).unwrap();
    holder.kill();
    let mut sent = 0;
    while here.send(2).is_ok() {
        sent += 1;
        std::thread::sleep(core::time::Duration::from_millis(20));
    }
    assert!(sent < 1000, "long before the ring is full");
}

#[test]
fn send_woken_by_receiver_death_mid_message() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, rx) = of::<Vec<u8>>(256);
    tx.send_bytes_timeout(&message(1000, 1), core::time::Duration::ZERO).unwrap_err();
    let mut receiver = child("receive part", serde_json::to_string(&rx).unwrap(), &[]);
    drop(rx);
    assert_eq!(receiver.hear(), "received");
    let sender = asleep(move || tx.send(message(9000, 2)));
    receiver.kill();
    assert!(matches!(sender.wake(), Err(PushError::Disconnected(value)) if value == message(9000, 2)));
}

#[test]
fn duplex_peer_death_disconnects_recv_and_send() {
    let _watchdog = Watchdog::start(60);
    let (mut here, there) = pipe::duplex::<u8, u8>().unwrap();
    let mut holder = child("hold", serde_json::to_string(&there).unwrap(), &[]);
    assert_eq!(holder.hear(), "here");
    drop(there);
    here.send(1).unwrap();
    assert!(here.is_connected());
    let receiver = asleep(move || (here.recv(), here));
    holder.kill();
    let (end, mut here) = receiver.wake();
    assert!(matches!(end, Err(PopError::Disconnected)));
    assert!(!here.is_connected());
    // Full, or found out.
    let error = (0..).find_map(|n| here.send(n as u8).err()).unwrap();
    assert!(matches!(error, PushError::Disconnected(_)), "{error:?}");
}
