//! Many tasks on many words, and what waiting costs. Each test counts the threads of a process of
//! its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breezeway::Segment;
use breezeway::queue::Queue;
use support::executors::{Executor, Task};
use support::ledger::ReceiptLedger;
use support::polled::Polled;
use support::process::until;
use support::waiting::ticks_of_process;
use support::{Role, Watchdog, listen, role, say};

const QUEUES: usize = 200;
const TASKS: usize = 10_000;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["wait", executor] => wait_at_many(Executor::named(executor)),
        ["unpolled"] => leave_woken_task_unpolled(),
        ["wait again"] => wait_idle_and_wait_again(),
        ["end early"] => end_early(),
        _ => unreachable!("{arguments:?}"),
    }
}

/// The threads that sleep for tasks.
fn threads() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let ids = threads.map(|thread| thread.unwrap().file_name().into_string().unwrap());
    let name =
        |id: &String| std::fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
    ids.filter(|id| name(id).trim_end() == "breezeway").collect()
}

fn wait_at_many(executor: Executor) {
    let segments: Vec<_> = (0..4).map(|_| Segment::new(1 << 20).unwrap()).collect();
    let queue = |n: usize| segments[n % 4].add::<Queue<u64>>(&n.to_string(), TASKS / QUEUES).unwrap();
    let queues: Arc<[Queue<u64>]> = (0..QUEUES).map(queue).collect();
    assert!(threads().is_empty(), "nobody waits yet");
    let ledger = ReceiptLedger::of(TASKS as u64);
    let begun = Arc::new(AtomicUsize::new(0));
    let task = |n: usize| -> Task {
        let (queues, ledger, begun) = (Arc::clone(&queues), ledger.clone(), Arc::clone(&begun));
        Box::pin(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            ledger.take(queues[n % QUEUES].pop_async().await.unwrap());
        })
    };
    let tasks = (0..TASKS).map(task).collect();
    let running = std::thread::spawn(move || executor.run(tasks));
    until(|| begun.load(Ordering::SeqCst) == TASKS);
    // And the last of them waits.
    std::thread::sleep(Duration::from_millis(300));
    let sleepers = threads();
    assert_eq!(sleepers.len(), 2, "200 words are more than the kernel takes at a time");
    let own = std::process::id().to_string();
    let before = ticks_of_process(&own);
    std::thread::sleep(Duration::from_secs(2));
    say(&format!("{}", ticks_of_process(&own) - before));
    assert_eq!(threads(), sleepers);
    for round in 0..TASKS / QUEUES {
        for (n, queue) in queues.iter().enumerate() {
            queue.push((round * QUEUES + n) as u64).unwrap();
        }
    }
    running.join().unwrap();
    ledger.is_complete();
    until(|| threads().is_empty());
}

fn many(executor: Executor) {
    let _watchdog = Watchdog::start(120);
    let mut child = Role::spawn(in_a_child, &["wait", &format!("{executor:?}")]);
    let ticks: u64 = child.hear().parse().unwrap();
    assert!(ticks < 60, "{ticks} ticks in 2 s for tasks that wait");
    assert!(child.join().success());
}

#[test]
fn ten_thousand_async_waits_on_tokio_current_thread() {
    many(Executor::TokioOfOneThread);
}

#[test]
fn ten_thousand_async_waits_on_tokio_multi_thread() {
    many(Executor::TokioOfThreads);
}

#[test]
fn ten_thousand_async_waits_on_smol() {
    many(Executor::Smol);
}

/// A task that was called, and whose executor does not come to it for long, costs nothing meanwhile.
fn leave_woken_task_unpolled() {
    let queue = Queue::<u64>::new(2).unwrap();
    let neglected = Polled::waiting(queue.pop_async());
    queue.push(7).unwrap();
    neglected.until_called();
    std::thread::sleep(Duration::from_millis(1500));
    if let [thread] = &threads()[..] {
        let before = ticks_of_process(thread);
        std::thread::sleep(Duration::from_secs(1));
        say(&format!("{}", ticks_of_process(thread) - before));
    } else {
        say("0");
    }
    assert_eq!(neglected.finish().unwrap(), 7);
    until(|| threads().is_empty());
}

#[test]
fn woken_task_not_polled_uses_no_cpu() {
    let _watchdog = Watchdog::start(60);
    let mut child = Role::spawn(in_a_child, &["unpolled"]);
    let ticks: u64 = child.hear().parse().unwrap();
    assert!(ticks < 30, "{ticks} ticks in 1 s for nothing");
    assert!(child.join().success());
}

/// The thread ends when nobody has waited for a while, and is there again when somebody does.
fn wait_idle_and_wait_again() {
    let queue = Queue::<u64>::new(2).unwrap();
    for n in 0..3 {
        assert!(threads().is_empty());
        let task = Polled::waiting(queue.pop_async());
        // A new thread is not called so at once.
        until(|| threads().len() == 1);
        queue.push(n).unwrap();
        assert_eq!(task.finish().unwrap(), n);
        until(|| threads().is_empty());
    }
    // In no time, many times over: one thread does for all.
    for n in 0..100 {
        let task = Polled::waiting(queue.pop_async());
        queue.push(n).unwrap();
        assert_eq!(task.finish().unwrap(), n);
        until(|| threads().len() == 1);
    }
    say("done");
    listen();
}

#[test]
fn waiter_thread_exits_when_idle_and_restarts() {
    let _watchdog = Watchdog::start(60);
    let mut child = Role::spawn(in_a_child, &["wait again"]);
    assert_eq!(child.hear(), "done");
    child.tell("end");
    assert!(child.join().success());
}

/// A future that has a thread to itself is over while a part of it waits: that part is gone before the thread needs another in its
/// stead.
fn end_early() {
    let all = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let queue = Queue::<u64>::new(2).unwrap();
    let before = all();
    for _ in 0..2000 {
        let waits = async { drop(queue.pop_async().await) };
        breezeway::block_on(futures_lite::future::or(waits, std::future::ready(())));
    }
    assert_eq!(all(), before, "nobody waits any more");
}

#[test]
fn block_on_ending_early_leaves_no_waiter_thread() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["end early"]).join().success());
}
