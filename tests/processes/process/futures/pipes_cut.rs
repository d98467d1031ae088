//! Async pipes whose peer is killed, and futures that are dropped before they are ready.

use std::time::Duration;

use breezeway::pipe::{self, Receiver, Sender};
use breezeway::process::Process;
use breezeway::sync::Event;
use breezeway::{PopError, PushError};
use futures_lite::StreamExt;
use futures_lite::future::{block_on, poll_once, zip};
use support::Watchdog;
use support::numbered::message;

use super::executors::{Count, everywhere, in_one_thread, poll_with, within};

const LONG: usize = 1 << 20;

fn for_ever() {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[test]
fn recv_async_after_sender_killed_ends_disconnected() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let (tx, mut rx) = pipe::simplex::<Vec<u8>>().unwrap();
        let send = |mut tx: Sender<Vec<u8>>| {
            tx.send(message(10, 1)).unwrap();
            tx.send_bytes_timeout(&message(LONG, 2), Duration::ZERO).unwrap_err();
            for_ever();
        };
        let child = Process::spawn(send, tx).unwrap();
        assert_eq!(rx.recv_async().await.unwrap(), message(10, 1));
        let kill = async {
            futures_lite::future::yield_now().await;
            child.kill().unwrap();
        };
        let (received, ()) = zip(rx.recv_async(), kill).await;
        // It may not have come so far.
        if matches!(received, Err(PopError::Truncated)) {
            assert!(matches!(rx.recv_async().await, Err(PopError::Disconnected)));
        } else {
            assert!(matches!(received, Err(PopError::Disconnected)));
        }
        assert_eq!(child.join_async().await.unwrap(), -9);
        assert!(rx.stream().next().await.is_none());
    });
}

#[test]
fn send_async_after_receiver_killed_is_disconnected() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        for len in [10, 3 * LONG] {
            let (mut tx, rx) = pipe::simplex::<Vec<u8>>().unwrap();
            let here = Event::new().unwrap();
            let hold = |(_rx, here): (Receiver<Vec<u8>>, Event)| {
                here.set();
                for_ever();
            };
            let child = Process::spawn(hold, (rx, here.clone())).unwrap();
            here.wait_async().await.unwrap();
            let kill = async {
                futures_lite::future::yield_now().await;
                child.kill().unwrap();
            };
            let send = async {
                loop {
                    if let Err(error) = tx.send_async(message(len, 1)).await {
                        break error;
                    }
                }
            };
            match zip(send, kill).await.0 {
                PushError::Disconnected(value) => assert!(value == message(len, 1)),
                error => panic!("{error:?}"),
            }
            assert_eq!(child.join_async().await.unwrap(), -9);
        }
    });
}

#[test]
fn recv_async_dropped_loses_nothing() {
    let _watchdog = Watchdog::start(120);
    let length = |n: usize| if n.is_multiple_of(50) { LONG } else { n * 131 % 5000 };
    let send = |mut tx: Sender<Vec<u8>>| {
        for n in 0..400 {
            let length = if n % 50 == 0 { LONG } else { n * 131 % 5000 };
            tx.send(message(length, n)).unwrap();
            if n % 7 == 0 {
                std::thread::sleep(Duration::from_micros(300));
            }
        }
    };
    let (tx, mut rx) = pipe::simplex::<Vec<u8>>().unwrap();
    let child = Process::spawn(send, tx).unwrap();
    let mut dropped = 0;
    in_one_thread(async {
        for n in 0..400 {
            let received = loop {
                let first = poll_once(rx.recv_async()).await;
                match if first.is_some() { first } else { within(100, rx.recv_async()).await } {
                    Some(received) => break received.unwrap(),
                    None => dropped += 1,
                }
            };
            assert!(received == message(length(n), n), "message {n}");
        }
        assert!(matches!(rx.recv_async().await, Err(PopError::Disconnected)));
    });
    assert!(dropped > 10, "{dropped} were dropped");
    child.result().unwrap();
}

#[test]
fn recv_async_in_select_loses_nothing() {
    let _watchdog = Watchdog::start(120);
    let send = |mut tx: Sender<usize>| {
        for n in 0..3000 {
            tx.send(n).unwrap();
            if n % 100 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    };
    let [(a_tx, mut a), (b_tx, mut b)] = [(); 2].map(|()| pipe::simplex::<usize>().unwrap());
    let children = [a_tx, b_tx].map(|tx| Process::spawn(send, tx).unwrap());
    in_one_thread(async {
        let mut next = [0, 0];
        while next != [3000, 3000] {
            let (which, received) = tokio::select! {
                received = a.recv_async(), if next[0] < 3000 => (0, received),
                received = b.recv_async(), if next[1] < 3000 => (1, received),
                () = tokio::time::sleep(Duration::from_micros(200)) => continue,
            };
            assert_eq!(received.unwrap(), next[which]);
            next[which] += 1;
        }
        let (a, b) = tokio::join!(children[0].join_async(), children[1].join_async());
        assert_eq!((a.unwrap(), b.unwrap()), (0, 0));
    });
}

/// What a child receives: the lengths and numbers of whole messages.
fn receive(mut rx: Receiver<(usize, Vec<u8>)>) -> Vec<usize> {
    let mut received = Vec::new();
    while let Ok((n, bytes)) = rx.recv() {
        assert!(bytes == message(bytes.len(), n), "message {n} is whole");
        received.push(n);
        std::thread::sleep(Duration::from_micros(200));
    }
    received
}

#[test]
fn send_async_dropped_delivers_nothing() {
    let _watchdog = Watchdog::start(180);
    let (mut tx, rx) = pipe::simplex::<(usize, Vec<u8>)>().unwrap();
    let child = Process::spawn(receive, rx).unwrap();
    let mut sent = Vec::new();
    in_one_thread(async {
        for n in 0..600 {
            let length = if n % 3 == 0 { 10 } else { n * n % (LONG / 2) };
            let send = tx.send_async((n, message(length, n)));
            if let Some(result) = within(n as u64 % 500, send).await {
                result.unwrap();
                sent.push(n);
            }
        }
        tx.send_async((1000, message(LONG, 1000))).await.unwrap();
        sent.push(1000);
    });
    drop(tx);
    assert_eq!(child.result().unwrap(), sent);
    assert!((20..590).contains(&sent.len()), "{} of 600 were sent", sent.len());
}

#[test]
fn send_async_dropped_mid_message_then_next_send() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = pipe::builder().capacity(1024).simplex::<Vec<u8>>().unwrap();
    block_on(async {
        for round in 0..30 {
            assert!(poll_once(tx.send_async(message(5000, round))).await.is_none(), "there is no room");
            assert!(poll_once(rx.recv_async()).await.is_none(), "some of it is there, and is no message");
            match round % 3 {
                0 => tx.send_async(message(5, round)).await.unwrap(),
                1 => {
                    let (sent, received) = zip(tx.send_async(message(6000, round)), rx.recv_async()).await;
                    sent.unwrap();
                    assert!(received.unwrap() == message(6000, round));
                    continue;
                }
                _ => tx.try_send(message(7, round)).unwrap(),
            }
            assert_eq!(rx.recv_async().await.unwrap(), message([5, 0, 7][round % 3], round));
        }
        // And then the end.
        assert!(poll_once(tx.send_bytes_async(&message(5000, 0))).await.is_none());
        drop(tx);
        assert!(matches!(rx.recv_async().await, Err(PopError::Truncated)));
        assert!(matches!(rx.recv_async().await, Err(PopError::Disconnected)));
    });
}

#[test]
fn recv_async_send_async_dropped_are_not_woken() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = pipe::builder().capacity(1024).simplex::<Vec<u8>>().unwrap();
    let count = Count::new();
    for n in 0..20 {
        let mut receive = Box::pin(rx.recv_async());
        assert!(poll_with(&count, &mut receive).is_pending());
        drop(receive);
        let before = count.of();
        tx.send(message(10, n)).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(rx.recv().unwrap(), message(10, n));
        assert_eq!(count.of(), before);
    }
    let mut send = Box::pin(tx.send_async(message(5000, 1)));
    assert!(poll_with(&count, &mut send).is_pending());
    drop(send);
    let before = count.of();
    assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(count.of(), before);
}
