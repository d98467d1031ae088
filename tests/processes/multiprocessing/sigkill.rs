//! What CPython cannot pass: a SIGKILL in the middle of each thing. Nobody hangs, and nothing is lost or there twice.

use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::{Pool, Process};
use breezeway::queue::MessageQueue;
use breezeway::sync::{Barrier, Condvar, Event, Mutex};
use breezeway::{Atomic, BarrierError, LockError, TaskError};
use rustix::process::{Pid, Signal, kill_process};
use support::Watchdog;
use support::process::until;

use super::{SOON, for_ever};

const ROUNDS: u64 = 12;

/// Kills a child that is at it, at another time each round.
fn kill_at_it<R>(child: &Process<R>, round: u64) {
    sleep(Duration::from_micros(round * 170));
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), -9);
}

/// gh-88304: whoever is killed at a `put` wedges CPython's queue.
#[test]
fn put() {
    let _watchdog = Watchdog::start(120);
    let put = |queue: MessageQueue<(u64, String)>| {
        for n in 0_u64.. {
            queue.push((n, "breeze".repeat(n as usize % 50))).unwrap();
        }
    };
    for round in 0..ROUNDS {
        let queue = MessageQueue::<(u64, String)>::new(1000).unwrap();
        let child = Process::builder().daemon(true).spawn(put, queue.clone()).unwrap();
        let first = queue.pop().unwrap();
        kill_at_it(&child, round);
        // Whole ones, each once and in order.
        let rest = std::iter::from_fn(|| queue.try_pop().ok());
        let all: Vec<_> = std::iter::once(first).chain(rest).collect();
        assert!(all.iter().zip(0..).all(|((n, text), at)| *n == at && text.len() == at as usize % 50 * 6));
        // And then ours, of which all fit in: the dead one keeps no slot.
        (0..1000).for_each(|n| queue.try_push((n, String::new())).unwrap());
        assert!((0..1000).all(|n| queue.try_pop().unwrap().0 == n));
    }
}

/// gh-87971, gh-96062: at a `get`.
#[test]
fn get() {
    let _watchdog = Watchdog::start(120);
    let get = |(queue, taken): (MessageQueue<u64>, Atomic<u64>)| {
        while let Ok(n) = queue.pop() {
            taken.store(n + 1, Relaxed);
        }
    };
    for round in 0..ROUNDS {
        let (queue, taken) = (MessageQueue::<u64>::new(4000).unwrap(), Atomic::<u64>::new(0).unwrap());
        (0..4000).for_each(|n| queue.push(n).unwrap());
        let child = Process::builder().daemon(true).spawn(get, (queue.clone(), taken.clone())).unwrap();
        until(|| taken.load(Relaxed) > 0);
        kill_at_it(&child, round);
        queue.close();
        let rest: Vec<u64> = std::iter::from_fn(|| queue.pop().ok()).collect();
        // All that the dead one had not taken: at most the one it was at is gone with it.
        let (taken, first) = (taken.load(Relaxed), rest.first().map_or(4000, |first| *first));
        assert!(first == taken || first == taken + 1, "{taken} taken, {first} is next");
        assert!(rest.into_iter().eq(first..4000));
    }
}

#[test]
fn lock() {
    let _watchdog = Watchdog::start(120);
    // Holding it.
    let (mutex, is_locked) = (Mutex::new().unwrap(), Event::new().unwrap());
    let hold = |(mutex, is_locked): (Mutex, Event)| {
        let _guard = mutex.lock().unwrap();
        is_locked.set();
        for_ever();
    };
    let child = Process::builder().daemon(true).spawn(hold, (mutex.clone(), is_locked.clone())).unwrap();
    is_locked.wait().unwrap();
    assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
    child.kill().unwrap();
    assert!(mutex.lock().unwrap().recovered(), "the next one is told");
    // Taking it and giving it back.
    let turn = |(mutex, turns): (Mutex, Atomic<u64>)| {
        while let Ok(_guard) = mutex.lock() {
            turns.fetch_add(1, Relaxed);
        }
    };
    let turns = Atomic::<u64>::new(0).unwrap();
    for round in 0..ROUNDS {
        let before = turns.load(Relaxed);
        let child = Process::builder().daemon(true).spawn(turn, (mutex.clone(), turns.clone())).unwrap();
        until(|| turns.load(Relaxed) > before);
        kill_at_it(&child, round);
        drop(mutex.lock().unwrap());
        assert!(!mutex.lock().unwrap().recovered());
    }
}

/// gh-75158: `notify_all` waits for sleepers who are dead.
#[test]
fn notify() {
    let _watchdog = Watchdog::start(120);
    type Handles = (Mutex, Condvar, Atomic<bool>, Atomic<u64>);
    let handles: Handles = (
        Mutex::new().unwrap(),
        Condvar::new().unwrap(),
        Atomic::new(false).unwrap(),
        Atomic::new(0).unwrap(),
    );
    let (mutex, condvar, is_over, count) = handles.clone();
    let wait = |(mutex, condvar, is_over, count): Handles| {
        let guard = mutex.lock().unwrap();
        count.fetch_add(1, Relaxed);
        drop(condvar.wait_while(guard, || !is_over.load(Relaxed)).unwrap());
    };
    let notify = |(mutex, condvar, _, count): Handles| {
        while let Ok(_guard) = mutex.lock() {
            condvar.notify_all();
            count.fetch_add(1, Relaxed);
        }
    };
    // One sleeper dies, one lives; and notifiers die in the middle of it.
    let sleepers = [(); 2].map(|()| Process::builder().daemon(true).spawn(wait, handles.clone()).unwrap());
    until(|| count.load(Relaxed) == 2);
    sleepers[0].kill().unwrap();
    assert_eq!(sleepers[0].join().unwrap(), -9);
    for round in 0..ROUNDS {
        let before = count.load(Relaxed);
        let notifier = Process::builder().daemon(true).spawn(notify, handles.clone()).unwrap();
        until(|| count.load(Relaxed) > before);
        kill_at_it(&notifier, round);
    }
    let guard = mutex.lock().unwrap();
    is_over.store(true, Relaxed);
    condvar.notify_all();
    drop(guard);
    assert_eq!(sleepers[1].join().unwrap(), 0);
}

/// gh-123899: the others wait for a dead party for ever.
#[test]
fn barrier() {
    let _watchdog = Watchdog::start(120);
    let barrier = Barrier::new(3).unwrap();
    let wait = |barrier: Barrier| matches!(barrier.wait(), Err(BarrierError::Broken));
    let [victim, survivor] = [(); 2].map(|()| Process::spawn(wait, barrier.clone()).unwrap());
    until(|| barrier.waiting() == 2);
    victim.kill().unwrap();
    assert!(survivor.result().unwrap(), "it is broken, and says so");
    assert!(matches!(barrier.wait(), Err(BarrierError::Broken)));
    barrier.reset();
    // And it can be used again.
    let pass = |barrier: Barrier| barrier.wait().unwrap().index();
    let others = [(); 2].map(|()| Process::spawn(pass, barrier.clone()).unwrap());
    let mut all = vec![barrier.wait().unwrap().index()];
    all.extend(others.map(|other| other.result().unwrap()));
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}

/// gh-66587: the pool never hears of the task again.
#[test]
fn pool_task() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let pids = MessageQueue::<u32>::new(16).unwrap();
    let stay = |pids: MessageQueue<u32>| {
        pids.push(std::process::id()).unwrap();
        for_ever();
    };
    for _ in 0..3 {
        let task = pool.submit(stay, pids.clone()).unwrap();
        let others = pool.submit_map(|x: u64| x + 1, 0..100).unwrap();
        let victim = Pid::from_raw(pids.pop().unwrap() as i32).unwrap();
        assert!(matches!(task.get_timeout(SOON), Err(TaskError::Timeout)));
        kill_process(victim, Signal::KILL).unwrap();
        assert!(matches!(task.get(), Err(TaskError::WorkerDied { signal: 9 })), "this one task");
        assert!(others.get().unwrap().into_iter().eq(1..101), "and no other");
    }
    pool.close();
    pool.join().unwrap();
}
