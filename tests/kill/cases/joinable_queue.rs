//! `JoinableQueue`: a job that its dead holder has not acknowledged is delivered again and marked,
//! and `join` is right.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::DoneError;
use breezeway::queue::{Job, JoinableQueue, Limits};

use super::lock_watch::SURVIVOR_TIMEOUT;
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

type Handle = (JoinableQueue<u64>, RefCell<Option<Job<u64>>>);

const LIMITS: Limits = Limits { messages: 3, bytes: 3 * 56 };

/// A child operates on a queue of two jobs, or on the first of them.
struct JobOperation {
    name: String,
    queue: JoinableQueue<u64>,
    /// Whether the child has taken a job before the operation.
    has_job: bool,
    operation: fn(&Handle),
    /// The possible results: each job, and whether it is marked.
    outcomes: Outcomes,
}

/// A name for each possible result. The last is that of a completed operation.
type Outcomes = &'static [(&'static str, &'static [(u64, bool)])];

impl JobOperation {
    fn check(&self, death: &Death) -> &'static str {
        // Survivors that wait for the dead process's job reap it themselves. That takes a while, so in
        // most rounds it is reaped before.
        if !death.point.is_multiple_of(16) {
            self.queue.segment().reap().unwrap();
        }
        let mut found = Vec::new();
        while self.queue.join_timeout(Duration::ZERO) == Err(DoneError::Timeout) {
            let job = self.queue.lease_timeout(SURVIVOR_TIMEOUT).expect("an unfinished job comes back");
            found.push((*job, job.redelivered()));
            job.ack().unwrap();
        }
        found.sort_unstable();
        let outcome = self.outcomes.iter().find(|(_, jobs)| *jobs == found);
        let (name, _) = outcome.unwrap_or_else(|| panic!("{found:?} is no outcome"));
        let last = self.outcomes[self.outcomes.len() - 1].0;
        assert!(!death.completed || *name == last, "a completed operation has taken effect: {found:?}");
        assert_eq!((self.queue.len(), self.queue.unfinished()), (0, 0));
        for job in 10..13 {
            self.queue.try_push(job).expect("all the room there was");
        }
        self.queue.try_push(13).expect_err("no more room than there was");
        for job in 10..13 {
            let next = self.queue.try_lease().unwrap();
            assert_eq!((*next, next.redelivered()), (job, false));
            next.ack().unwrap();
        }
        name
    }
}

impl Scenario for JobOperation {
    type Handle = Handle;

    fn reset(&mut self) {
        for job in [1, 2] {
            self.queue.try_push(job).unwrap();
        }
    }

    fn open(&self) -> Handle {
        let queue = JoinableQueue::open(&self.name).unwrap();
        // Looks for the dead, if there is a job, which the first lease would do otherwise.
        let _ = queue.join_timeout(Duration::ZERO);
        let job = self.has_job.then(|| queue.lease().unwrap());
        (queue, RefCell::new(job))
    }

    fn operate(&self, handle: &Handle) {
        (self.operation)(handle);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.check(death)
    }
}

fn run(name: &str, has_job: bool, operation: fn(&Handle), outcomes: Outcomes) -> KillCounts {
    let queue = JoinableQueue::create(name, LIMITS).unwrap();
    kill::at_every_instruction(&mut JobOperation {
        name: name.to_owned(),
        queue,
        has_job,
        operation,
        outcomes,
    })
}

pub(crate) fn push(name: &str) -> KillCounts {
    let outcomes: Outcomes =
        &[("not pushed", &[(1, false), (2, false)]), ("pushed", &[(1, false), (2, false), (3, false)])];
    run(name, false, |(queue, _)| queue.push(3).unwrap(), outcomes)
}

pub(crate) fn lease(name: &str) -> KillCounts {
    let outcomes: Outcomes =
        &[("not leased", &[(1, false), (2, false)]), ("redelivered", &[(1, true), (2, false)])];
    let operation = |(queue, own): &Handle| *own.borrow_mut() = Some(queue.lease().unwrap());
    run(name, false, operation, outcomes)
}

pub(crate) fn pop(name: &str) -> KillCounts {
    let outcomes: Outcomes = &[
        ("not popped", &[(1, false), (2, false)]),
        ("redelivered", &[(1, true), (2, false)]),
        ("popped", &[(2, false)]),
    ];
    run(name, false, |(queue, _)| assert_eq!(queue.pop().unwrap(), 1), outcomes)
}

pub(crate) fn ack(name: &str) -> KillCounts {
    let outcomes: Outcomes = &[("redelivered", &[(1, true), (2, false)]), ("acknowledged", &[(2, false)])];
    run(name, true, |(_, own)| own.take().unwrap().ack().unwrap(), outcomes)
}

pub(crate) fn drop_job(name: &str) -> KillCounts {
    run(name, true, |(_, own)| drop(own.take()), &[("redelivered", &[(1, true), (2, false)])])
}

/// A child reaps a dead process that has taken a job.
struct Reap(JobOperation);

impl Scenario for Reap {
    type Handle = Handle;

    fn reset(&mut self) {
        self.0.queue.segment().reap().unwrap();
        self.0.reset();
        Child::fork(|| JoinableQueue::<u64>::open(&self.0.name).unwrap().lease().unwrap(), |_| {}).kill();
    }

    /// Without a look for the dead: that is the operation.
    fn open(&self) -> Handle {
        (JoinableQueue::open(&self.0.name).unwrap(), RefCell::new(None))
    }

    fn operate(&self, handle: &Handle) {
        self.0.operate(handle);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.0.check(death)
    }

    fn watched_files(&self, _: u32) -> Vec<std::path::PathBuf> {
        self.0.queue.segment().path().into_iter().collect()
    }
}

pub(crate) fn reap_after_death(name: &str) -> KillCounts {
    let queue = JoinableQueue::create(name, LIMITS).unwrap();
    let operation = |(queue, _): &Handle| assert_eq!(queue.segment().reap().unwrap(), 1);
    let outcomes: Outcomes = &[("redelivered", &[(1, true), (2, false)])];
    kill::at_changes(&mut Reap(JobOperation {
        name: name.to_owned(),
        queue,
        has_job: false,
        operation,
        outcomes,
    }))
}
