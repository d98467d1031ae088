//! Tasks that wait on a closed queue for leases that may come back.

use breezeway::PopError;
use breezeway::queue::{JoinableQueue, Queue};
use support::Watchdog;
use support::polled::Polled;

/// A lease of another task may come back, although both tasks are of one thread.
#[test]
fn lease_async_on_closed_queue_waits_for_lease_of_same_thread() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push(1).unwrap();
    queue.close();
    let lease = queue.lease().unwrap();
    let leasing = Polled::waiting(queue.lease_async());
    let popping = Polled::waiting(queue.pop_async());
    drop(leasing);
    drop(lease);
    assert_eq!(popping.finish(), Ok(1));
    assert!(matches!(Polled::new(queue.lease_async()).poll(), Some(Err(PopError::Closed))));
}

#[test]
fn lease_async_on_closed_joinable_queue_waits_for_job_of_same_thread() {
    let _watchdog = Watchdog::start(60);
    let queue = JoinableQueue::<u64>::new(4).unwrap();
    queue.push(1).unwrap();
    queue.close();
    let job = queue.lease().unwrap();
    let leasing = Polled::waiting(queue.lease_async());
    job.ack().unwrap();
    assert!(matches!(leasing.finish(), Err(PopError::Closed)));
}
