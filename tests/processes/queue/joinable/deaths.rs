//! Workers that are killed or stopped, or that fork.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::time::Duration;

use breezeway::queue::JoinableQueue;
use breezeway::{DoneError, PopError};
use support::death::kill_and_keep;
use support::fork::fork;
use support::process::{resume, stop, until_parked};
use support::scratch::Name;
use support::waiting::{A_WHILE, LONG};
use support::{Role, Watchdog, listen, say};

/// Holds jobs until it is told to call them done.
pub fn take(queue: &JoinableQueue<u64>, count: usize) {
    let jobs: Vec<_> = (0..count).map(|_| queue.lease().unwrap()).collect();
    say("working");
    listen();
    for job in jobs {
        job.ack().unwrap();
    }
    say("done");
}

/// Keeps a job open without its guard.
pub fn keep(queue: &JoinableQueue<u64>) {
    let _id = queue.lease().unwrap().into_parts();
    say("working");
    listen();
}

/// A forked child's copy of a job is nothing.
pub fn fork_with_a_job(queue: &JoinableQueue<u64>) {
    // The parent's copies are never dropped.
    let [one, other] = [(); 2].map(|()| ManuallyDrop::new(queue.lease().unwrap()));
    let id = other.id();
    let child = fork(move || {
        drop(ManuallyDrop::into_inner(one));
        assert_eq!(ManuallyDrop::into_inner(other).ack(), Err(DoneError::NotHeld));
    });
    child.join();
    assert_eq!((queue.len(), queue.unfinished()), (0, 2));
    let in_child = queue.clone();
    fork(move || assert_eq!(in_child.ack(id), Err(DoneError::NotHeld))).join();
    assert_eq!((queue.len(), queue.unfinished()), (0, 2));
    queue.ack(id).unwrap();
    say("one left");
}

fn made(what: &str, jobs: u64) -> (Name, JoinableQueue<u64>) {
    let name = Name::new(what);
    let queue = JoinableQueue::<u64>::create(&name, 16).unwrap();
    for job in 0..jobs {
        queue.push(job).unwrap();
    }
    (name, queue)
}

#[test]
fn get_redelivers_jobs_of_killed_worker() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-killed", 5);
    let mut worker = Role::spawn(super::in_a_child, &["take", &name, "3"]);
    assert_eq!(worker.hear(), "working");
    assert_eq!((queue.len(), queue.unfinished()), (2, 5));
    worker.kill();
    assert_eq!(queue.unfinished(), 5);
    // Two that nobody had need no wait, so nobody has looked after the dead yet; then the others come.
    let mut got: Vec<(u64, bool)> = Vec::new();
    for _ in 0..5 {
        let job = queue.lease().unwrap();
        got.push((*job, job.redelivered()));
        job.ack().unwrap();
    }
    got.sort();
    assert_eq!(got, [(0, true), (1, true), (2, true), (3, false), (4, false)]);
    queue.join_timeout(LONG).unwrap();
}

#[test]
fn get_redelivers_job_kept_without_guard_after_death() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-kept", 1);
    let mut worker = Role::spawn(super::in_a_child, &["keep", &name]);
    assert_eq!(worker.hear(), "working");
    worker.kill();
    assert!(queue.lease().unwrap().redelivered());
}

/// A job whose guard is gone, held by a participant that left.
#[test]
fn try_get_redelivers_job_of_detached_participant() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-detached", 1);
    let mut other = Role::spawn(super::in_a_child, &["detach", &name]);
    let id = other.hear();
    let job = queue.try_lease().unwrap();
    assert!(job.redelivered() && format!("{:?}", job.id()) != id);
    other.kill();
    job.ack().unwrap();
    queue.join().unwrap();
}

#[test]
fn get_blocked_receives_job_of_killed_worker() {
    let _watchdog = Watchdog::start(60);
    let (name, _queue) = made("joinable-sleeper", 1);
    let mut worker = Role::spawn(super::in_a_child, &["take", &name, "1"]);
    assert_eq!(worker.hear(), "working");
    let mut sleeper = Role::spawn(super::in_a_child, &["lease", &name]);
    until_parked(&sleeper.hear());
    kill_and_keep(&worker);
    assert_eq!(sleeper.hear(), "0 true");
}

#[test]
fn try_get_and_get_timeout_reclaim_job_of_dead_worker() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-asks", 2);
    for ask in
        [JoinableQueue::<u64>::try_lease, |queue: &JoinableQueue<u64>| queue.lease_timeout(Duration::ZERO)]
    {
        let mut worker = Role::spawn(super::in_a_child, &["take", &name, "1"]);
        assert_eq!(worker.hear(), "working");
        let other = (!queue.is_empty()).then(|| queue.lease().unwrap());
        worker.kill();
        // Not at the first time of asking: whether anybody has died is not looked into each time.
        let job = std::iter::repeat_with(|| ask(&queue)).find_map(Result::ok).unwrap();
        assert!(job.redelivered());
        job.ack().unwrap();
        drop(other);
    }
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn get_timeout_elapses_while_stopped_worker_holds_job() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-stopped", 1);
    let mut worker = Role::spawn(super::in_a_child, &["take", &name, "1"]);
    assert_eq!(worker.hear(), "working");
    stop(worker.pid());
    assert!(matches!(queue.lease_timeout(3 * A_WHILE), Err(PopError::Timeout)));
    assert_eq!(queue.join_timeout(A_WHILE), Err(DoneError::Timeout));
    resume(worker.pid());
    worker.tell("finish");
    assert_eq!(worker.hear(), "done");
    queue.join().unwrap();
}

#[test]
fn job_copy_in_forked_child_has_no_effect() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-forked", 2);
    let mut parent = Role::spawn(super::in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "one left");
    assert!(parent.join().success());
    // Its parent's end is another matter.
    assert!(queue.lease().unwrap().redelivered());
}

/// Works, and drops some jobs, until it is killed.
pub fn storm(queue: &JoinableQueue<u64>) {
    say("here");
    for n in 0.. {
        let job = queue.lease().unwrap();
        if n % 3 != 0 {
            job.ack().unwrap();
        }
    }
}

#[test]
fn join_is_exact_and_no_job_lost_after_worker_kills() {
    let _watchdog = Watchdog::start(120);
    let (name, queue) = made("joinable-storm", 0);
    for round in 0..20 {
        let mut workers: Vec<Role> =
            (0..2).map(|_| Role::spawn(super::in_a_child, &["storm", &name])).collect();
        workers.iter_mut().for_each(|worker| drop(worker.hear()));
        let pushed: HashSet<u64> = (round * 1000..round * 1000 + 40 + 10 * round).collect();
        for job in &pushed {
            queue.push(*job).unwrap();
        }
        drop(workers);
        let mut left = HashSet::new();
        while queue.unfinished() > 0 {
            let job = queue.lease().unwrap();
            assert!(pushed.contains(&job) && left.insert(*job), "job {} is there once", *job);
            job.ack().unwrap();
        }
        queue.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        for job in 0..16 {
            queue.try_push(job).unwrap();
        }
        for job in 0..16 {
            let next = queue.lease().unwrap();
            assert_eq!((*next, next.redelivered()), (job, false));
            next.ack().unwrap();
        }
    }
}

/// A worker that never finds the queue empty gets the dead worker's job before newer ones, and one
/// that asks rarely gets it by one call. If the job does not come back, the watchdog ends the test.
#[test]
fn lease_on_never_empty_queue_redelivers_job_of_killed_worker() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-busy", 8);
    let mut worker = Role::spawn(super::in_a_child, &["take", &name, "1"]);
    assert_eq!(worker.hear(), "working");
    worker.kill();
    for new in 8.. {
        let job = queue.lease().unwrap();
        let number = *job;
        assert_eq!(job.redelivered(), number == 0);
        job.ack().unwrap();
        if number == 0 {
            break;
        }
        queue.push(new).unwrap();
    }
    assert_eq!(queue.len(), 7, "it came before newer ones");
}

#[test]
fn try_lease_once_after_worker_death_redelivers() {
    let _watchdog = Watchdog::start(60);
    let (name, queue) = made("joinable-rare", 1);
    let mut worker = Role::spawn(super::in_a_child, &["take", &name, "1"]);
    assert_eq!(worker.hear(), "working");
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)));
    worker.kill();
    std::thread::sleep(Duration::from_millis(80));
    assert!(queue.try_lease().unwrap().redelivered());
}
