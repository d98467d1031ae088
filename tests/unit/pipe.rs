//! [`breezeway::pipe`] in one process: messages of all kinds and lengths, boundaries, errors.

mod damage;
mod endpoints;
mod partial;
mod waiting;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use breezeway::pipe::{self, Receiver, Sender};
use breezeway::queue::bytes;
use breezeway::{PopError, PushError, SegmentError};
use serde::{Deserialize, Serialize, Serializer};
use support::Watchdog;
use support::numbered::message;
use support::waiting::asleep;

const SOON: Duration = Duration::from_millis(30);

fn of<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    pipe::builder().capacity(capacity).simplex().unwrap()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Job {
    Stop,
    Number(i64),
    Named { name: String, parts: Vec<Option<f64>> },
    Map(BTreeMap<String, (u8, char)>),
    Boxed(Box<Job>),
}

fn jobs() -> Vec<Job> {
    let map = (0..50).map(|n| (format!("key {n}"), (n, 'ä'))).collect();
    vec![
        Job::Number(i64::MIN),
        Job::Named { name: String::new(), parts: vec![None, Some(2.5)] },
        Job::Map(map),
        Job::Stop,
        Job::Boxed(Box::new(Job::Named { name: "breeze ".repeat(100), parts: vec![Some(-0.0); 99] })),
    ]
}

#[test]
fn send_recv_values_of_all_kinds() {
    for capacity in [64, 256, 4096, 65536] {
        let (mut tx, rx) = of::<Job>(capacity);
        let sender = std::thread::spawn(move || {
            jobs().into_iter().cycle().take(200).for_each(|job| tx.send(job).unwrap());
        });
        let received: Vec<Job> = rx.into_iter().map(Result::unwrap).collect();
        assert!(received.iter().eq(jobs().iter().cycle().take(200)));
        sender.join().unwrap();
    }
}

#[test]
fn send_recv_every_length_at_every_ring_position() {
    let _watchdog = Watchdog::start(120);
    for capacity in [64, 192] {
        let (mut tx, mut rx) = of::<Vec<u8>>(capacity);
        let echo = std::thread::spawn(move || {
            for len in 0..4 * capacity {
                for n in 0..capacity / 8 {
                    tx.send_bytes(&message(len, n)).unwrap();
                    tx.send(message(len, n)).unwrap();
                }
            }
        });
        let mut space = vec![0; 4 * capacity];
        for len in 0..4 * capacity {
            for n in 0..capacity / 8 {
                if n % 2 == 0 {
                    assert_eq!(rx.recv_bytes().unwrap(), message(len, n));
                } else {
                    assert_eq!(rx.recv_bytes_into(&mut space).unwrap(), len);
                    assert_eq!(space[..len], message(len, n));
                }
                assert_eq!(rx.recv().unwrap(), message(len, n));
            }
        }
        assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
        echo.join().unwrap();
    }
}

#[test]
fn send_recv_empty_messages() {
    let (mut tx, mut rx) = of::<()>(64);
    for _ in 0..50 {
        tx.send(()).unwrap();
        tx.send_bytes(&[]).unwrap();
        assert!(rx.is_ready());
        rx.recv().unwrap();
        assert_eq!(rx.recv_bytes_into(&mut []).unwrap(), 0);
        assert!(!rx.is_ready());
        assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
    }
    let (mut tx, mut rx) = of::<String>(64);
    tx.send(String::new()).unwrap();
    tx.send("a".to_owned()).unwrap();
    tx.send(String::new()).unwrap();
    drop(tx);
    assert_eq!(rx.iter().map(Result::unwrap).collect::<Vec<_>>(), ["", "a", ""]);
}

#[test]
fn send_and_send_bytes_share_one_encoding() {
    let (mut tx, mut rx) = of::<(u32, String)>(256);
    let value = (300, "breeze".to_owned());
    tx.send(value.clone()).unwrap();
    let encoded = rx.recv_bytes().unwrap();
    assert!(encoded.windows(6).any(|piece| piece == b"breeze"));
    tx.send_bytes(&encoded).unwrap();
    assert_eq!(rx.recv().unwrap(), value);
}

#[test]
fn recv_undecodable_returns_decode_and_removes_it() {
    for len in [3, 1000] {
        let (mut tx, mut rx) = of::<(u8, String)>(1 << 14);
        tx.send((1, "one".to_owned())).unwrap();
        tx.send_bytes(&vec![0xff; len]).unwrap();
        // A value, and something behind it.
        tx.send_bytes(&[1, 1, b'x', 0]).unwrap();
        tx.send_bytes(&[]).unwrap();
        tx.send((2, "two".to_owned())).unwrap();
        assert_eq!(rx.recv().unwrap().0, 1);
        for _ in 0..3 {
            assert!(matches!(rx.recv(), Err(PopError::Decode { .. })));
        }
        assert_eq!(rx.recv().unwrap().0, 2);
        assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
    }
}

/// Encodes so many bytes, and then fails.
struct Unspeakable(usize);

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeTuple};
        let mut tuple = serializer.serialize_tuple(self.0)?;
        (0..self.0).try_for_each(|_| tuple.serialize_element(&7_u8))?;
        Err(S::Error::custom("unspeakable"))
    }
}

#[test]
fn send_unencodable_returns_encode_and_sends_nothing() {
    for len in [0, 10, 63, 64, 65, 500, 100_000] {
        let (tx, rx) = bytes::new(1024).unwrap();
        let (mut tx, mut rx) = (Sender::<Unspeakable>::from(tx), Receiver::<u8>::from(rx));
        for _ in 0..5 {
            let error = tx.send(Unspeakable(len)).unwrap_err();
            assert!(matches!(error, PushError::Encode { value: Unspeakable(same), .. } if same == len));
            assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
            // A number's kind, and the number.
            tx.send_bytes(&[5, 9]).unwrap();
            assert_eq!(rx.recv().unwrap(), 9);
        }
    }
}

#[test]
fn send_longer_than_max_message_returns_too_large() {
    let (mut tx, mut rx) = pipe::builder().capacity(1024).max_message(300).simplex::<Vec<u8>>().unwrap();
    let sender = std::thread::spawn(move || {
        for len in [301, 1000, 1 << 20] {
            let error = tx.send_bytes(&message(len, 1)).unwrap_err();
            assert!(matches!(error, PushError::TooLarge { value: (), len: l, max: 300 } if l == len));
            // Its length is encoded, too.
            let error = tx.send(message(len - 2, 1)).unwrap_err();
            assert!(matches!(error, PushError::TooLarge { len: l, max: 300, .. } if l >= len), "{error}");
            assert_eq!(error.into_inner(), message(len - 2, 1));
        }
        tx.send(message(297, 1)).unwrap();
        tx.send_bytes(&message(300, 1)).unwrap();
    });
    assert_eq!(rx.recv().unwrap(), message(297, 1));
    assert_eq!(rx.recv_bytes().unwrap(), message(300, 1));
    assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
    sender.join().unwrap();
    // Short ones, which are encoded where they lie.
    let (mut tx, mut rx) = pipe::builder().max_message(4).simplex::<Vec<u8>>().unwrap();
    assert!(matches!(tx.send(vec![1, 2, 3]), Err(PushError::TooLarge { len: 5, max: 4, .. })));
    assert!(matches!(tx.send_bytes(&[1; 5]), Err(PushError::TooLarge { len: 5, max: 4, .. })));
    tx.send(vec![1, 2]).unwrap();
    assert_eq!(rx.recv().unwrap(), [1, 2]);
}

#[test]
fn try_send_returns_too_large_or_full_with_value() {
    let (mut tx, mut rx) = of::<Vec<u8>>(1024);
    // In one frame, though longer than those of a message that streams.
    tx.try_send_bytes(&message(400, 1)).unwrap();
    assert_eq!(rx.try_recv_bytes().unwrap(), message(400, 1));
    tx.try_send(message(400, 2)).unwrap();
    assert_eq!(rx.try_recv().unwrap(), message(400, 2));
    for len in [600, 5000] {
        assert!(matches!(tx.try_send_bytes(&message(len, 1)), Err(PushError::TooLarge { .. })));
        let Err(PushError::TooLarge { value, .. }) = tx.try_send(message(len, 1)) else { panic!() };
        assert_eq!(value, message(len, 1));
    }
    assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
    let mut sent = 0;
    while tx.try_send(vec![sent; 20]).is_ok() {
        sent += 1;
    }
    assert!(sent > 20);
    let Err(PushError::Full(value)) = tx.try_send(vec![99; 20]) else { panic!("full") };
    assert_eq!(value, [99; 20]);
    assert!((0..sent).all(|n| rx.try_recv().unwrap() == [n; 20]));
    tx.try_send(vec![1]).unwrap();
    assert_eq!(rx.try_recv().unwrap(), [1]);
}

#[test]
fn recv_bytes_into_too_short_keeps_message() {
    for len in [1, 100, 5000] {
        let (mut tx, mut rx) = of::<u8>(1024);
        let sender = std::thread::spawn(move || {
            tx.send_bytes(&message(len, 3)).unwrap();
            tx.send_bytes(&message(2, 4)).unwrap();
            tx
        });
        let mut space = vec![0; len + 5];
        for short in [0, len / 2, len - 1] {
            let error = rx.recv_bytes_into(&mut space[..short]).unwrap_err();
            assert!(matches!(error, PopError::TooShort { len: l } if l == len), "{error:?}");
            assert!(rx.is_ready());
            let error = rx.try_recv_bytes_into(&mut space[..short]).unwrap_err();
            assert!(matches!(error, PopError::TooShort { .. }));
        }
        assert_eq!(rx.recv_bytes_into_timeout(&mut space, SOON).unwrap(), len);
        assert_eq!(space[..len], message(len, 3));
        assert_eq!(rx.recv_bytes().unwrap(), message(2, 4));
        sender.join().unwrap();
    }
}

#[test]
fn iter_ends_when_disconnected_or_closed() {
    let (mut tx, mut rx) = of::<u32>(256);
    tx.send(1).unwrap();
    tx.send_bytes(&[0xff; 9]).unwrap();
    tx.send(2).unwrap();
    drop(tx);
    let mut all = rx.iter();
    assert_eq!(all.next().unwrap().unwrap(), 1);
    assert!(matches!(all.next(), Some(Err(PopError::Decode { .. }))));
    assert_eq!(all.next().unwrap().unwrap(), 2);
    assert!(all.next().is_none() && all.next().is_none());
    assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
    // Of a connection, too.
    let (mut a, mut b) = pipe::duplex::<u32, ()>().unwrap();
    (0..3).for_each(|n| a.send(n).unwrap());
    a.close();
    assert_eq!((&mut b).into_iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(matches!(b.recv(), Err(PopError::Closed)));
}

#[test]
fn close_refuses_send_and_drains_recv() {
    let (mut tx, mut rx) = of::<u32>(256);
    tx.send(1).unwrap();
    assert!(rx.close() && !tx.close());
    assert!(matches!(tx.send(2), Err(PushError::Closed(2))));
    assert_eq!(rx.recv().unwrap(), 1);
    assert!(rx.is_ready());
    assert!(matches!(rx.recv(), Err(PopError::Closed)));
    assert!(rx.iter().next().is_none());
}

#[test]
fn send_after_receiver_drop_returns_disconnected() {
    let (mut tx, rx) = of::<String>(256);
    assert!(tx.is_connected());
    tx.send("lost".to_owned()).unwrap();
    drop(rx);
    assert!(!tx.is_connected());
    for text in ["breeze".to_owned(), "breeze".repeat(1000)] {
        assert!(matches!(tx.send(text.clone()), Err(PushError::Disconnected(same)) if same == text));
        assert!(matches!(tx.try_send(text.clone()), Err(PushError::Disconnected(_))));
        assert!(matches!(tx.send_timeout(text.clone(), SOON), Err(PushError::Disconnected(_))));
        assert!(matches!(tx.send_bytes(text.as_bytes()), Err(PushError::Disconnected(()))));
    }
}

#[test]
fn recv_timeout_send_timeout_poll_timeout_elapse() {
    let (mut tx, mut rx) = of::<u64>(64);
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert!(matches!(rx.recv_timeout(timeout), Err(PopError::Timeout)));
        assert!(matches!(rx.recv_bytes_timeout(timeout), Err(PopError::Timeout)));
        assert!(!rx.wait_timeout(timeout));
        assert!(begin.elapsed() >= timeout * 3);
        while tx.try_send(1).is_ok() {}
        let begin = Instant::now();
        assert!(matches!(tx.send_timeout(7, timeout), Err(PushError::Timeout(7))));
        assert!(matches!(tx.send_bytes_timeout(&[7; 14], timeout), Err(PushError::Timeout(()))));
        assert!(begin.elapsed() >= timeout * 2);
        while rx.try_recv().is_ok() {}
    }
    // As long as there is: for ever.
    tx.send(5).unwrap();
    assert_eq!(rx.recv_timeout(Duration::MAX).unwrap(), 5);
    tx.send_timeout(6, Duration::MAX).unwrap();
    assert!(rx.wait_timeout(Duration::MAX));
}

#[test]
fn recv_send_poll_blocked_are_woken() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = of::<Vec<u8>>(64);
    for round in 0..5 {
        let receiver = asleep(move || (rx.recv().unwrap(), rx));
        tx.send(vec![round; 5]).unwrap();
        let received;
        (received, rx) = receiver.wake();
        assert_eq!(received, [round; 5]);
        // One that is longer than the ring.
        let sender = asleep(move || {
            tx.send(message(500, 1)).unwrap();
            tx
        });
        assert_eq!(rx.recv().unwrap(), message(500, 1));
        tx = sender.wake();
        let poller = asleep(move || (rx.wait_timeout(Duration::MAX), rx));
        tx.send(vec![1]).unwrap();
        let ready;
        (ready, rx) = poller.wake();
        assert!(ready && rx.recv().unwrap() == [1]);
    }
}

#[test]
fn builder_capacity_zero_or_too_large_is_refused() {
    for refusal in [
        pipe::builder().capacity(0).simplex::<u8>().err(),
        pipe::builder().capacity(0).duplex::<u8, u8>().err(),
    ] {
        assert!(matches!(refusal, Some(SegmentError::InvalidOption { option: "capacity", .. })));
    }
    for much in [1 << 45, usize::MAX - 64, usize::MAX] {
        assert!(matches!(
            pipe::builder().capacity(much).simplex::<u8>().err(),
            Some(SegmentError::NoSpace { .. })
        ));
        assert!(matches!(
            pipe::builder().capacity(much).duplex::<u8, u8>().err(),
            Some(SegmentError::NoSpace { .. })
        ));
    }
}

#[test]
fn duplex_both_ways_and_split() {
    let _watchdog = Watchdog::start(60);
    let (mut here, mut there) = pipe::builder().capacity(64).duplex::<u32, String>().unwrap();
    let peer = std::thread::spawn(move || {
        while let Ok(number) = there.recv() {
            there.send(format!("number {number}")).unwrap();
        }
    });
    for number in 0..1000 {
        here.send(number).unwrap();
        assert_eq!(here.recv().unwrap(), format!("number {number}"));
    }
    // Halves go their own ways.
    let (mut tx, rx) = here.split();
    let listener = std::thread::spawn(move || rx.into_iter().map(Result::unwrap).collect::<Vec<_>>());
    (0..100).for_each(|number| tx.send(number).unwrap());
    drop(tx);
    let heard = listener.join().unwrap();
    assert!(heard.into_iter().eq((0..100).map(|number| format!("number {number}"))));
    peer.join().unwrap();
}

#[test]
fn error_display_and_debug_texts() {
    let (mut tx, mut rx) = of::<u8>(64);
    tx.send_bytes(&[1, 2, 3]).unwrap();
    let error = rx.recv_bytes_into(&mut []).unwrap_err();
    assert_eq!(error.to_string(), "the message is of 3 bytes: receive it into as many");
    assert!(PopError::Truncated.to_string().contains("middle of a message"));
    assert_eq!(format!("{tx:?} {rx:?}"), "Sender { .. } Receiver { .. }");
}
