//! Async pipes between living processes.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use breezeway::pipe::{self, Connection, Receiver, Sender};
use breezeway::process::Process;
use breezeway::{PopError, PushError};
use futures_lite::StreamExt;
use futures_lite::future::{block_on, zip};
use serde::{Deserialize, Serialize, Serializer};
use support::Watchdog;
use support::numbered::message;

use super::executors::{everywhere, in_one_thread, within};

/// More than any ring here.
const LARGE: usize = 3 << 20;

type Echo = Connection<Vec<u8>, Vec<u8>>;

fn blocking_echo(mut end: Echo) {
    while let Ok(bytes) = end.recv() {
        end.send(bytes).unwrap();
    }
}

fn async_echo(mut end: Echo) {
    block_on(async {
        while let Ok(bytes) = end.recv_async().await {
            end.send_async(bytes).await.unwrap();
        }
    });
}

#[test]
fn send_async_recv_async_duplex_short_and_long() {
    let _watchdog = Watchdog::start(180);
    everywhere(|| async {
        for echo in [blocking_echo, async_echo] {
            let (mut here, there) = pipe::duplex().unwrap();
            let child = Process::spawn(echo, there).unwrap();
            for (n, len) in [0, 1, 100, 16_000, 17_000, 70_000, LARGE, 5, LARGE + 1].into_iter().enumerate() {
                here.send_async(message(len, n)).await.unwrap();
                assert!(here.recv_async().await.unwrap() == message(len, n), "{len} bytes");
            }
            for n in 0..500 {
                here.send_async(message(n, n)).await.unwrap();
                assert_eq!(here.recv_async().await.unwrap(), message(n, n));
            }
            drop(here);
            child.result_async().await.unwrap();
        }
    });
}

/// More on the way than the rings hold: nobody waits for the other for ever, because one task sends while another receives.
#[test]
fn send_async_recv_async_concurrently_both_ways() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let (here, there) = pipe::duplex::<Vec<u8>, Vec<u8>>().unwrap();
        let child = Process::spawn(async_echo, there).unwrap();
        let (mut tx, mut rx) = here.split();
        let lengths = || (0..300).map(|n| n * n % 40_000);
        let send = async {
            for (n, len) in lengths().enumerate() {
                tx.send_async(message(len, n)).await.unwrap();
            }
        };
        let receive = async {
            for (n, len) in lengths().enumerate() {
                assert!(rx.recv_async().await.unwrap() == message(len, n), "message {n}");
            }
        };
        zip(send, receive).await;
        drop((tx, rx));
        assert_eq!(child.join_async().await.unwrap(), 0);
    });
}

#[test]
fn send_bytes_async_recv_bytes_async_round_trip() {
    let _watchdog = Watchdog::start(60);
    let echo = |mut end: Connection<(), ()>| {
        block_on(async {
            while let Ok(bytes) = end.recv_bytes_async().await {
                end.send_bytes_async(&bytes).await.unwrap();
            }
        });
    };
    let (mut here, there) = pipe::duplex::<(), ()>().unwrap();
    let child = Process::spawn(echo, there).unwrap();
    block_on(async {
        let mut space = vec![0; LARGE];
        for (n, len) in [0, 7, 70_000, LARGE].into_iter().enumerate() {
            here.send_bytes_async(&message(len, n)).await.unwrap();
            let expected = message(len, n);
            if len > 0 {
                let short = here.recv_bytes_into_async(&mut space[..len - 1]).await;
                assert!(matches!(short, Err(PopError::TooShort { len: there }) if there == len));
            }
            if n % 2 == 0 {
                assert!(here.recv_bytes_async().await.unwrap() == expected);
            } else {
                assert_eq!(here.recv_bytes_into_async(&mut space).await.unwrap(), len);
                assert!(space[..len] == expected);
            }
        }
    });
    drop(here);
    child.result().unwrap();
}

#[test]
fn stream_ends_when_sender_is_dropped() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let produce = |mut tx: Sender<(usize, Vec<u8>)>| {
            for n in 0..1000 {
                tx.send((n, message(n * 37 % 3000, n))).unwrap();
                if n % 100 == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        };
        let (tx, mut rx) = pipe::builder().capacity(4096).simplex().unwrap();
        let child = Process::spawn(produce, tx).unwrap();
        {
            let mut first = rx.stream();
            for n in 0..10 {
                assert_eq!(first.next().await.unwrap().unwrap(), (n, message(n * 37 % 3000, n)));
            }
        }
        let mut rest = rx.into_stream();
        for n in 10..1000 {
            assert_eq!(rest.next().await.unwrap().unwrap(), (n, message(n * 37 % 3000, n)));
        }
        assert!(rest.next().await.is_none());
        assert!(rest.next().await.is_none(), "it stays over");
        child.result_async().await.unwrap();
    });
}

#[test]
fn stream_continues_after_decode_error() {
    let (mut tx, rx) = pipe::simplex::<u8>().unwrap();
    block_on(async {
        tx.send_bytes_async(&[1, 2, 3]).await.unwrap();
        tx.send_async(4).await.unwrap();
        drop(tx);
        let mut rx = rx.into_stream();
        assert!(matches!(rx.next().await, Some(Err(PopError::Decode { .. }))));
        assert_eq!(rx.next().await.unwrap().unwrap(), 4);
        assert!(rx.next().await.is_none());
    });
}

#[test]
fn send_async_errors_return_the_value() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, rx) = pipe::builder().capacity(256).max_message(10_000).simplex::<Vec<u8>>().unwrap();
    block_on(async {
        match tx.send_async(message(20_000, 1)).await {
            Err(PushError::TooLarge { value, max: 10_000, .. }) => assert_eq!(value, message(20_000, 1)),
            sent => panic!("{sent:?}"),
        }
        assert!(matches!(tx.send_bytes_async(&[0; 10_001]).await, Err(PushError::TooLarge { .. })));
        let close = async {
            futures_lite::future::yield_now().await;
            rx.close();
        };
        match zip(tx.send_async(message(9000, 2)), close).await.0 {
            Err(PushError::Closed(value)) => assert_eq!(value, message(9000, 2)),
            sent => panic!("{sent:?}"),
        }
        let text = serde_json::to_string(&tx).unwrap();
        assert!(matches!(tx.send_async(vec![1]).await, Err(PushError::HandedOver(value)) if value == [1]));
        drop(text);
    });
}

/// What is encoded may be given away by that, so it must not be encoded twice.
#[test]
fn send_async_encodes_message_once() {
    static ENCODED: AtomicU32 = AtomicU32::new(0);
    #[derive(Deserialize)]
    struct Counted(#[allow(dead_code)] u8);
    impl Serialize for Counted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            ENCODED.fetch_add(1, Ordering::Relaxed);
            self.0.serialize(serializer)
        }
    }
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = pipe::builder().capacity(256).simplex::<(Counted, Vec<u8>)>().unwrap();
    for (round, len) in [10, 100, 10_000, 20, 30_000].into_iter().enumerate() {
        in_one_thread(async {
            // No room at first; then some, and again none.
            let before = std::iter::from_fn(|| tx.try_send_bytes(&[0; 40]).ok()).count();
            let send = tx.send_async((Counted(7), message(len, round)));
            let receive = async {
                for _ in 0..before {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    assert_eq!(rx.recv_bytes_async().await.unwrap().len(), 40);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert!(rx.recv_async().await.unwrap().1 == message(len, round));
            };
            let (sent, ()) = tokio::join!(send, receive);
            sent.unwrap();
        });
        assert_eq!(ENCODED.swap(0, Ordering::Relaxed), 1);
    }
}

/// An end in a message that has to wait, and is then a long one.
#[test]
fn send_async_message_containing_sender() {
    let _watchdog = Watchdog::start(60);
    let answer = |mut rx: Receiver<(Sender<u64>, Vec<u8>)>| {
        while let Ok((mut tx, bytes)) = rx.recv() {
            tx.send(bytes.iter().map(|byte| u64::from(*byte)).sum()).unwrap();
        }
    };
    let (mut tx, rx) = pipe::simplex().unwrap();
    let child = Process::spawn(answer, rx).unwrap();
    in_one_thread(async {
        for len in [10, 1_000_000] {
            let (there, mut here) = pipe::simplex().unwrap();
            let sum: u64 = message(len, 3).iter().map(|byte| u64::from(*byte)).sum();
            tx.send_async((there, message(len, 3))).await.unwrap();
            assert_eq!(here.recv_async().await.unwrap(), sum);
            assert!(matches!(here.recv_async().await, Err(PopError::Disconnected)));
        }
    });
    drop(tx);
    child.result().unwrap();
}

/// Nobody who sends without end has a task to itself.
#[test]
fn recv_async_yields_during_long_message() {
    let _watchdog = Watchdog::start(60);
    let endless = |mut tx: Sender<Vec<u8>>| {
        let long = vec![7; 64 << 20];
        while tx.send_bytes(&long).is_ok() {}
    };
    let (tx, mut rx) = pipe::simplex().unwrap();
    let child = Process::spawn(endless, tx).unwrap();
    in_one_thread(async {
        assert!(within(20_000, rx.recv_async()).await.is_none());
        assert_eq!(rx.recv_bytes_async().await.unwrap().len(), 64 << 20);
    });
    drop(rx);
    child.result().unwrap();
}

/// Futures of what other threads may have, but need not see, go from thread to thread.
#[test]
fn send_async_recv_async_futures_are_send() {
    fn is_send<F: Send>(_: &F) {}
    let (mut tx, mut rx) = pipe::simplex::<Cell<u8>>().unwrap();
    let (future, other) = (tx.send_async(Cell::new(1)), rx.recv_async());
    is_send(&future);
    is_send(&other);
}
