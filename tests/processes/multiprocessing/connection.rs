//! `_TestConnection`, `_TestPoll` and `TestWait`.

use std::io::Write;
use std::time::{Duration, Instant};

use breezeway::pipe::{self, Connection, Receiver, Sender, Waitable};
use breezeway::process::{self, Process};
use breezeway::sync::Event;
use breezeway::{PopError, PushError};
use support::Watchdog;
use support::process::until;

use super::{SOON, for_ever};

/// Sends back what it gets, until the end of file.
fn echo(mut end: Connection<(), ()>) {
    while let Ok(bytes) = end.recv_bytes() {
        end.send_bytes(&bytes).unwrap();
    }
}

#[test]
fn connection() {
    let _watchdog = Watchdog::start(120);
    let (mut end, there) = pipe::duplex::<(), ()>().unwrap();
    let child = Process::spawn(echo, there).unwrap();
    end.send_bytes(b"hello world").unwrap();
    assert_eq!(end.recv_bytes().unwrap(), b"hello world");
    // Into too little space: how much it takes is told, and the message stays.
    end.send_bytes(b"breezeway").unwrap();
    let mut space = [0; 16];
    assert!(matches!(end.recv_bytes_into(&mut space[..4]), Err(PopError::TooShort { len: 9 })));
    assert_eq!(end.recv_bytes_into(&mut space).unwrap(), 9);
    assert_eq!((&space[..9], &space[9..]), (&b"breezeway"[..], &[0; 7][..]));
    // `poll()`, `poll(-1)` and `poll(TIMEOUT1)`: a negative time is none.
    assert!(!end.is_ready());
    assert!(!end.wait_timeout(Duration::ZERO));
    let start = Instant::now();
    assert!(!end.wait_timeout(SOON));
    assert!(start.elapsed() >= SOON);
    end.send_bytes(&[]).unwrap();
    assert!(end.wait_timeout(Duration::MAX));
    assert_eq!(end.recv_bytes().unwrap(), [0_u8; 0]);
    // 16 MiB, through a ring of 64 KiB.
    let large: Vec<u8> = (0..16_u32 << 20).map(|n| (n * 7 + n / 251) as u8).collect();
    end.send_bytes(&large).unwrap();
    assert!(end.recv_bytes().unwrap() == large);
    drop(end);
    assert_eq!(child.join().unwrap(), 0);
}

#[test]
fn duplex_false() {
    let _watchdog = Watchdog::start(120);
    // That the other direction is none is the types' word: a sender has no `recv`.
    let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
    let child = Process::spawn(|mut tx: Sender<u32>| tx.send(1).unwrap(), tx).unwrap();
    assert_eq!(rx.recv().unwrap(), 1);
    assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
    assert_eq!(child.join().unwrap(), 0);
}

#[test]
fn spawn_close() {
    let _watchdog = Watchdog::start(120);
    let (mut end, there) = pipe::duplex::<(), ()>().unwrap();
    // What was handed over keeps nothing open here.
    let child = Process::spawn(echo, there).unwrap();
    end.send_bytes(b"hello").unwrap();
    assert_eq!(end.recv_bytes().unwrap(), b"hello");
    child.kill().unwrap();
    assert!(matches!(end.recv_bytes(), Err(PopError::Disconnected)), "a death is the end of file");
    // And a broken pipe, soon: who sends without having to wait looks for deaths now and then.
    until(|| matches!(end.send_bytes(b"x"), Err(PushError::Disconnected(()))));
    assert_eq!(child.join().unwrap(), -9);
}

#[test]
fn sendbytes() {
    let _watchdog = Watchdog::start(120);
    let (mut tx, rx) = pipe::builder().max_message(26).simplex::<()>().unwrap();
    let read = |mut rx: Receiver<()>| {
        let mut all = Vec::new();
        while let Ok(bytes) = rx.recv_bytes() {
            all.push(bytes);
        }
        all
    };
    let child = Process::spawn(read, rx).unwrap();
    let letters = b"abcdefghijklmnopqrstuvwxyz";
    let sent = [&letters[..], &letters[5..], &letters[7..15], &letters[26..]];
    sent.iter().for_each(|bytes| tx.send_bytes(bytes).unwrap());
    assert!(matches!(tx.send_bytes(&[0; 27]), Err(PushError::TooLarge { len: 27, max: 26, .. })));
    drop(tx);
    assert_eq!(child.result().unwrap(), sent);
}

#[test]
fn empty_string() {
    let _watchdog = Watchdog::start(120);
    let (tx, mut rx) = pipe::simplex::<String>().unwrap();
    let send = |mut tx: Sender<String>| ["", "", "x", ""].map(|text| tx.send(text.to_owned()).unwrap());
    let child = Process::spawn(send, tx).unwrap();
    // Looking takes nothing out.
    assert!((0..4).all(|_| rx.wait_timeout(Duration::MAX)));
    assert_eq!(rx.iter().map(Result::unwrap).collect::<Vec<_>>(), ["", "", "x", ""]);
    assert_eq!(child.join().unwrap(), 0);
}

#[test]
fn boundaries() {
    let _watchdog = Watchdog::start(120);
    let (tx, mut rx) = pipe::simplex::<()>().unwrap();
    let send = |(mut tx, go): (Sender<()>, Event)| {
        tx.send_bytes(b"a").unwrap();
        tx.send_bytes(b"b").unwrap();
        go.wait().unwrap();
        tx.send_bytes(b"cd").unwrap();
    };
    let go = Event::new().unwrap();
    let child = Process::spawn(send, (tx, go.clone())).unwrap();
    assert_eq!(rx.recv_bytes().unwrap(), b"a");
    assert!(rx.wait_timeout(Duration::MAX));
    // One at a time, however much is there (`test_dont_merge`).
    assert_eq!(rx.recv_bytes().unwrap(), b"b");
    assert!(!rx.wait_timeout(SOON));
    go.set();
    assert_eq!(rx.recv_bytes().unwrap(), b"cd");
    assert_eq!(child.join().unwrap(), 0);
}

/// Many at once, until each is at its end.
#[test]
fn wait() {
    let _watchdog = Watchdog::start(120);
    let work = |(mut tx, id): (Sender<(usize, u32)>, usize)| (0..10).for_each(|n| tx.send((id, n)).unwrap());
    let (mut children, mut ends) = (Vec::new(), Vec::new());
    for id in 0..4 {
        let (tx, rx) = pipe::simplex::<(usize, u32)>().unwrap();
        children.push(Process::spawn(work, (tx, id)).unwrap());
        ends.push(rx);
    }
    let mut messages = Vec::new();
    while !ends.is_empty() {
        let mut many: Vec<&mut dyn Waitable> = ends.iter_mut().map(|end| end as &mut dyn Waitable).collect();
        for place in process::wait(&mut many, None).into_iter().rev() {
            match ends[place].recv() {
                Ok(message) => messages.push(message),
                Err(PopError::Disconnected) => drop(ends.remove(place)),
                Err(error) => panic!("{error}"),
            }
        }
    }
    for id in 0..4 {
        assert!(messages.iter().filter(|message| message.0 == id).map(|message| message.1).eq(0..10));
    }
    assert!(children.iter().all(|child| child.join().unwrap() == 0));
}

#[test]
fn wait_socket() {
    let _watchdog = Watchdog::start(120);
    let (mut theirs, mut ours) = std::os::unix::net::UnixStream::pair().unwrap();
    let (_tx, mut rx) = pipe::simplex::<()>().unwrap();
    assert!(process::wait(&mut [&mut rx, &mut ours], SOON).is_empty());
    theirs.write_all(b"x").unwrap();
    assert_eq!(process::wait(&mut [&mut rx, &mut ours], None), [1]);
}

/// CPython's is over numbers; a sentinel is one.
#[test]
fn wait_integer() {
    let _watchdog = Watchdog::start(120);
    let mut sleeper = Process::builder().daemon(true).spawn(|()| for_ever(), ()).unwrap();
    let (mut a_tx, mut a) = pipe::simplex::<u8>().unwrap();
    let (mut b_tx, mut b) = pipe::simplex::<u8>().unwrap();
    let start = Instant::now();
    assert!(process::wait(&mut [&mut a, &mut sleeper, &mut b], SOON).is_empty());
    assert!(start.elapsed() >= SOON);
    assert!(process::wait(&mut [&mut a, &mut sleeper, &mut b], Duration::ZERO).is_empty());
    a_tx.send(20).unwrap();
    assert_eq!(process::wait(&mut [&mut a, &mut sleeper, &mut b], None), [0]);
    sleeper.terminate().unwrap();
    assert_eq!(sleeper.join().unwrap(), -15);
    assert_eq!(process::wait(&mut [&mut a, &mut sleeper, &mut b], None), [0, 1]);
    b_tx.send(21).unwrap();
    assert_eq!(process::wait(&mut [&mut a, &mut sleeper, &mut b], Duration::ZERO), [0, 1, 2]);
}
