//! Task handles and result streams of pools, awaited.

use std::time::Duration;

use breezeway::TaskError;
use breezeway::process::{Pool, TaskHandle};
use breezeway::queue::Queue;
use breezeway::sync::Event;
use futures_lite::StreamExt;
use futures_lite::future::{block_on, poll_once};
use rustix::process::{Pid, Signal, kill_process};
use support::Watchdog;
use support::locking::poll_when_called;
use support::process::until;

use super::executors::{Count, everywhere, in_one_thread, poll_with, within};

fn square(x: u64) -> u64 {
    x * x
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
}

/// A task that waits, and the event it waits for.
fn waiting(pool: &Pool) -> (TaskHandle<u32>, Event) {
    let event = Event::new().unwrap();
    let wait = |event: Event| {
        event.wait().unwrap();
        7
    };
    (pool.submit(wait, event.clone()).unwrap(), event)
}

#[test]
fn task_handle_await_many_together() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let pool = Pool::new(2).unwrap();
        let [a, b, c] = [3, 4, 5].map(|x| pool.submit(square, x).unwrap());
        let all = pool.submit_map(square, 0..100).unwrap();
        let (c, b, a, all) = tokio::join!(c, b, a, all);
        assert_eq!([a, b, c].map(Result::unwrap), [9, 16, 25]);
        assert!(all.unwrap().into_iter().eq((0..100).map(square)));
        let tasks: Vec<_> = (0..500).map(|x| pool.submit(square, x).unwrap()).collect();
        for (x, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), square(x as u64));
        }
        assert!(pool.submit_map(square, []).unwrap().await.unwrap().is_empty());
    });
}

#[test]
fn task_handle_await_worker_died_and_exited() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::builder().workers(2).build().unwrap();
    let maybe = |x: u64| {
        match x {
            1 => kill(std::process::id()),
            2 => std::process::exit(7),
            _ => {}
        }
        x
    };
    in_one_thread(async {
        let [a, b, c] = [1, 2, 3].map(|x| pool.submit(maybe, x).unwrap());
        let (a, b, c) = tokio::join!(a, b, c);
        assert!(matches!(a, Err(TaskError::WorkerDied { signal: 9 })), "{a:?}");
        assert!(matches!(b, Err(TaskError::Exited { code: 7 })), "{b:?}");
        assert_eq!(c.unwrap(), 3);
        assert!(pool.submit_map(maybe, 0..10).unwrap().await.is_err());
    });
}

#[test]
fn task_handle_await_after_worker_killed() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let pool = Pool::new(1).unwrap();
        let pids = Queue::<u32>::new(4).unwrap();
        let hang = |pids: Queue<u32>| {
            pids.push(std::process::id()).unwrap();
            std::thread::sleep(Duration::from_secs(3600));
        };
        let task = pool.submit(hang, pids.clone()).unwrap();
        let next = pool.submit(square, 5).unwrap();
        let end = async { kill(pids.pop_async().await.unwrap()) };
        let (task, (), next) = tokio::join!(task, end, next);
        assert!(matches!(task, Err(TaskError::WorkerDied { signal: 9 })), "{task:?}");
        assert_eq!(next.unwrap(), 25);
    });
}

#[test]
fn task_handle_await_after_terminate() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let pool = Pool::new(1).unwrap();
        let (first, _event) = waiting(&pool);
        let (second, _event) = waiting(&pool);
        let end = async {
            futures_lite::future::yield_now().await;
            pool.terminate();
        };
        let (first, second, ()) = tokio::join!(first, second, end);
        assert!(matches!(first, Err(TaskError::Terminated)), "{first:?}");
        assert!(matches!(second, Err(TaskError::Terminated)), "{second:?}");
    });
}

#[test]
fn task_handle_await_dropped_and_repeated() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let (mut task, event) = waiting(&pool);
    in_one_thread(async {
        for micros in 0..100 {
            assert!(within(micros * 10, &mut task).await.is_none());
            assert!(!task.is_ready());
        }
        event.set();
        assert_eq!((&mut task).await.unwrap(), 7);
        assert_eq!(task.is_successful(), Some(true));
        assert!(matches!((&mut task).await, Err(TaskError::AlreadyTaken)), "it is given once");
        let task = pool.submit(square, 9).unwrap();
        assert_eq!(task.get_timeout(Duration::from_secs(50)).unwrap(), 81);
        assert!(matches!(task.await, Err(TaskError::AlreadyTaken)));
        // And then as ever.
        let (mut task, event) = waiting(&pool);
        assert!(poll_once(&mut task).await.is_none());
        event.set();
        assert_eq!(task.get().unwrap(), 7);
    });
}

#[test]
fn submit_with_callback_runs_before_await_returns() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let (tell, hear) = std::sync::mpsc::channel();
    let task = pool
        .submit_with(square, 6, move |result| {
            std::thread::sleep(Duration::from_millis(5));
            tell.send(*result.as_ref().unwrap()).unwrap();
        })
        .unwrap();
    assert_eq!(block_on(task).unwrap(), 36);
    assert_eq!(hear.try_recv().unwrap(), 36);
}

#[test]
fn task_handle_dropped_is_not_woken() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let [old, new, dropped] = [(); 3].map(|()| Count::new());
    let (mut gone, gone_event) = waiting(&pool);
    let (mut stays, event) = waiting(&pool);
    assert!(poll_with(&dropped, &mut gone).is_pending());
    assert!(poll_with(&old, &mut stays).is_pending());
    assert!(poll_with(&new, &mut stays).is_pending());
    drop(gone);
    gone_event.set();
    event.set();
    until(|| new.of() > 0);
    assert_eq!((old.of(), new.of(), dropped.of()), (0, 1, 0));
    assert!(matches!(poll_with(&old, &mut stays), std::task::Poll::Ready(Ok(7))));
    pool.close();
    pool.join().unwrap();
    assert_eq!((old.of(), new.of(), dropped.of()), (0, 1, 0));
}

/// A handle that its own waker drops, on the thread that has brought the result.
#[test]
fn task_handle_dropped_by_its_own_waker() {
    use std::sync::{Arc, Mutex};
    use std::task::Wake;
    struct Drops(Mutex<Option<TaskHandle<u32>>>, std::sync::atomic::AtomicBool);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            let handle = self.0.lock().unwrap().take();
            drop(handle);
            self.1.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let (mut task, event) = waiting(&pool);
    let drops = Arc::new(Drops(Mutex::default(), std::sync::atomic::AtomicBool::default()));
    let waker = std::task::Waker::from(Arc::clone(&drops));
    let mut context = std::task::Context::from_waker(&waker);
    assert!(std::future::Future::poll(std::pin::Pin::new(&mut task), &mut context).is_pending());
    *drops.0.lock().unwrap() = Some(task);
    event.set();
    until(|| drops.1.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(pool.call(square, 3).unwrap(), 9);
}

/// It is polled where its waker wants a lock that is held over the poll.
#[test]
fn task_handle_ready_does_not_wait_for_its_waker() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let (task, event) = waiting(&pool);
    assert_eq!(poll_when_called(task, || event.set()).unwrap(), 7);
    let (wait, event) = (|event: Event| event.wait().unwrap(), Event::new().unwrap());
    let mut results = pool.map_iter(wait, [event.clone()]).unwrap().into_stream();
    assert!(poll_when_called(results.next(), || event.set()).unwrap().is_ok());
}

#[test]
fn map_iter_into_stream_yields_all_results() {
    let _watchdog = Watchdog::start(120);
    everywhere(|| async {
        let pool = Pool::builder().workers(2).window(7).build().unwrap();
        let mut endless = pool.map_iter(square, 0..).unwrap().into_stream();
        for x in 0..200 {
            assert_eq!(endless.next().await.unwrap().unwrap(), square(x));
        }
        drop(endless);
        for chunk in [1, 3] {
            let results = pool.map_iter_unordered_chunked(square, 0..100, chunk).unwrap().into_stream();
            let mut results: Vec<u64> = results.map(Result::unwrap).collect().await;
            results.sort_unstable();
            assert!(results.into_iter().eq((0..100).map(square)));
            let results = pool.map_iter_chunked(square, 0..100, chunk).unwrap().into_stream();
            let results: Vec<u64> = results.map(Result::unwrap).collect().await;
            assert!(results.into_iter().eq((0..100).map(square)));
        }
        let mut none = pool.map_iter(square, []).unwrap().into_stream();
        assert!(none.next().await.is_none());
    });
}

#[test]
fn map_iter_into_stream_yields_errors_in_place() {
    let _watchdog = Watchdog::start(60);
    let pool = Pool::new(1).unwrap();
    let maybe = |x: u32| {
        if x == 2 {
            kill(std::process::id());
        }
        x
    };
    block_on(async {
        let results: Vec<_> = pool.map_iter(maybe, 0..4).unwrap().into_stream().collect().await;
        assert!(matches!(results[..], [Ok(0), Ok(1), Err(TaskError::WorkerDied { signal: 9 }), Ok(3)]));
        let (_, event) = waiting(&pool);
        let mut results = pool.map_iter(maybe, 3..).unwrap().into_stream();
        assert!(poll_once(results.next()).await.is_none());
        event.set();
        assert_eq!(results.next().await.unwrap().unwrap(), 3);
        pool.terminate();
        while let Some(result) = results.next().await {
            assert!(matches!(result, Ok(_) | Err(TaskError::Terminated)), "{result:?}");
        }
    });
}
