//! Frames that no sender wrote give an error, never a hang or an unbounded allocation.

use std::time::Duration;

use breezeway::PopError;
use breezeway::pipe::Receiver;
use breezeway::queue::bytes::{self, BytesProducer};
use proptest::prelude::*;
use support::Watchdog;
use support::numbered::message;

use super::SOON;

const FIRST: u8 = 2;
const MORE: u8 = 3;

fn first(bytes: &[u8], total: u64) -> Vec<u8> {
    [bytes, &total.to_le_bytes(), &[FIRST]].concat()
}

fn more(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[MORE]].concat()
}

fn receiver() -> (BytesProducer, Receiver<Vec<u8>>) {
    let (tx, rx) = bytes::new(4096).unwrap();
    (tx, rx.into())
}

#[test]
fn recv_frame_of_unknown_kind_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    let frames = [
        vec![],
        vec![0],
        vec![4],
        vec![1, 2, 3, 0xff],
        vec![FIRST],
        vec![0; 7],
        [&[0; 7][..], &[FIRST]].concat(),
    ];
    for frame in frames {
        let (mut tx, mut rx) = receiver();
        tx.push(&frame).unwrap();
        tx.push(&[9, 1]).unwrap();
        // Whoever comes is told.
        for _ in 0..3 {
            assert!(matches!(rx.recv(), Err(PopError::Corrupt { .. })), "{frame:?}");
            assert!(matches!(rx.try_recv_bytes(), Err(PopError::Corrupt { .. })));
            assert!(matches!(rx.recv_bytes_timeout(SOON), Err(PopError::Corrupt { .. })));
            assert!(rx.is_ready());
        }
        let mut all = rx.iter();
        assert!(matches!(all.next(), Some(Err(PopError::Corrupt { .. }))));
        assert!(all.next().is_none());
    }
}

#[test]
fn recv_more_than_announced_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    let streams = [
        vec![first(&[1; 10], 9)],
        vec![first(&[1; 1], 0)],
        vec![first(&[1; 10], 12), more(&[2; 3])],
        vec![first(&[], 2), more(&[1]), more(&[]), more(&[1, 2])],
    ];
    for stream in streams {
        let (mut tx, mut rx) = receiver();
        stream.iter().for_each(|frame| tx.push(frame).unwrap());
        assert!(matches!(rx.recv_bytes(), Err(PopError::Corrupt { .. })), "{stream:?}");
        assert!(matches!(rx.recv_bytes(), Err(PopError::Corrupt { .. })));
    }
}

/// Whoever allocated what is claimed would be no more.
#[test]
fn recv_does_not_trust_announced_length() {
    let _watchdog = Watchdog::start(60);
    for total in [1 << 40, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        let (mut tx, mut rx) = receiver();
        tx.push(&first(&[1; 100], total)).unwrap();
        assert!(!rx.is_ready());
        for _ in 0..100 {
            tx.push(&more(&[2; 1000])).unwrap();
            assert!(matches!(rx.try_recv_bytes(), Err(PopError::Empty)));
        }
        // Another message, and that one is given up.
        tx.push(&first(&[3; 5], 10)).unwrap();
        tx.push(&more(&[4; 5])).unwrap();
        assert_eq!(rx.recv_bytes().unwrap(), [3, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
        tx.push(&first(&[1; 100], total)).unwrap();
        drop(tx);
        assert!(matches!(rx.recv_bytes(), Err(PopError::Truncated)));
        assert!(matches!(rx.recv_bytes(), Err(PopError::Disconnected)));
    }
}

#[test]
fn recv_length_beyond_max_message_returns_corrupt() {
    let (tx, rx) = breezeway::pipe::builder().capacity(4096).max_message(100).simplex::<Vec<u8>>().unwrap();
    // Its ring, by another name.
    let text = serde_json::to_string(&tx).unwrap();
    let parts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut ring: BytesProducer = serde_json::from_value(parts["writer"]["tx"].clone()).unwrap();
    let mut rx = rx;
    ring.push(&first(&[1; 10], 101)).unwrap();
    assert!(matches!(rx.recv_bytes(), Err(PopError::Corrupt { .. })));
}

/// Somebody who sends for ever what is no message keeps nobody who has no time.
#[test]
fn recv_timeout_elapses_under_flood_of_stray_frames() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = receiver();
    let flood = std::thread::spawn(move || {
        let mut frames = 0_u64;
        while tx.push(&more(&[7; 1000])).is_ok() {
            frames += 1;
        }
        frames
    });
    for _ in 0..20 {
        assert!(matches!(rx.recv_timeout(Duration::from_millis(2)), Err(PopError::Timeout)));
        assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
        assert!(!rx.is_ready());
    }
    drop(rx);
    assert!(flood.join().unwrap() > 20);
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        bytes(),
        (bytes(), 0_u64..80).prop_map(|(bytes, total)| first(&bytes, total)),
        bytes().prop_map(|bytes| more(&bytes)),
        bytes().prop_map(|bytes| [&bytes[..], &[1]].concat()),
    ]
}

/// What a receiver makes of frames, thought out naively: messages, and whether it ends in damage or in a cut.
fn messages_in(frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, &'static str) {
    let mut messages = Vec::new();
    let mut part: Option<(usize, Vec<u8>)> = None;
    for frame in frames {
        let (total, so_far, bytes) = match frame.split_last() {
            Some((1, bytes)) => (bytes.len(), vec![], bytes),
            Some((&FIRST, rest)) if rest.len() >= 8 => {
                let (bytes, total) = rest.split_at(rest.len() - 8);
                (usize::try_from(u64::from_le_bytes(total.try_into().unwrap())).unwrap(), vec![], bytes)
            }
            Some((&MORE, bytes)) => match part.take() {
                Some((total, so_far)) => (total, so_far, bytes),
                None => continue,
            },
            _ => return (messages, "damage"),
        };
        let all = [&so_far[..], bytes].concat();
        if all.len() > total {
            return (messages, "damage");
        }
        if all.len() == total {
            messages.push(all);
            part = None;
        } else {
            part = Some((total, all));
        }
    }
    (messages, if part.is_some() { "cut" } else { "end" })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recv_of_random_frames_matches_model(frames in prop::collection::vec(frame(), 0..30)) {
        let (mut tx, mut rx) = receiver();
        frames.iter().for_each(|frame| tx.push(frame).unwrap());
        drop(tx);
        let (messages, end) = messages_in(&frames);
        for message in messages {
            prop_assert_eq!(rx.recv_bytes().unwrap(), message);
        }
        let last = rx.recv_bytes().unwrap_err();
        match end {
            "damage" => prop_assert!(matches!(last, PopError::Corrupt { .. }), "{:?}", last),
            "cut" => prop_assert!(matches!(last, PopError::Truncated), "{:?}", last),
            _ => prop_assert!(matches!(last, PopError::Disconnected), "{:?}", last),
        }
    }
}

/// Typed ones decode from a private copy, or not.
#[test]
fn recv_of_random_bytes_decodes_or_returns_decode() {
    let (mut tx, mut rx) = breezeway::pipe::simplex::<Vec<(String, Option<u32>)>>().unwrap();
    for n in 0..2000 {
        tx.send_bytes(&message(n % 50, n)).unwrap();
        match rx.recv() {
            Ok(_) | Err(PopError::Decode { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
