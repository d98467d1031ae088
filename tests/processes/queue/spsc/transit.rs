//! Endpoints whose serialised bytes are never decoded: they come back, or their peers learn that they are gone.

use std::time::Duration;

use breezeway::queue::spsc::{self, Producer};
use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PopError, PushError};
use support::Watchdog;

/// Longer than a waiter takes to learn of anything.
const LONG: Duration = Duration::from_secs(30);

#[test]
fn push_that_fails_gives_the_endpoint_back() {
    let _watchdog = Watchdog::start(60);
    let (tx, mut rx) = spsc::new::<u64>(4).unwrap();
    let messages = MessageQueue::<(Vec<u8>, Producer<u64>)>::new(Limits { messages: 1, bytes: 600 }).unwrap();
    let Err(PushError::TooLarge { value: (_, mut tx), .. }) = messages.push((vec![0; 1000], tx)) else {
        panic!("longer than a message can be");
    };
    tx.push(1).unwrap();
    assert_eq!(rx.pop(), Ok(1));

    let (other, _other_rx) = spsc::new::<u64>(4).unwrap();
    messages.push((Vec::new(), other)).unwrap();
    let Err(PushError::Full((_, tx))) = messages.try_push((Vec::new(), tx)) else { panic!("it is full") };
    let Err(PushError::Timeout((_, mut tx))) =
        messages.push_timeout((Vec::new(), tx), Duration::from_millis(10))
    else {
        panic!("it is full")
    };
    tx.push(2).unwrap();
    assert_eq!(rx.pop(), Ok(2));

    messages.close();
    let Err(PushError::Closed((_, tx))) = messages.push((Vec::new(), tx)) else { panic!("it is closed") };
    // Given back and dropped, it is gone as any other.
    drop(tx);
    assert_eq!(rx.pop_timeout(LONG), Err(PopError::Disconnected));
}

/// A value that cannot be encoded.
#[derive(serde::Deserialize)]
struct Unencodable;

impl serde::Serialize for Unencodable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not this one"))
    }
}

#[test]
fn push_whose_encoding_fails_gives_the_endpoint_back() {
    let _watchdog = Watchdog::start(60);
    let (tx, mut rx) = spsc::new::<u64>(4).unwrap();
    let messages = MessageQueue::<(Producer<u64>, Unencodable)>::new(4).unwrap();
    let Err(PushError::Encode { value: (mut tx, _), .. }) = messages.push((tx, Unencodable)) else {
        panic!("it cannot be encoded")
    };
    tx.push(1).unwrap();
    assert_eq!(rx.pop(), Ok(1));
    // It can travel all the same.
    let text = serde_json::to_string(&tx).unwrap();
    assert_eq!(tx.push(2), Err(PushError::HandedOver(2)));
    serde_json::from_str::<Producer<u64>>(&text).unwrap().push(2).unwrap();
    assert_eq!(rx.pop(), Ok(2));
}

#[cfg(feature = "process")]
mod arguments {
    use breezeway::TaskError;
    use breezeway::pipe;
    use breezeway::process::{Pool, Process};
    use serde::{Deserialize, Deserializer, Serialize};

    use super::*;

    /// A value that cannot be decoded.
    #[derive(Serialize)]
    struct Undecodable;

    impl<'de> Deserialize<'de> for Undecodable {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("not this one"))
        }
    }

    /// A value that kills the process which decodes it.
    #[derive(Serialize)]
    struct Deadly;

    impl<'de> Deserialize<'de> for Deadly {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            Ok(Self)
        }
    }

    #[test]
    fn spawn_whose_child_cannot_decode_disconnects_the_endpoint() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        Process::spawn(|(_, _): (Undecodable, pipe::Sender<u32>)| (), (Undecodable, tx))
            .map(drop)
            .unwrap_err();
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[test]
    fn spawn_whose_child_dies_before_decoding_disconnects_the_endpoint() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        Process::spawn(|(_, _): (Deadly, pipe::Sender<u32>)| (), (Deadly, tx)).map(drop).unwrap_err();
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));

        let (mut tx, rx) = pipe::simplex::<u32>().unwrap();
        Process::spawn(|(_, _): (Deadly, pipe::Receiver<u32>)| (), (Deadly, rx)).map(drop).unwrap_err();
        let sent = tx.send_bytes_timeout(&vec![0; 1 << 20], LONG);
        assert!(matches!(sent, Err(PushError::Disconnected(_))), "{sent:?}");
    }

    #[test]
    fn spawn_that_starts_nothing_disconnects_the_endpoint() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let mut nowhere = Process::builder().current_dir("/there/is/no/such/folder");
        nowhere.spawn(|_: pipe::Sender<u32>| (), tx).map(drop).unwrap_err();
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[test]
    fn spawn_whose_child_decodes_leaves_the_endpoint_to_it() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let child = Process::spawn(|mut tx: pipe::Sender<u32>| tx.send(7).unwrap(), tx).unwrap();
        assert_eq!(rx.recv_timeout(LONG), Ok(7));
        child.result().unwrap();
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[test]
    fn send_that_fails_gives_the_endpoint_back() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = spsc::new::<u64>(4).unwrap();
        let (mut broken, reader) = pipe::simplex::<Producer<u64>>().unwrap();
        drop(reader);
        let Err(PushError::Disconnected(mut tx)) = broken.send(tx) else { panic!("nobody receives") };
        tx.push(1).unwrap();
        assert_eq!(rx.pop(), Ok(1));
    }

    #[test]
    fn pool_task_that_no_worker_decodes_disconnects_the_endpoint() {
        let _watchdog = Watchdog::start(60);
        let pool = Pool::new(1).unwrap();
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let ended = pool.call(|(_, _): (Deadly, pipe::Sender<u32>)| (), (Deadly, tx));
        assert!(matches!(ended, Err(TaskError::WorkerDied { signal: 9 })), "{ended:?}");
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));

        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let results = pool.map(|(_, _): (Undecodable, pipe::Sender<u32>)| (), [(Undecodable, tx)]);
        assert!(matches!(results, Err(TaskError::Arguments(_))), "{results:?}");
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));

        let (mut tx, rx) = pipe::simplex::<u32>().unwrap();
        let mut results =
            pool.map_iter(|(_, _): (Undecodable, pipe::Receiver<u32>)| (), [(Undecodable, rx)]).unwrap();
        assert!(matches!(results.next(), Some(Err(TaskError::Arguments(_)))));
        let sent = tx.send_bytes_timeout(&vec![0; 1 << 20], LONG);
        assert!(matches!(sent, Err(PushError::Disconnected(_))), "{sent:?}");
        drop(results);

        // One that waits for a worker that is busy, and one that is not taken any more.
        let busy = pool.submit(|()| std::thread::sleep(Duration::from_secs(3600)), ()).unwrap();
        let [(waits, mut waits_rx), (late, mut late_rx)] = [(); 2].map(|()| pipe::simplex::<u32>().unwrap());
        let task = pool.submit(|_: pipe::Sender<u32>| (), waits).unwrap();
        pool.terminate();
        assert!(matches!(task.get(), Err(TaskError::Terminated)) && busy.get().is_err());
        assert_eq!(waits_rx.recv_timeout(LONG), Err(PopError::Disconnected));
        assert!(pool.submit(|_: pipe::Sender<u32>| (), late).is_err());
        assert_eq!(late_rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[test]
    fn pool_task_that_a_worker_decodes_leaves_the_endpoint_to_it() {
        let _watchdog = Watchdog::start(60);
        let pool = Pool::new(2).unwrap();
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        // The worker keeps it after the task has its result.
        let keep = |mut tx: pipe::Sender<u32>| {
            tx.send(7).unwrap();
            Box::leak(Box::new(tx));
        };
        pool.call(keep, tx).unwrap();
        assert_eq!(rx.recv_timeout(LONG), Ok(7));
        assert_eq!(rx.recv_timeout(Duration::from_millis(200)), Err(PopError::Timeout));
        drop(pool);
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[test]
    fn initializer_that_no_worker_decodes_disconnects_the_endpoint() {
        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let initialize = |(_, _): (Undecodable, pipe::Sender<u32>)| ();
        let pool = Pool::builder().workers(1).initializer(initialize, (Undecodable, tx)).build().unwrap();
        assert!(matches!(pool.call(|()| (), ()), Err(TaskError::Broken(_))));
        drop(pool);
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));
    }

    #[cfg(feature = "async")]
    #[test]
    fn send_async_that_fails_or_is_dropped_delivers_no_endpoint() {
        use std::future::Future;
        use std::pin::pin;
        use std::task::{Context, Waker};

        let _watchdog = Watchdog::start(60);
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let (mut broken, reader) = pipe::simplex::<(pipe::Sender<u32>, Vec<u8>)>().unwrap();
        drop(reader);
        let sent = breezeway::block_on(broken.send_async((tx, Vec::new())));
        let Err(PushError::Disconnected((mut tx, _))) = sent else { panic!("nobody receives") };
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));

        // A message that is longer than the pipe, whose future is dropped in the middle.
        let (mut pipe, _reader) = pipe::simplex::<(pipe::Sender<u32>, Vec<u8>)>().unwrap();
        {
            let mut send = pin!(pipe.send_async((tx, vec![0; 4 << 20])));
            assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(rx.recv_timeout(Duration::from_millis(100)), Err(PopError::Timeout), "on its way");
        }
        assert_eq!(rx.recv_timeout(LONG), Err(PopError::Disconnected));

        // One that was sent is its receiver's.
        let (tx, mut rx) = pipe::simplex::<u32>().unwrap();
        let (mut pipe, mut reader) = pipe::simplex::<pipe::Sender<u32>>().unwrap();
        breezeway::block_on(pipe.send_async(tx)).unwrap();
        reader.recv().unwrap().send(2).unwrap();
        assert_eq!(rx.recv(), Ok(2));
    }
}
