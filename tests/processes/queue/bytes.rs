//! [`breezeway::queue::bytes`] between processes, one of which may be killed.

use breezeway::queue::bytes::{self, BytesConsumer, BytesProducer};
use breezeway::{PopError, PushError};
use support::fork::fork;
use support::numbered::message;
use support::process::kill_running;
use support::waiting::asleep;
use support::{Role, Watchdog, listen, role, say, unique};

/// The sizes of a stream's messages.
fn sized(n: usize, max: usize) -> Vec<u8> {
    message(n * n * 7 % (max + 1), n)
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", name, from] => write(&mut BytesProducer::open(name).unwrap(), from.parse().unwrap()),
        ["reserve", name] => {
            let mut tx = BytesProducer::open(name).unwrap();
            let mut reserved = tx.reserve(40).unwrap();
            reserved.fill(0xee);
            say("reserved");
            listen();
        }
        ["read", name] => {
            let mut rx = BytesConsumer::open(name).unwrap();
            let read = rx.read().unwrap();
            say(std::str::from_utf8(&read).unwrap());
            listen();
        }
        ["take", name, count] => {
            let mut rx = BytesConsumer::open(name).unwrap();
            say("ready");
            let max = rx.max_message();
            for n in 0..count.parse().unwrap() {
                assert_eq!(*rx.read().unwrap(), sized(n, max));
            }
            say("taken");
            listen();
        }
        ["fork"] => fork_with_both(),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Writes on and on, beginning with message `from`.
fn write(tx: &mut BytesProducer, from: usize) {
    say("ready");
    let max = tx.max_message();
    for n in from.. {
        let bytes = sized(n, max);
        let mut reserved = tx.reserve(max).unwrap();
        reserved[..bytes.len()].copy_from_slice(&bytes);
        reserved.commit(bytes.len());
    }
}

#[test]
fn push_read_stream_of_all_sizes() {
    const MANY: usize = 50_000;
    let _watchdog = Watchdog::start(120);
    for capacity in [64, 4096] {
        let name = unique("bytes-stream");
        let (mut tx, rx) = bytes::create(&name, capacity).unwrap();
        rx.release();
        let mut taker = Role::spawn(in_a_child, &["take", &name, &MANY.to_string()]);
        assert_eq!(taker.hear(), "ready");
        let max = tx.max_message();
        (0..MANY).for_each(|n| tx.push(&sized(n, max)).unwrap());
        assert_eq!(taker.hear(), "taken");
    }
}

#[test]
fn read_holder_killed_leaves_message_to_successor() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bytes-reader");
    let (mut tx, rx) = bytes::create(&name, 128).unwrap();
    rx.release();
    tx.push(b"one").unwrap();
    tx.push(b"two").unwrap();
    for _ in 0..3 {
        let mut reader = Role::spawn(in_a_child, &["read", &name]);
        assert_eq!(reader.hear(), "one");
        reader.kill();
    }
    let mut rx = BytesConsumer::open(&name).unwrap();
    assert_eq!(&*rx.read().unwrap(), b"one");
    assert_eq!(&*rx.read().unwrap(), b"two");
    assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
}

#[test]
fn reserve_holder_killed_leaves_nothing() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bytes-writer");
    let (tx, mut rx) = bytes::create(&name, 128).unwrap();
    tx.release();
    for _ in 0..3 {
        let mut writer = Role::spawn(in_a_child, &["reserve", &name]);
        assert_eq!(writer.hear(), "reserved");
        assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
        let reader = asleep(move || (rx.read().map(drop).err(), rx));
        writer.kill();
        let error;
        (error, rx) = reader.wake();
        assert!(matches!(error, Some(PopError::Disconnected)));
    }
    let mut tx = BytesProducer::open(&name).unwrap();
    tx.push(b"three").unwrap();
    assert_eq!(&*rx.read().unwrap(), b"three");
}

#[test]
fn push_killed_midstream_successor_continues() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bytes-midstream");
    let (tx, mut rx) = bytes::create(&name, 256).unwrap();
    tx.release();
    let max = rx.max_message();
    let mut next = 0;
    for round in 1..=15 {
        let mut writer = Role::spawn(in_a_child, &["write", &name, &next.to_string()]);
        assert_eq!(writer.hear(), "ready");
        for _ in 0..round * 50 {
            assert_eq!(*rx.read().unwrap(), sized(next, max));
            next += 1;
        }
        kill_running(writer);
        loop {
            match rx.read() {
                Ok(read) => assert_eq!(*read, sized(next, max)),
                Err(error) => break assert!(matches!(error, PopError::Disconnected), "{error:?}"),
            }
            next += 1;
        }
    }
}

/// A forked child's copies send nothing and take nothing out.
fn fork_with_both() {
    let (mut tx, mut rx) = bytes::new(256).unwrap();
    tx.push(b"one").unwrap();
    let mut reserved = Some(tx.reserve(3).unwrap());
    let mut read = Some(rx.read().unwrap());
    reserved.as_mut().unwrap().copy_from_slice(b"two");
    fork(|| {
        let (read, mut reserved) = (read.take().unwrap(), reserved.take().unwrap());
        assert!(read.is_empty() && reserved.is_empty() && reserved.iter_mut().next().is_none());
        reserved.commit(2);
    })
    .join();
    reserved.take().unwrap().commit(3);
    std::mem::forget(read);
    assert_eq!(&*rx.read().unwrap(), b"one");
    fork(|| {
        assert!(matches!(tx.push(b"three"), Err(PushError::HandedOver(()))));
        assert!(matches!(rx.read().err(), Some(PopError::HandedOver)));
    })
    .join();
    assert_eq!(&*rx.read().unwrap(), b"two");
    assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
}

#[test]
fn endpoints_in_forked_child_have_no_effect() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["fork"]).join().success());
}
