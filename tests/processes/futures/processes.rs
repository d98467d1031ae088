//! Processes with an executor each, and processes that block, at one queue.

use std::time::Duration;

use breezeway::queue::Queue;
use support::executors::{Executor, Task};
use support::ledger::ReceiptLedger;
use support::process::until;
use support::{Role, Watchdog, listen, role, say, unique};

const TASKS: usize = 4;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let number = |text: &str| text.parse::<u64>().unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["take", name, "blocking"] => {
            let queue = Queue::<u64>::open(name).unwrap();
            start();
            tell(queue.iter().map(Result::unwrap).collect());
        }
        ["take", name, executor] => take(&Queue::open(name).unwrap(), Executor::named(executor)),
        ["push", name, executor, from, to] => {
            push(&Queue::open(name).unwrap(), Executor::named(executor), number(from), number(to));
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn start() {
    say("ready");
    listen();
}

fn tell(numbers: Vec<u64>) {
    let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
    say(&words.join(" "));
}

fn take(queue: &Queue<u64>, executor: Executor) {
    let (tell_one, hear) = std::sync::mpsc::channel();
    let task = |n| -> Task {
        let (queue, tell_one) = (queue.clone(), tell_one.clone());
        Box::pin(async move {
            loop {
                let number = match n % 2 {
                    0 => queue.pop_async().await.ok(),
                    _ => queue.lease_async().await.ok().map(|lease| {
                        let number = *lease;
                        lease.ack().unwrap();
                        number
                    }),
                };
                match number {
                    Some(number) => tell_one.send(number).unwrap(),
                    None => break,
                }
            }
        })
    };
    let tasks = (0..TASKS).map(task).collect();
    start();
    executor.run(tasks);
    drop(tell_one);
    tell(hear.into_iter().collect());
}

fn push(queue: &Queue<u64>, executor: Executor, from: u64, to: u64) {
    let task = |n: usize| -> Task {
        let queue = queue.clone();
        Box::pin(async move {
            for number in (from..to).skip(n).step_by(TASKS) {
                queue.push_async(number).await.unwrap();
            }
        })
    };
    let tasks = (0..TASKS).map(task).collect();
    start();
    executor.run(tasks);
}

fn consumers(name: &str) -> Vec<Role> {
    let executors = Executor::ALL.iter().map(|executor| format!("{executor:?}"));
    let kinds = executors.chain(["blocking".to_owned(), "blocking".to_owned()]);
    let mut children: Vec<_> = kinds.map(|kind| Role::spawn(in_a_child, &["take", name, &kind])).collect();
    begin(&mut children);
    children
}

fn begin(children: &mut [Role]) {
    children.iter_mut().for_each(|child| assert_eq!(child.hear(), "ready"));
    children.iter_mut().for_each(|child| child.tell("go"));
}

/// What they took in all.
fn settle(ledger: &ReceiptLedger, children: Vec<Role>) {
    for mut child in children {
        let numbers = child.hear();
        numbers.split_whitespace().for_each(|number| ledger.take(number.parse().unwrap()));
        assert!(child.join().success());
    }
    ledger.is_complete();
}

fn is_exact(capacity: usize) {
    const EACH: u64 = 1500;
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-exact");
    let queue = Queue::<u64>::create(&name, capacity).unwrap();
    let consumers = consumers(&name);
    let producer = |(executor, from): (Executor, u64)| {
        let arguments =
            ["push", &name, &format!("{executor:?}"), &from.to_string(), &(from + EACH).to_string()];
        Role::spawn(in_a_child, &arguments)
    };
    let mut producers: Vec<_> =
        Executor::ALL.into_iter().zip((EACH..).step_by(EACH as usize)).map(producer).collect();
    begin(&mut producers);
    // And one that blocks.
    (0..EACH).for_each(|number| queue.push(number).unwrap());
    producers.into_iter().for_each(|child| assert!(child.join().success()));
    queue.close();
    settle(&ReceiptLedger::of(5 * EACH), consumers);
}

#[test]
fn push_pop_async_capacity_1_is_exact() {
    is_exact(1);
}

#[test]
fn push_pop_async_capacity_5_is_exact() {
    is_exact(5);
}

#[test]
fn push_pop_async_capacity_1000_is_exact() {
    is_exact(1000);
}

/// Everybody sleeps when a few values come: each finds somebody, be it a task or a thread.
#[test]
fn push_wakes_task_or_thread_when_all_sleep() {
    const ROUNDS: u64 = 40;
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-few");
    let queue = Queue::<u64>::create(&name, 64).unwrap();
    let consumers = consumers(&name);
    let mut next = 0;
    for round in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(round % 4 * 5));
        for _ in 0..=round % 20 {
            queue.push(next).unwrap();
            next += 1;
        }
        until(|| queue.is_empty());
    }
    queue.close();
    settle(&ReceiptLedger::of(next), consumers);
}
