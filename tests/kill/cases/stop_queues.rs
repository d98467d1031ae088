//! A process is stopped in an operation on a `MessageQueue` or a `JoinableQueue`: each message is had
//! by one process, once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::queue::{JoinableQueue, Limits, MessageQueue};
use breezeway::{Atomic, PopError, Segment};

use super::stop_case::{Functions, run};
use crate::kill_counts::KillCounts;

const LIMITS: Limits = Limits { messages: 4, bytes: 4 * 56 };

/// How long a peer waits for a message that lies after the slot of a stopped producer.
const WAIT_TIMEOUT: Duration = Duration::from_millis(5);

const HELD: &str = "held by the stopped";

/// What the stopped process took, which is 0 for nothing; the sum of what its peers took; and the sum
/// of what all have pushed.
type Ledger = [Atomic<u64>; 3];

const TOOK: usize = 0;
const PEERS: usize = 1;
const PUSHED: usize = 2;

fn ledger(segment: &Segment) -> Ledger {
    ["took", "peers", "pushed"].map(|word| segment.get_or_add(word, 0).unwrap())
}

fn add(word: &Atomic<u64>, number: u64) {
    word.fetch_add(number, Relaxed);
}

/// Each number has a bit, so the sums say what was lost or doubled.
fn assert_balanced(ledger: &Ledger) {
    let [took, peers, pushed] = ledger.each_ref().map(|word| word.load(Relaxed));
    assert_eq!(took + peers, pushed, "each message once: {took:b}, {peers:b}");
}

fn clear(ledger: &Ledger) {
    ledger.iter().for_each(|word| word.store(0, Relaxed));
}

type Messages = (MessageQueue<u64>, Ledger);

fn messages(segment: &Segment) -> Messages {
    (segment.get_or_add("queue", LIMITS).unwrap(), ledger(segment))
}

fn put_two((queue, ledger): &Messages) {
    while queue.try_pop().is_ok() {}
    clear(ledger);
    for number in [1, 2] {
        queue.push(number).unwrap();
        add(&ledger[PUSHED], number);
    }
}

/// Pops a message and pushes one.
fn around_messages((queue, ledger): &Messages, _: u32, _: usize) -> &'static str {
    match queue.pop_timeout(WAIT_TIMEOUT) {
        Ok(number) => add(&ledger[PEERS], number),
        Err(PopError::Timeout) => return HELD,
        Err(error) => panic!("{error}"),
    }
    queue.push(8).unwrap();
    add(&ledger[PUSHED], 8);
    "free"
}

fn check_messages((queue, ledger): &Messages) {
    while let Ok(number) = queue.try_pop() {
        add(&ledger[PEERS], number);
    }
    assert_balanced(ledger);
    assert!(queue.is_empty());
}

fn message_operation(name: &str, operate: fn(&Messages)) -> KillCounts {
    run(
        name,
        Functions {
            open: messages,
            reset: put_two,
            prepare: |_| {},
            operate,
            go_around: around_messages,
            check: check_messages,
        },
    )
}

pub(crate) fn message_queue_push(name: &str) -> KillCounts {
    message_operation(name, |(queue, ledger)| {
        queue.push(4).unwrap();
        add(&ledger[PUSHED], 4);
    })
}

pub(crate) fn message_queue_pop(name: &str) -> KillCounts {
    message_operation(name, |(queue, ledger)| {
        let number = queue.pop().unwrap();
        add(&ledger[TOOK], number);
    })
}

type Jobs = (JoinableQueue<u64>, Ledger);

fn jobs(segment: &Segment) -> Jobs {
    (segment.get_or_add("queue", LIMITS).unwrap(), ledger(segment))
}

fn put_two_jobs((queue, ledger): &Jobs) {
    while let Ok(job) = queue.try_lease() {
        job.ack().unwrap();
    }
    clear(ledger);
    for number in [1, 2] {
        queue.push(number).unwrap();
        add(&ledger[PUSHED], number);
    }
}

/// Takes a job and finishes it.
fn around_jobs((queue, ledger): &Jobs, _: u32, _: usize) -> &'static str {
    match queue.lease_timeout(WAIT_TIMEOUT) {
        Ok(job) => {
            assert!(!job.redelivered(), "the stopped process's job is its own");
            add(&ledger[PEERS], *job);
            job.ack().unwrap();
            "free"
        }
        Err(PopError::Timeout) => HELD,
        Err(error) => panic!("{error}"),
    }
}

fn check_jobs((queue, ledger): &Jobs) {
    while let Ok(job) = queue.try_lease() {
        add(&ledger[PEERS], *job);
        job.ack().unwrap();
    }
    assert_balanced(ledger);
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
}

pub(crate) fn joinable_queue_lease_ack(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: jobs,
            reset: put_two_jobs,
            // Looks for the dead, which the first lease would do otherwise.
            prepare: |(queue, _)| assert!(queue.join_timeout(Duration::ZERO).is_err(), "two are left"),
            operate: |(queue, ledger)| {
                let job = queue.lease().unwrap();
                assert!(!job.redelivered());
                let number = *job;
                job.ack().unwrap();
                add(&ledger[TOOK], number);
            },
            go_around: around_jobs,
            check: check_jobs,
        },
    )
}

pub(crate) fn joinable_queue_push(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: jobs,
            reset: put_two_jobs,
            prepare: |_| {},
            operate: |(queue, ledger)| {
                queue.push(4).unwrap();
                add(&ledger[PUSHED], 4);
            },
            go_around: around_jobs,
            check: check_jobs,
        },
    )
}
