//! Each awaitable type under every executor, with tasks at both ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breezeway::queue::{JoinableQueue, MessageQueue, Queue, bytes, spsc};
use breezeway::sync::{BoundedSemaphore, Event, Semaphore};
use breezeway::{PopError, PushError};
use futures_lite::StreamExt;
use support::Watchdog;
use support::executors::{Executor, Task, block_on, pause};
use support::ledger::ReceiptLedger;

const PRODUCERS: u64 = 3;
const EACH: u64 = 400;

/// Runs the tasks that this makes under each executor.
fn under_each(tasks: impl Fn() -> Vec<Task>) {
    let _watchdog = Watchdog::start(120);
    for executor in Executor::ALL {
        executor.run(tasks());
    }
}

fn task(future: impl Future<Output = ()> + Send + 'static) -> Task {
    Box::pin(future)
}

/// What producers do: each pushes its numbers, and the last one closes.
fn producers<F: Future<Output = ()> + Send + 'static>(
    push: impl Fn(u64) -> F + Clone + Send + Sync + 'static,
    close: impl Fn() + Clone + Send + 'static,
) -> impl Iterator<Item = Task> {
    let left = Arc::new(AtomicUsize::new(PRODUCERS as usize));
    (0..PRODUCERS).map(move |producer| {
        let (push, close, left) = (push.clone(), close.clone(), Arc::clone(&left));
        task(async move {
            for n in producer * EACH..(producer + 1) * EACH {
                push(n).await;
                if n % 7 == 0 {
                    pause().await;
                }
            }
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                close();
            }
        })
    })
}

/// The last of all checks that nothing is missing.
fn checked(ledger: &ReceiptLedger, tasks: impl Iterator<Item = Task>) -> Vec<Task> {
    let tasks: Vec<Task> = tasks.collect();
    let left = Arc::new(AtomicUsize::new(tasks.len()));
    let check = |inner: Task| {
        let (left, ledger) = (Arc::clone(&left), ledger.clone());
        task(async move {
            inner.await;
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                ledger.is_complete();
            }
        })
    };
    tasks.into_iter().map(check).collect()
}

#[test]
fn mpmc_push_pop_lease_async_on_every_executor() {
    under_each(|| {
        let queue = Queue::<u64>::new(4).unwrap();
        let ledger = ReceiptLedger::of(PRODUCERS * EACH);
        let (to_push, to_close) = (queue.clone(), queue.clone());
        let push = move |n| {
            let queue = to_push.clone();
            async move { queue.push_async(n).await.unwrap() }
        };
        let close = move || assert!(to_close.close());
        let consumers = [
            task({
                let (queue, ledger) = (queue.clone(), ledger.clone());
                async move {
                    loop {
                        match queue.pop_async().await {
                            Ok(n) => ledger.take(n),
                            Err(error) => break assert!(matches!(error, PopError::Closed)),
                        }
                    }
                }
            }),
            task({
                let (queue, ledger) = (queue.clone(), ledger.clone());
                async move {
                    while let Ok(lease) = queue.lease_async().await {
                        pause().await;
                        if *lease % 3 == 0 && !lease.redelivered() {
                            continue; // Somebody else's then.
                        }
                        ledger.take(*lease);
                        lease.ack().unwrap();
                    }
                }
            }),
            task({
                let ledger = ledger.clone();
                async move {
                    let mut items = queue.stream();
                    while let Some(n) = items.next().await {
                        ledger.take(n.unwrap());
                    }
                    assert!(items.next().await.is_none(), "its end is its end");
                }
            }),
        ];
        checked(&ledger, consumers.into_iter().chain(producers(push, close)))
    });
}

#[test]
fn message_push_pop_async_on_every_executor() {
    under_each(|| {
        let queue = MessageQueue::<(u64, String)>::new(4).unwrap();
        let ledger = ReceiptLedger::of(PRODUCERS * EACH);
        let (to_push, to_close) = (queue.clone(), queue.clone());
        let push = move |n| {
            let queue = to_push.clone();
            async move { queue.push_async((n, "-".repeat(n as usize % 60))).await.unwrap() }
        };
        let close = move || assert!(to_close.close());
        let check = |ledger: &ReceiptLedger, (n, text): (u64, String)| {
            assert_eq!(text.len(), n as usize % 60);
            ledger.take(n);
        };
        let consumers = [
            task({
                let (queue, ledger) = (queue.clone(), ledger.clone());
                async move {
                    while let Ok(message) = queue.pop_async().await {
                        check(&ledger, message);
                    }
                }
            }),
            task({
                let ledger = ledger.clone();
                async move {
                    let mut messages = queue.stream();
                    while let Some(message) = messages.next().await {
                        check(&ledger, message.unwrap());
                    }
                }
            }),
        ];
        checked(&ledger, consumers.into_iter().chain(producers(push, close)))
    });
}

#[test]
fn joinable_get_join_async_on_every_executor() {
    under_each(|| {
        let queue = JoinableQueue::<u64>::new(5).unwrap();
        let ledger = ReceiptLedger::of(PRODUCERS * EACH);
        let (to_push, to_join) = (queue.clone(), queue.clone());
        let push = move |n| {
            let queue = to_push.clone();
            async move { queue.push_async(n).await.unwrap() }
        };
        let done = Event::new().unwrap();
        let set = done.clone();
        let close = move || assert!(set.set());
        let workers = (0..2).map({
            let ledger = ledger.clone();
            move |_| {
                let (queue, ledger) = (queue.clone(), ledger.clone());
                task(async move {
                    while let Ok(job) = queue.lease_async().await {
                        if *job % 5 == 0 && !job.redelivered() {
                            continue; // Dropped: somebody's again.
                        }
                        ledger.take(*job);
                        pause().await;
                        job.ack().unwrap();
                    }
                })
            }
        });
        let joiner = task({
            let ledger = ledger.clone();
            async move {
                done.wait_async().await.unwrap();
                to_join.join_async().await.unwrap();
                ledger.is_complete();
                assert_eq!(to_join.unfinished(), 0);
                assert!(to_join.close());
            }
        });
        checked(&ledger, workers.chain([joiner]).chain(producers(push, close)))
    });
}

#[test]
fn spsc_push_pop_async_on_every_executor() {
    under_each(|| {
        let (mut tx, mut rx) = spsc::new::<u64>(3).unwrap();
        let producer = task(async move {
            for n in 0..3 * EACH {
                tx.push_async(n).await.unwrap();
            }
        });
        let consumer = task(async move {
            let mut batch = [0; 2];
            let mut next = 0;
            while next < EACH {
                let count = rx.pop_slice_async(&mut batch).await.unwrap();
                batch[..count].iter().for_each(|n| {
                    assert_eq!(*n, next);
                    next += 1;
                });
            }
            while next < 2 * EACH {
                assert_eq!(rx.pop_async().await.unwrap(), next);
                next += 1;
            }
            assert_eq!(rx.stream().next().await.unwrap().unwrap(), next);
            let rest: Vec<u64> = rx.into_stream().try_collect().await.unwrap();
            assert_eq!(rest, (next + 1..3 * EACH).collect::<Vec<_>>());
        });
        vec![producer, consumer]
    });
}

#[test]
fn bytes_push_read_async_on_every_executor() {
    under_each(|| {
        let (mut tx, mut rx) = bytes::new(256).unwrap();
        let message = |n: u64| vec![n as u8; n as usize * 7 % 90];
        let producer = task(async move {
            for n in 0..EACH {
                if n % 2 == 0 {
                    tx.push_async(&message(n)).await.unwrap();
                } else {
                    let bytes = message(n);
                    let mut reserved = tx.reserve_async(bytes.len()).await.unwrap();
                    reserved.copy_from_slice(&bytes);
                    reserved.commit(bytes.len());
                }
            }
            let error = tx.push_async(&[0; 10_000]).await;
            assert!(matches!(error, Err(PushError::TooLarge { .. })));
        });
        let consumer = task(async move {
            for n in 0..EACH {
                assert_eq!(rx.read_async().await.unwrap()[..], message(n));
            }
            assert!(matches!(rx.read_async().await, Err(PopError::Disconnected)));
        });
        vec![producer, consumer]
    });
}

#[test]
fn event_wait_async_on_every_executor() {
    under_each(|| {
        let [go, back] = [(); 2].map(|()| Event::new().unwrap());
        let arrived = Arc::new(AtomicUsize::new(0));
        const WAITERS: usize = 10;
        let waiter = |_| {
            let (go, back, arrived) = (go.clone(), back.clone(), Arc::clone(&arrived));
            task(async move {
                for _ in 0..20 {
                    go.wait_async().await.unwrap();
                    arrived.fetch_add(1, Ordering::SeqCst);
                    back.wait_async().await.unwrap();
                    arrived.fetch_sub(1, Ordering::SeqCst);
                }
            })
        };
        let waiters: Vec<Task> = (0..WAITERS).map(waiter).collect();
        let caller = task(async move {
            let wait_for = async |count| {
                while arrived.load(Ordering::SeqCst) != count {
                    pause().await;
                }
            };
            for _ in 0..20 {
                assert!(go.set());
                wait_for(WAITERS).await;
                assert!(go.clear());
                assert!(back.set());
                wait_for(0).await;
                assert!(back.clear());
            }
        });
        waiters.into_iter().chain([caller]).collect()
    });
}

#[test]
fn semaphore_acquire_async_on_every_executor() {
    const PERMITS: usize = 2;
    under_each(|| {
        let semaphore = Semaphore::new(PERMITS).unwrap();
        let bounded = BoundedSemaphore::new(PERMITS).unwrap();
        let inside: Arc<[AtomicUsize; 2]> = Arc::default();
        let visitor = |_| {
            let (semaphore, bounded, inside) = (semaphore.clone(), bounded.clone(), Arc::clone(&inside));
            task(async move {
                for _ in 0..60 {
                    let permit = semaphore.acquire_async().await.unwrap();
                    assert!(inside[0].fetch_add(1, Ordering::SeqCst) < PERMITS);
                    pause().await;
                    inside[0].fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                    let permit = bounded.acquire_async().await.unwrap();
                    assert!(inside[1].fetch_add(1, Ordering::SeqCst) < PERMITS);
                    pause().await;
                    inside[1].fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        };
        (0..7).map(visitor).collect()
    });
}

#[test]
fn async_operations_ready_at_once_complete() {
    let _watchdog = Watchdog::start(60);
    block_on(async {
        let queue = Queue::<u64>::new(1).unwrap();
        queue.push_async(1).await.unwrap();
        assert_eq!(queue.pop_async().await.unwrap(), 1);
        assert!(queue.close());
        assert!(matches!(queue.pop_async().await, Err(PopError::Closed)));
        assert!(matches!(queue.push_async(2).await, Err(PushError::Closed(2))));
        let event = Event::new().unwrap();
        event.set();
        event.wait_async().await.unwrap();
    });
}

#[tokio::test]
async fn pop_async_in_select_over_two_queues_loses_nothing() {
    const COUNT: u64 = 2000;
    let _watchdog = Watchdog::start(60);
    let queues = [(); 2].map(|()| Queue::<u64>::new(3).unwrap());
    let ledger = ReceiptLedger::of(2 * COUNT);
    let threads = [0, 1].map(|which| {
        let queue: Queue<u64> = queues[which as usize].clone();
        std::thread::spawn(move || (0..COUNT).for_each(|n| queue.push(which * COUNT + n).unwrap()))
    });
    let [one, other] = &queues;
    for _ in 0..2 * COUNT {
        tokio::select! {
            n = one.pop_async() => ledger.take(n.unwrap()),
            n = other.pop_async() => ledger.take(n.unwrap()),
        }
    }
    ledger.is_complete();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[tokio::test]
async fn pop_async_push_async_acquire_async_in_tokio_timeout() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(1).unwrap();
    let semaphore = Semaphore::new(1).unwrap();
    let briefly = Duration::from_millis(20);
    let _permit = semaphore.acquire_async().await.unwrap();
    for n in 0..5 {
        assert!(tokio::time::timeout(briefly, queue.pop_async()).await.is_err());
        assert!(tokio::time::timeout(briefly, semaphore.acquire_async()).await.is_err());
        queue.push_async(n).await.unwrap();
        assert!(tokio::time::timeout(briefly, queue.push_async(99)).await.is_err());
        assert_eq!(queue.pop_async().await.unwrap(), n);
        assert!(queue.is_empty());
    }
}
