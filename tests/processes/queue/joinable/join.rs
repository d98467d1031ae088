//! `join` waits until all jobs are done.

use std::time::Instant;

use breezeway::DoneError;
use breezeway::queue::JoinableQueue;
use support::process::until_parked;
use support::scratch::Name;
use support::waiting::{A_WHILE, LONG};
use support::{Role, Watchdog, say};

use super::queue_of;

/// Works until the queue is closed and all is done, and says what it did.
pub fn work(queue: &JoinableQueue<u64>) {
    let (mut count, mut sum) = (0, 0);
    while let Ok(job) = queue.lease() {
        (count, sum) = (count + 1, sum + *job);
        job.ack().unwrap();
    }
    say(&format!("{count} {sum}"));
}

#[test]
fn join_of_unused_queue_returns_at_once() {
    queue_of(&[]).join().unwrap();
}

#[test]
fn join_waits_for_four_workers_to_finish() {
    let _watchdog = Watchdog::start(100);
    let name = Name::new("joinable-four");
    let queue = JoinableQueue::<u64>::create(&name, 10).unwrap();
    let mut workers: Vec<Role> = (0..4).map(|_| Role::spawn(super::in_a_child, &["work", &name])).collect();
    for round in 0..5 {
        for number in 0..200 {
            queue.push(round * 200 + number).unwrap();
        }
        queue.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    }
    queue.close();
    let said: Vec<String> = workers.iter_mut().map(Role::hear).collect();
    let sums = said.iter().map(|said| said.split_once(' ').unwrap());
    let (count, sum) = sums.fold((0, 0), |(count, sum), (its_count, its_sum)| {
        (count + its_count.parse::<u64>().unwrap(), sum + its_sum.parse::<u64>().unwrap())
    });
    assert_eq!((count, sum), (1000, (0..1000).sum()));
}

#[test]
fn join_timeout_elapses_until_job_is_done() {
    let _watchdog = Watchdog::start(60);
    let queue = queue_of(&[1]);
    let start = Instant::now();
    assert_eq!(queue.join_timeout(A_WHILE), Err(DoneError::Timeout));
    assert!(start.elapsed() >= A_WHILE);
    let job = queue.lease().unwrap();
    assert_eq!(queue.join_timeout(A_WHILE), Err(DoneError::Timeout));
    job.ack().unwrap();
    queue.join_timeout(LONG).unwrap();
}

#[test]
fn join_wakes_all_joiners_when_last_job_is_done() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("joinable-all");
    let queue = JoinableQueue::<u64>::create(&name, 4).unwrap();
    queue.push(1).unwrap();
    let mut joiners: Vec<Role> = (0..3).map(|_| Role::spawn(super::in_a_child, &["join", &name])).collect();
    for joiner in &mut joiners {
        until_parked(&joiner.hear());
    }
    queue.lease().unwrap().ack().unwrap();
    for joiner in &mut joiners {
        assert_eq!(joiner.hear(), "joined");
    }
}
