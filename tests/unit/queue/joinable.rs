//! [`breezeway::queue::JoinableQueue`] in one process: jobs that are done, dropped or kept, and
//! undecodable jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use breezeway::queue::{Job, JobId, JoinableQueue};
use breezeway::{DoneError, PopError, PushError, Segment, SegmentError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use support::Watchdog;
use support::waiting::{A_WHILE, asleep, in_threads};

fn queue_of(jobs: &[u64]) -> JoinableQueue<u64> {
    let queue = JoinableQueue::new(8).unwrap();
    for job in jobs {
        queue.push(*job).unwrap();
    }
    queue
}

#[test]
fn get_returns_jobs_in_order_until_done() {
    let queue = queue_of(&[1, 2, 3]);
    for expected in 1..=3 {
        assert_eq!((queue.len(), queue.unfinished()), (4 - expected as usize, 4 - expected as usize));
        let job = queue.lease().unwrap();
        assert_eq!((*job, job.redelivered()), (expected, false));
        assert_eq!((queue.len(), queue.unfinished()), (3 - expected as usize, 4 - expected as usize));
        job.ack().unwrap();
    }
    assert!(queue.is_empty());
    queue.join().unwrap();
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)));
    assert!(matches!(queue.lease_timeout(A_WHILE), Err(PopError::Timeout)));
}

#[test]
fn drop_of_job_redelivers_it_first() {
    let queue = queue_of(&[1, 2]);
    drop(queue.lease().unwrap());
    for round in 0..600 {
        let job = queue.lease().unwrap();
        assert_eq!((*job, job.redelivered()), (1, true), "{round}");
    }
    assert_eq!((queue.len(), queue.unfinished()), (2, 2));
    queue.lease().unwrap().ack().unwrap();
    let job = queue.lease().unwrap();
    assert_eq!((*job, job.redelivered()), (2, false));
    job.ack().unwrap();
    // The slot's next job is a new one.
    queue.push(3).unwrap();
    assert!(!queue.lease().unwrap().redelivered());
}

#[test]
fn panic_of_worker_redelivers_its_job() {
    let queue = queue_of(&[1]);
    let worker = AssertUnwindSafe(|| {
        let _job = queue.lease().unwrap();
        std::panic::resume_unwind(Box::new("the worker's"));
    });
    assert!(catch_unwind(worker).is_err());
    assert!(queue.lease().unwrap().redelivered());
}

#[test]
fn drop_of_jobs_returns_them_to_the_front() {
    let queue = queue_of(&[1, 2, 3, 4]);
    let (first, second) = (queue.lease().unwrap(), queue.lease().unwrap());
    drop(second);
    drop(first);
    let order: Vec<u64> = (0..4).map(|_| queue.lease().unwrap().into_parts().0).collect();
    assert_eq!(order, [1, 2, 3, 4]);
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)));
}

/// Gets a job and keeps it open.
fn keep(queue: &JoinableQueue<u64>) -> JobId {
    queue.lease().unwrap().into_parts().1
}

#[test]
fn task_done_twice_returns_not_held() {
    let queue = queue_of(&[1, 2]);
    let id = keep(&queue);
    assert_eq!(queue.unfinished(), 2);
    queue.ack(id).unwrap();
    assert_eq!(queue.ack(id), Err(DoneError::NotHeld));
    let job = queue.lease().unwrap();
    let id = job.id();
    job.ack().unwrap();
    assert_eq!(queue.ack(id), Err(DoneError::NotHeld));
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn done_after_task_done_returns_not_held() {
    let queue = queue_of(&[1]);
    let job = queue.lease().unwrap();
    queue.ack(job.id()).unwrap();
    assert_eq!(job.ack(), Err(DoneError::NotHeld));
    let queue = queue_of(&[1]);
    let job = queue.lease().unwrap();
    queue.ack(job.id()).unwrap();
    drop(job);
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
}

#[test]
fn task_done_with_id_of_earlier_delivery_is_not_held() {
    let queue = queue_of(&[1]);
    let before = {
        let job = queue.lease().unwrap();
        job.id()
    };
    assert_eq!(queue.ack(before), Err(DoneError::NotHeld));
    let again = queue.lease().unwrap();
    assert_ne!(again.id(), before);
    assert_eq!(queue.ack(before), Err(DoneError::NotHeld));
    again.ack().unwrap();
}

#[test]
fn try_push_has_room_as_soon_as_a_job_is_leased() {
    let queue = JoinableQueue::<u64>::new(1).unwrap();
    queue.push(1).unwrap();
    assert!(matches!(queue.try_push(2), Err(PushError::Full(2))));
    let job = queue.lease().unwrap();
    // A worker may feed its own queue.
    queue.try_push(2).unwrap();
    assert!(matches!(queue.push_timeout(3, A_WHILE), Err(PushError::Timeout(3))));
    assert_eq!((queue.len(), queue.unfinished(), queue.capacity()), (1, 2, 1));
    job.ack().unwrap();
    assert_eq!(queue.pop().unwrap(), 2);
    queue.join().unwrap();
}

#[test]
fn drop_of_leased_job_returns_it_before_jobs_pushed_since() {
    let queue = JoinableQueue::<String>::new(1).unwrap();
    // In its slot, and in blocks.
    for text in ["short".to_owned(), "long ".repeat(5000)] {
        queue.push(text.clone()).unwrap();
        let job = queue.lease().unwrap();
        queue.push("newer".to_owned()).unwrap();
        drop(job);
        assert_eq!((queue.len(), queue.unfinished()), (2, 2));
        let job = queue.lease().unwrap();
        assert_eq!((&*job, job.redelivered()), (&text, true));
        job.ack().unwrap();
        assert_eq!(queue.pop().unwrap(), "newer");
    }
}

#[test]
fn lease_waits_for_an_ack_when_as_many_are_leased_as_can_be() {
    let _watchdog = Watchdog::start(60);
    let queue = JoinableQueue::<u64>::new(4).unwrap();
    let mut jobs: Vec<Job<u64>> = (0..32)
        .map(|n| {
            queue.push(n).unwrap();
            queue.lease().unwrap()
        })
        .collect();
    queue.push(32).unwrap();
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)));
    assert!(matches!(queue.lease_timeout(A_WHILE), Err(PopError::Timeout)));
    let other = asleep({
        let queue = queue.clone();
        move || *queue.lease().unwrap()
    });
    jobs.pop().unwrap().ack().unwrap();
    assert_eq!(other.wake(), 32);
}

/// Decodes from any number but 13, and panics at 14.
#[derive(Serialize)]
struct Moody(u8);

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            13 => Err(D::Error::custom("not that")),
            14 => std::panic::resume_unwind(Box::new("the type's")),
            mood => Ok(Self(mood)),
        }
    }
}

#[test]
fn get_undecodable_job_finishes_it() {
    let queue = JoinableQueue::<Moody>::new(3).unwrap();
    queue.push(Moody(13)).unwrap();
    queue.push(Moody(1)).unwrap();
    assert!(matches!(queue.lease(), Err(PopError::Decode { .. })));
    assert_eq!(queue.unfinished(), 1);
    assert_eq!(queue.lease().unwrap().0, 1);
}

#[test]
fn joinable_queue_pop_counts_as_done() {
    let queue = queue_of(&[1, 2, 3]);
    assert_eq!(queue.pop().unwrap(), 1);
    assert_eq!((queue.len(), queue.unfinished()), (2, 2));
    assert_eq!(queue.try_pop().unwrap(), 2);
    assert_eq!(queue.pop_timeout(A_WHILE).unwrap(), 3);
    queue.join().unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    assert!(matches!(queue.pop_timeout(A_WHILE), Err(PopError::Timeout)));
    queue.close();
    assert!(matches!(queue.pop(), Err(PopError::Closed)));
}

#[test]
fn joinable_queue_pop_makes_room_and_ends_a_join() {
    let _watchdog = Watchdog::start(60);
    let queue = JoinableQueue::<u64>::new(1).unwrap();
    queue.push(1).unwrap();
    let pusher = asleep({
        let queue = queue.clone();
        move || queue.push(2)
    });
    assert_eq!(queue.pop().unwrap(), 1);
    pusher.wake().unwrap();
    let joiner = asleep({
        let queue = queue.clone();
        move || queue.join()
    });
    assert_eq!(queue.pop().unwrap(), 2);
    joiner.wake().unwrap();
}

#[test]
fn joinable_queue_pop_job_that_does_not_decode_is_over() {
    let queue = JoinableQueue::<Moody>::new(3).unwrap();
    queue.push(Moody(13)).unwrap();
    assert!(matches!(queue.pop(), Err(PopError::Decode { .. })));
    assert_eq!(queue.unfinished(), 0);
    queue.push(Moody(14)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(queue.pop()))).is_err());
    assert_eq!((queue.len(), queue.unfinished()), (1, 1));
}

#[test]
fn joinable_queue_iter_leases_until_the_end() {
    let queue = JoinableQueue::<Moody>::new(4).unwrap();
    for mood in [1, 13, 2] {
        queue.push(Moody(mood)).unwrap();
    }
    queue.close();
    let mut moods = Vec::new();
    for job in &queue {
        match job {
            Ok(job) if job.redelivered() || job.0 == 1 => {
                moods.push(job.0);
                job.ack().unwrap();
            }
            // Dropped, a job is the next one again.
            Ok(job) => drop(job),
            Err(error) => assert!(matches!(error, PopError::Decode { .. })),
        }
    }
    assert_eq!(moods, [1, 2]);
    queue.join().unwrap();
    let mut jobs = queue.iter();
    assert!(jobs.next().is_none());
    assert!(jobs.next().is_none());
}

#[test]
fn get_panic_in_decode_returns_job_to_queue() {
    let queue = JoinableQueue::<Moody>::new(3).unwrap();
    queue.push(Moody(14)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(queue.lease()))).is_err());
    assert_eq!((queue.len(), queue.unfinished()), (1, 1));
}

#[test]
fn done_in_any_order_by_any_thread() {
    let queue = queue_of(&[1, 2, 3]);
    let mut jobs: Vec<Job<u64>> = (0..3).map(|_| queue.lease().unwrap()).collect();
    jobs.swap(0, 2);
    std::thread::scope(|scope| {
        for job in jobs {
            scope.spawn(move || job.ack().unwrap());
        }
    });
    queue.join().unwrap();
}

#[test]
fn get_as_message_queue_returns_type_mismatch() {
    let segment = Segment::new(1 << 18).unwrap();
    let _queue = segment.add::<JoinableQueue<u8>>("queue", 4).unwrap();
    let other = segment.get::<breezeway::queue::MessageQueue<u8>>("queue");
    assert!(matches!(other, Err(SegmentError::TypeMismatch { .. })));
}

#[test]
fn lease_on_closed_queue_waits_for_job_of_other_thread() {
    let _watchdog = Watchdog::start(60);
    for acknowledged in [false, true] {
        let queue = queue_of(&[1]);
        queue.close();
        let job = queue.lease().unwrap();
        let other = asleep({
            let queue = queue.clone();
            move || queue.lease().map(|job| (*job, job.redelivered(), job.ack()))
        });
        let polled = in_threads(1, |_| [queue.try_lease().err(), queue.lease_timeout(A_WHILE).err()]);
        assert!(matches!(polled[..], [[Some(PopError::Empty), Some(PopError::Timeout)]]), "{polled:?}");
        // The thread's own job is nothing to wait for.
        assert!(matches!(queue.lease(), Err(PopError::Closed)));
        if acknowledged {
            job.ack().unwrap();
        } else {
            drop(job);
        }
        match other.wake() {
            Ok((1, true, Ok(()))) => assert!(!acknowledged),
            Err(PopError::Closed) => assert!(acknowledged),
            found => panic!("{found:?}"),
        }
    }
}

#[test]
fn lease_on_closed_queue_waits_for_job_of_other_thread_without_guard() {
    let _watchdog = Watchdog::start(60);
    let queue = queue_of(&[1, 2]);
    queue.close();
    let (_, own) = queue.lease().unwrap().into_parts();
    let other = in_threads(1, |_| queue.lease().unwrap().into_parts().1)[0];
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)), "the other job may come back");
    // Acknowledged by another thread, the own job counts no longer.
    in_threads(1, |_| queue.ack(own).unwrap());
    assert!(matches!(queue.try_lease(), Err(PopError::Empty)));
    queue.ack(other).unwrap();
    assert!(matches!(queue.lease(), Err(PopError::Closed)));
}
