//! Pipes between living processes: endpoints that a child is given, and messages it sends.

use breezeway::pipe::{self, Connection, Receiver, Sender};
use breezeway::{PopError, PushError};
use support::numbered::message;
use support::{Role, Watchdog, role, say};

use super::of;

/// More than any ring here.
const LARGE: usize = 16 << 20;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["add", end] => {
            let mut end: Connection<String, (String, String)> = serde_json::from_str(end).unwrap();
            let (a, b) = end.recv().unwrap();
            end.send(a + &b).unwrap();
            say("done");
        }
        ["echo", end] => {
            let mut end: Connection<Vec<u8>, Vec<u8>> = serde_json::from_str(end).unwrap();
            while let Ok(bytes) = end.recv() {
                end.send(bytes).unwrap();
            }
            say("end of file");
        }
        ["echo bytes", end] => {
            let mut end: Connection<(), ()> = serde_json::from_str(end).unwrap();
            while let Ok(bytes) = end.recv_bytes() {
                end.send_bytes(&bytes).unwrap();
            }
        }
        ["consume", end] => {
            let rx: Receiver<u32> = serde_json::from_str(end).unwrap();
            let all: Vec<u32> = rx.into_iter().map(Result::unwrap).collect();
            say(&format!("{all:?}"));
        }
        ["produce", end] => {
            let mut tx: Sender<Vec<u8>> = serde_json::from_str(end).unwrap();
            (0..5000).for_each(|n| tx.send(message(n * 37 % 3000, n)).unwrap());
        }
        ["pass on", end] => {
            // A child of its own, which has the end then.
            let tx: Sender<Vec<u8>> = serde_json::from_str(end).unwrap();
            let status = Role::spawn(in_a_child, &["produce", &serde_json::to_string(&tx).unwrap()]).join();
            assert!(status.success());
        }
        _ => unreachable!("{arguments:?}"),
    }
}

#[test]
fn duplex_recv_disconnected_after_child_exit() {
    let _watchdog = Watchdog::start(60);
    let (mut here, there) = pipe::duplex::<(String, String), String>().unwrap();
    let mut adder = Role::spawn(in_a_child, &["add", &serde_json::to_string(&there).unwrap()]);
    drop(there);
    here.send(("Hello, ".to_owned(), "World!".to_owned())).unwrap();
    assert_eq!(here.recv().unwrap(), "Hello, World!");
    assert_eq!(adder.hear(), "done");
    assert!(matches!(here.recv(), Err(PopError::Disconnected)));
    assert!(matches!(here.send((String::new(), String::new())), Err(PushError::Disconnected(_))));
    assert!(adder.join().success());
}

#[test]
fn send_recv_messages_larger_than_ring() {
    let _watchdog = Watchdog::start(120);
    let (mut here, there) = pipe::duplex::<Vec<u8>, Vec<u8>>().unwrap();
    let mut echo = Role::spawn(in_a_child, &["echo", &serde_json::to_string(&there).unwrap()]);
    for len in [0, 1, 1000, 16_000, 17_000, 65_536, 1 << 20, LARGE, 3] {
        let large = message(len, len);
        here.send(large.clone()).unwrap();
        assert!(here.recv().unwrap() == large, "{len} bytes");
    }
    drop(here);
    assert_eq!(echo.hear(), "end of file");
    assert!(echo.join().success());
}

#[test]
fn send_bytes_recv_bytes_into_round_trip() {
    let _watchdog = Watchdog::start(120);
    let (mut here, there) = pipe::duplex::<(), ()>().unwrap();
    let echo = Role::spawn(in_a_child, &["echo bytes", &serde_json::to_string(&there).unwrap()]);
    let mut space = vec![0; LARGE];
    for len in (0..3000).step_by(7).chain([1 << 17, LARGE]) {
        let bytes = message(len, len);
        here.send_bytes(&bytes).unwrap();
        assert_eq!(here.recv_bytes_into(&mut space).unwrap(), len);
        assert!(space[..len] == bytes);
    }
    drop(here);
    assert!(echo.join().success());
}

#[test]
fn receiver_into_iter_ends_when_sender_is_dropped() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, rx) = of::<u32>(64);
    let mut consumer = Role::spawn(in_a_child, &["consume", &serde_json::to_string(&rx).unwrap()]);
    drop(rx);
    for number in 1..=4 {
        tx.send(number).unwrap();
    }
    drop(tx);
    assert_eq!(consumer.hear(), "[1, 2, 3, 4]");
    assert!(consumer.join().success());
}

#[test]
fn recv_gets_all_messages_of_exited_child() {
    let _watchdog = Watchdog::start(60);
    for role in ["produce", "pass on"] {
        let (tx, mut rx) = of::<Vec<u8>>(1024);
        let producer = Role::spawn(in_a_child, &[role, &serde_json::to_string(&tx).unwrap()]);
        drop(tx);
        for n in 0..5000 {
            assert_eq!(rx.recv().unwrap(), message(n * 37 % 3000, n));
        }
        assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
        assert!(producer.join().success());
    }
}
