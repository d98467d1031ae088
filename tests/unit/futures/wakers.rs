//! Wakers with side effects: they take long, drop their task, panic, or publish.

#![allow(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use breezeway::PopError;
use breezeway::queue::Queue;
use support::Watchdog;
use support::polled::Polled;
use support::process::until;

type Popping = Pin<Box<dyn Future<Output = Result<u64, PopError>> + Send>>;

fn popping(queue: &Queue<u64>) -> Popping {
    let queue = queue.clone();
    Box::pin(async move { queue.pop_async().await })
}

fn poll(future: &mut Popping, waker: &Waker) -> Poll<Result<u64, PopError>> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

#[derive(Default)]
struct Slow {
    has_begun: AtomicBool,
    is_done: AtomicBool,
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.has_begun.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(30));
        self.is_done.store(true, Ordering::SeqCst);
    }
}

/// Who drops a future may end what its waker needs: nobody is in the waker then.
#[test]
fn drop_of_future_waits_for_running_waker() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(2).unwrap();
    for _ in 0..3 {
        let slow = Arc::new(Slow::default());
        let mut future = popping(&queue);
        assert!(poll(&mut future, &Arc::clone(&slow).into()).is_pending());
        queue.push(7).unwrap();
        until(|| slow.has_begun.load(Ordering::SeqCst));
        drop(future);
        assert!(slow.is_done.load(Ordering::SeqCst), "the call goes on behind the drop");
        assert_eq!(queue.try_pop().unwrap(), 7);
    }
}

/// Has the task, and does something with it when it is called.
struct Owner {
    task: Mutex<Option<Popping>>,
    polls: bool,
    found: Mutex<Option<u64>>,
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        let mut task = self.task.lock().unwrap().take();
        if let Some(task) = task.as_mut().filter(|_| self.polls)
            && let Poll::Ready(found) = poll(task, Waker::noop())
        {
            *self.found.lock().unwrap() = Some(found.unwrap());
        }
        drop(task);
    }
}

#[test]
fn waker_polls_or_drops_its_own_task() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(2).unwrap();
    for polls in [true, false, true, false] {
        let mut future = popping(&queue);
        let owner = Arc::new(Owner { task: Mutex::default(), polls, found: Mutex::default() });
        assert!(poll(&mut future, &Arc::clone(&owner).into()).is_pending());
        *owner.task.lock().unwrap() = Some(future);
        queue.push(7).unwrap();
        if polls {
            until(|| owner.found.lock().unwrap().is_some());
        } else {
            until(|| owner.task.lock().unwrap().is_none());
            assert_eq!(queue.pop().unwrap(), 7);
        }
        assert!(queue.is_empty());
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        // Without the message that others would take for a failure.
        std::panic::resume_unwind(Box::new("a waker"));
    }
}

#[test]
fn waker_panic_does_not_affect_other_tasks() {
    let _watchdog = Watchdog::start(60);
    let queues = [(); 2].map(|()| Queue::<u64>::new(2).unwrap());
    let mut panicking = popping(&queues[0]);
    let other = Polled::waiting(queues[1].pop_async());
    assert!(poll(&mut panicking, &Arc::new(Panics).into()).is_pending());
    let beside = Polled::waiting(queues[0].pop_async());
    queues.iter().for_each(|queue| queue.push(7).unwrap());
    assert_eq!(other.finish().unwrap(), 7);
    // It was called first, and goes away.
    drop(panicking);
    assert_eq!(beside.finish().unwrap(), 7);
}

#[test]
fn last_registered_waker_is_woken() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(2).unwrap();
    let mut future = popping(&queue);
    let old = Arc::new(Slow::default());
    assert!(poll(&mut future, &Arc::clone(&old).into()).is_pending());
    let new = Arc::new(Slow::default());
    let has_old_been_called = old.has_begun.load(Ordering::SeqCst);
    assert!(poll(&mut future, &Arc::clone(&new).into()).is_pending());
    queue.push(7).unwrap();
    until(|| new.is_done.load(Ordering::SeqCst));
    assert!(has_old_been_called || !old.is_done.load(Ordering::SeqCst));
    assert!(poll(&mut future, Waker::noop()).is_ready());
}

/// What is published while a task is about to wait, it finds. (Its waker is cloned behind its first look, and before anybody who
/// publishes knows of it.)
#[test]
fn pop_async_checks_again_after_registering_waker() {
    /// Its data is a queue that outlives it.
    static PUBLISHES: RawWakerVTable = RawWakerVTable::new(publish, |_| {}, |_| {}, |_| {});

    fn publish(queue: *const ()) -> RawWaker {
        // SAFETY: made below, of a queue that is still there.
        let queue: &Queue<u64> = unsafe { &*queue.cast() };
        let _ = queue.try_push(7);
        RawWaker::new((&raw const *queue).cast(), &PUBLISHES)
    }

    let queue = Queue::<u64>::new(1).unwrap();
    let data = (&raw const queue).cast();
    // SAFETY: the queue may be shared between threads, and outlives the waker and its clones: they end with the future, below.
    let waker = unsafe { Waker::new(data, &PUBLISHES) };
    let mut future = popping(&queue);
    assert!(matches!(poll(&mut future, &waker), Poll::Ready(Ok(7))));
    drop(future);
}
