//! Long messages that are sent or received in part.

use std::time::Duration;

use breezeway::pipe::{self, Receiver, Sender};
use breezeway::queue::bytes::{self, BytesConsumer, BytesProducer};
use breezeway::{PopError, PushError};
use support::numbered::message;
use support::{Watchdog, unique};

use super::{SOON, of};

#[test]
fn send_timeout_mid_message_delivers_nothing() {
    let _watchdog = Watchdog::start(60);
    for capacity in [64, 1024] {
        let (mut tx, mut rx) = of::<Vec<u8>>(capacity);
        for round in 0..20 {
            let long = message(3 * capacity, round);
            let Err(PushError::Timeout(value)) = tx.send_timeout(long.clone(), Duration::from_millis(1))
            else {
                panic!("there is no room")
            };
            assert_eq!(value, long);
            // Some of it is there, and is no message.
            assert!(!rx.is_ready());
            assert!(matches!(rx.recv_timeout(Duration::from_millis(1)), Err(PopError::Timeout)));
            match round % 3 {
                // A short one next, a long one next, the same once more.
                0 => tx.send(message(5, round)).unwrap(),
                1 => {
                    let sender = std::thread::spawn(move || {
                        tx.send(message(2 * capacity, round)).unwrap();
                        tx
                    });
                    assert_eq!(rx.recv().unwrap(), message(2 * capacity, round));
                    tx = sender.join().unwrap();
                    continue;
                }
                _ => {
                    let long = message(3 * capacity, round);
                    assert!(matches!(tx.send_timeout(long, Duration::ZERO), Err(PushError::Timeout(_))));
                    assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
                    tx.send(message(5, round)).unwrap();
                }
            }
            assert_eq!(rx.recv().unwrap(), message(5, round));
        }
        // And then the end.
        tx.send_bytes_timeout(&message(3 * capacity, 1), Duration::ZERO).unwrap_err();
        drop(tx);
        assert!(rx.is_ready() && rx.is_ready());
        assert!(matches!(rx.recv(), Err(PopError::Truncated)));
        assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
        assert!(matches!(rx.try_recv(), Err(PopError::Disconnected)));
    }
}

#[test]
fn recv_timeout_mid_message_keeps_received_part() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = of::<Vec<u8>>(256);
    let sender = std::thread::spawn(move || tx.send(message(20_000, 1)).map(|()| tx));
    let mut attempts = 0;
    let received = loop {
        attempts += 1;
        match rx.recv_timeout(Duration::from_nanos(1)) {
            Ok(received) => break received,
            Err(error) => assert!(matches!(error, PopError::Timeout), "{error:?}"),
        }
        assert!(
            matches!(rx.recv_bytes_into_timeout(&mut [], Duration::ZERO), Err(PopError::Timeout))
                || rx.is_ready()
        );
    };
    assert_eq!(received, message(20_000, 1));
    assert!(attempts > 1, "bit by bit");
    sender.join().unwrap().unwrap();
}

#[test]
fn close_mid_message_ends_send_and_recv() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = of::<Vec<u8>>(256);
    tx.send_bytes_timeout(&message(1000, 1), Duration::ZERO).unwrap_err();
    assert!(!rx.is_ready());
    rx.close();
    assert!(matches!(tx.send(message(1000, 2)), Err(PushError::Closed(_))));
    assert!(matches!(rx.recv_timeout(SOON), Err(PopError::Truncated)));
    assert!(matches!(rx.recv(), Err(PopError::Closed)));
}

#[test]
fn iter_yields_truncated_then_ends() {
    let (mut tx, rx) = of::<Vec<u8>>(256);
    tx.send(vec![1]).unwrap();
    tx.send_bytes_timeout(&message(1000, 1), Duration::ZERO).unwrap_err();
    drop(tx);
    let mut all = rx.into_iter();
    assert_eq!(all.next().unwrap().unwrap(), [1]);
    assert!(matches!(all.next(), Some(Err(PopError::Truncated))));
    assert!(all.next().is_none());
}

/// What has come of a message travels with the end.
#[test]
fn serialized_receiver_mid_message_continues() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = of::<Vec<u8>>(256);
    let sender = std::thread::spawn(move || {
        tx.send(message(3000, 1)).unwrap();
        tx.send(message(3, 2)).unwrap();
        tx
    });
    for _ in 0..4 {
        assert!(!rx.wait_timeout(Duration::from_micros(10)) || rx.is_ready());
        let text = serde_json::to_string(&rx).unwrap();
        assert!(matches!(rx.recv(), Err(PopError::HandedOver)));
        assert!(matches!(rx.recv_bytes_into(&mut []), Err(PopError::HandedOver)));
        assert!(serde_json::to_string(&rx).is_err(), "sent twice");
        rx = serde_json::from_str(&text).unwrap();
    }
    assert_eq!(rx.recv().unwrap(), message(3000, 1));
    // With a message that is all there, too, and not with one that was received.
    assert!(rx.wait_timeout(Duration::MAX));
    rx = serde_json::from_str(&serde_json::to_string(&rx).unwrap()).unwrap();
    assert_eq!(rx.recv().unwrap(), message(3, 2));
    assert!(
        serde_json::to_string(&rx).unwrap().contains("\"state\":\"Empty\",\"inbox\":[]"),
        "nothing is in hand"
    );
    drop(sender.join().unwrap());
}

#[test]
fn serialized_endpoints_keep_max_message() {
    let ends = pipe::builder().max_message(10).simplex::<Vec<u8>>().unwrap();
    let text = serde_json::to_string(&ends).unwrap();
    let (mut tx, mut rx): (Sender<Vec<u8>>, Receiver<Vec<u8>>) = serde_json::from_str(&text).unwrap();
    assert!(matches!(tx.send_bytes(&[0; 11]), Err(PushError::TooLarge { len: 11, max: 10, .. })));
    tx.send_bytes(&[0; 10]).unwrap();
    assert_eq!(rx.recv_bytes().unwrap(), [0; 10]);
}

/// Pipes over rings of one's own, whose ends others open when their holders are gone.
#[test]
fn successor_of_dropped_endpoint_starts_at_a_message() {
    let _watchdog = Watchdog::start(60);
    let name = unique("pipe-successor");
    let (tx, rx) = bytes::create(&name, 256).unwrap();
    let _segment = tx.segment().clone();
    let (mut tx, mut rx) = (Sender::<Vec<u8>>::from(tx), Receiver::<Vec<u8>>::from(rx));
    for round in 0..10 {
        tx.send_bytes_timeout(&message(1000, round), Duration::ZERO).unwrap_err();
        drop(tx);
        tx = BytesProducer::open(&name).unwrap().into();
        if round % 2 == 0 {
            assert!(!rx.is_ready());
        } else {
            // Its receiver is gone, too, with the beginning or before.
            if round % 4 == 1 {
                rx.recv_timeout(Duration::ZERO).unwrap_err();
                drop(rx);
                rx = BytesConsumer::open(&name).unwrap().into();
                let sender = std::thread::spawn(move || {
                    tx.send_bytes_timeout(&message(600, 1), Duration::from_secs(5)).map(|()| tx)
                });
                assert_eq!(rx.recv_bytes().unwrap(), message(600, 1));
                tx = sender.join().unwrap().unwrap();
            } else {
                drop(rx);
                rx = BytesConsumer::open(&name).unwrap().into();
            }
        }
        let sender = std::thread::spawn(move || {
            tx.send(message(5, round)).unwrap();
            tx
        });
        assert_eq!(rx.recv().unwrap(), message(5, round));
        tx = sender.join().unwrap();
    }
}

/// A receiver that dies in the middle of a message takes its beginning along: the rest is no message.
#[test]
fn recv_skips_rest_of_message_begun_by_predecessor() {
    let _watchdog = Watchdog::start(60);
    let name = unique("pipe-rest");
    let (tx, mut rx) = bytes::create(&name, 256).unwrap();
    let mut tx = Sender::<Vec<u8>>::from(tx);
    let sender = std::thread::spawn(move || {
        let gone = tx.send(message(1000, 1));
        (gone.is_ok(), tx)
    });
    drop(rx.read().unwrap());
    let mut rx = Receiver::<Vec<u8>>::from(rx);
    assert!(!rx.wait_timeout(SOON), "a rest");
    let (sent, mut tx) = sender.join().unwrap();
    assert!(sent, "the sender cannot know");
    tx.send(message(9, 2)).unwrap();
    assert_eq!(rx.recv().unwrap(), message(9, 2));
}
