//! A process is killed while its tasks wait, hold a lease or a lock, or are woken. The surviving
//! processes get everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breezeway::Segment;
use breezeway::queue::Queue;
use breezeway::sync::{BoundedSemaphore, Mutex};
use support::death::kill_and_keep;
use support::executors::{Executor, LocalTask, Task, block_on, pause};
use support::ledger::ReceiptLedger;
use support::process::{kill_running, resume, stop};
use support::{Role, Watchdog, listen, role, say, unique};

const QUEUE: &str = "queue";
const PERMITS: &str = "permits";
const MUTEX: &str = "mutex";

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["borrow", name, executor] => borrow(&Segment::open(name).unwrap(), Executor::named(executor)),
        ["wait", name, executor] => wait(&Segment::open(name).unwrap(), Executor::named(executor)),
        ["take turns", name, executor] => {
            take_turns(&Segment::open(name).unwrap(), Executor::named(executor));
        }
        _ => unreachable!("{arguments:?}"),
    }
}

/// Leases values, and lets them fall again, for ever: whenever this dies, nothing of them is gone.
fn borrow(segment: &Segment, executor: Executor) {
    let queue = segment.get::<Queue<u64>>(QUEUE).unwrap();
    let task = |_| -> Task {
        let queue = queue.clone();
        Box::pin(async move {
            loop {
                let lease = queue.lease_async().await.unwrap();
                pause().await;
                drop(lease);
            }
        })
    };
    let tasks = (0..8).map(task).collect();
    say("ready");
    executor.run(tasks);
}

/// Waits for what never comes.
fn wait(segment: &Segment, executor: Executor) {
    let queue = segment.get::<Queue<u64>>(QUEUE).unwrap();
    let permits = segment.get::<BoundedSemaphore>(PERMITS).unwrap();
    let task = |n: usize| -> Task {
        let (queue, permits) = (queue.clone(), permits.clone());
        Box::pin(async move {
            if n.is_multiple_of(2) {
                core::mem::forget(queue.lease_async().await.unwrap());
            } else {
                permits.acquire_async().await.unwrap().forget();
            }
        })
    };
    let tasks = (0..8).map(task).collect();
    std::thread::spawn(move || executor.run(tasks));
    std::thread::sleep(Duration::from_millis(20));
    say("ready");
    listen();
}

/// Tasks that take the lock and permits as fast as they can.
fn take_turns(segment: &Segment, executor: Executor) {
    let mutex = segment.get::<Mutex>(MUTEX).unwrap();
    let permits = segment.get::<BoundedSemaphore>(PERMITS).unwrap();
    let task = |_| -> LocalTask {
        let (mutex, permits) = (mutex.clone(), permits.clone());
        Box::pin(async move {
            loop {
                let guard = mutex.lock_async().await.unwrap();
                pause().await;
                drop(guard);
                let permit = permits.acquire_async().await.unwrap();
                pause().await;
                drop(permit);
            }
        })
    };
    let tasks = (0..4).map(task).collect();
    say("ready");
    executor.run_here(tasks);
}

fn spawn(what: &str, name: &str, n: usize) -> Role {
    let executor = format!("{:?}", Executor::ALL[n % 4]);
    let mut child = Role::spawn(in_a_child, &[what, name, &executor]);
    assert_eq!(child.hear(), "ready");
    child
}

#[test]
fn pop_async_gets_every_message_after_lease_holder_kills() {
    const KILLS: usize = 16;
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-borrowers");
    let segment = Segment::builder().participants(8).create(&name, 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>(QUEUE, 8).unwrap();
    let count = 4000;
    let ledger = ReceiptLedger::of(count);
    let task = |n: u64| -> Task {
        let (queue, ledger) = (queue.clone(), ledger.clone());
        Box::pin(async move {
            if n == 0 {
                for number in 0..count {
                    queue.push_async(number).await.unwrap();
                    if number.is_multiple_of(16) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                queue.close();
                return;
            }
            while let Ok(number) = queue.pop_async().await {
                ledger.take(number);
            }
        })
    };
    let tasks = (0..4).map(task).collect();
    let survivors = std::thread::spawn(move || Executor::TokioOfThreads.run(tasks));
    for n in 0..KILLS {
        if queue.is_closed() {
            break;
        }
        let victim = spawn("borrow", &name, n);
        std::thread::sleep(Duration::from_micros(n as u64 * 900));
        victim.kill();
    }
    survivors.join().unwrap();
    ledger.is_complete();
}

/// Those who wait are killed, or stand still: who waits beside them is told all the same.
#[test]
fn pop_async_served_beside_dead_or_stopped_waiter() {
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-beside");
    let segment = Segment::builder().participants(16).create(&name, 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>(QUEUE, 8).unwrap();
    let permits = segment.add::<BoundedSemaphore>(PERMITS, 1).unwrap();
    for n in 0..12 {
        let permit = permits.acquire().unwrap();
        let victim = spawn("wait", &name, n);
        let waiting = {
            let (queue, permits) = (queue.clone(), permits.clone());
            std::thread::spawn(move || {
                block_on(async {
                    let number = queue.pop_async().await.unwrap();
                    drop(permits.acquire_async().await.unwrap());
                    number
                })
            })
        };
        if n % 3 == 0 {
            // What it is told of it tells nobody.
            stop(victim.pid());
        } else if n % 3 == 1 {
            kill_and_keep(&victim);
        }
        queue.push(7).unwrap();
        drop(permit);
        if n % 3 == 0 {
            std::thread::sleep(Duration::from_millis(5));
            resume(victim.pid());
        }
        // Alive, it may have either and keep it until it dies.
        victim.kill();
        assert_eq!(waiting.join().unwrap(), 7);
        segment.reap().unwrap();
        assert_eq!(permits.available(), 1);
    }
}

#[test]
fn lock_async_acquire_async_of_killed_process_released() {
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-turns");
    let segment = Segment::builder().participants(8).create(&name, 1 << 16).unwrap();
    let mutex = segment.add::<Mutex>(MUTEX, ()).unwrap();
    let permits = segment.add::<BoundedSemaphore>(PERMITS, 2).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let beside = std::thread::spawn({
        let (mutex, permits, is_over) = (mutex.clone(), permits.clone(), Arc::clone(&is_over));
        move || {
            block_on(async {
                while !is_over.load(Ordering::Relaxed) {
                    drop(mutex.lock_async().await.unwrap());
                    drop(permits.acquire_async().await.unwrap());
                }
            });
        }
    });
    for n in 0..12 {
        let victim = spawn("take turns", &name, n);
        std::thread::sleep(Duration::from_micros(n as u64 * 1700));
        kill_running(victim);
        block_on(async {
            drop(mutex.lock_async().await.unwrap());
            drop(permits.acquire_async().await.unwrap());
        });
    }
    is_over.store(true, Ordering::Relaxed);
    beside.join().unwrap();
    segment.reap().unwrap();
    assert_eq!(permits.available(), 2);
    assert!(mutex.try_lock().is_ok());
}
