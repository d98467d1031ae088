//! A process learns of a death by the time that has passed, not by the number of its calls: by one
//! call that comes late enough, and on a queue that is never empty.

use std::time::Duration;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{PopError, PushError};
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

/// More than the time that a process lets pass between two looks for the dead.
const NEXT_LOOK: Duration = Duration::from_millis(80);

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["producer", name] => hold(spsc::Producer::<u64>::open(name).unwrap()),
        ["consumer", name] => hold(spsc::Consumer::<u64>::open(name).unwrap()),
        ["bytes producer", name] => hold(bytes::BytesProducer::open(name).unwrap()),
        ["lease", name] => {
            let queue = Queue::<u64>::open(name).unwrap();
            hold(queue.lease().unwrap());
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn hold<T>(_held: T) {
    say("held");
    listen();
}

fn holder(arguments: &[&str]) -> Role {
    let mut child = Role::spawn(in_a_child, arguments);
    assert_eq!(child.hear(), "held");
    child
}

#[test]
fn try_pop_once_after_producer_death_is_disconnected() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("spsc-rare-pop");
    let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
    tx.release();
    let child = holder(&["producer", &name]);
    assert_eq!(rx.try_pop(), Err(PopError::Empty));
    child.kill();
    std::thread::sleep(NEXT_LOOK);
    assert_eq!(rx.try_pop(), Err(PopError::Disconnected));
}

#[test]
fn try_push_once_after_consumer_death_is_disconnected() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("spsc-rare-push");
    let (mut tx, rx) = spsc::create::<u64>(&name, 1).unwrap();
    rx.release();
    let child = holder(&["consumer", &name]);
    tx.push(1).unwrap();
    assert_eq!(tx.try_push(2), Err(PushError::Full(2)));
    child.kill();
    std::thread::sleep(NEXT_LOOK);
    assert_eq!(tx.try_push(2), Err(PushError::Disconnected(2)));
}

#[test]
fn try_read_once_after_producer_death_is_disconnected() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("bytes-rare-read");
    let (tx, mut rx) = bytes::create(&name, 256).unwrap();
    tx.release();
    let child = holder(&["bytes producer", &name]);
    assert_eq!(rx.try_read().err(), Some(PopError::Empty));
    child.kill();
    std::thread::sleep(NEXT_LOOK);
    assert_eq!(rx.try_read().err(), Some(PopError::Disconnected));
}

/// One call finds the value that a dead process had leased: by the handle that was polled before,
/// and by a new clone.
#[test]
fn try_pop_once_after_holder_death_gets_leased_value() {
    let _watchdog = Watchdog::start(60);
    for by_clone in [false, true] {
        let name = Name::new("queue-rare-lease");
        let queue = Queue::<u64>::create(&name, 8).unwrap();
        queue.push(7).unwrap();
        let child = holder(&["lease", &name]);
        assert_eq!(queue.try_lease().err(), Some(PopError::Empty));
        child.kill();
        std::thread::sleep(NEXT_LOOK);
        if by_clone {
            let clone = queue.clone();
            let lease = clone.try_lease().unwrap();
            assert!(*lease == 7 && lease.redelivered());
        } else {
            assert_eq!(queue.try_pop(), Ok(7));
        }
    }
}

/// A consumer that never finds the queue empty gets the value of the dead process before newer ones:
/// after its next look for the dead the value is the next, whatever else is in the queue. If the value does not come back,
/// the watchdog ends the test.
fn gets_value_of_dead_holder_from_busy_queue(pop: impl Fn(&Queue<u64>) -> u64) {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("queue-never-empty");
    let queue = Queue::<u64>::create(&name, 64).unwrap();
    queue.push(0).unwrap();
    let child = holder(&["lease", &name]);
    (1..32).for_each(|n| queue.push(n).unwrap());
    child.kill();
    let mut next = 32;
    loop {
        let value = pop(&queue);
        if value == 0 {
            break;
        }
        queue.push(next).unwrap();
        next += 1;
    }
    assert_eq!(queue.len(), 31, "it came before newer ones");
}

#[test]
fn pop_on_never_empty_queue_gets_value_of_dead_holder() {
    gets_value_of_dead_holder_from_busy_queue(|queue| queue.pop().unwrap());
}

#[test]
fn lease_on_never_empty_queue_gets_value_of_dead_holder() {
    gets_value_of_dead_holder_from_busy_queue(|queue| {
        let lease = queue.lease().unwrap();
        let value = *lease;
        assert_eq!(lease.redelivered(), value == 0);
        lease.ack().unwrap();
        value
    });
}

#[test]
fn pop_slice_on_never_empty_queue_gets_value_of_dead_holder() {
    gets_value_of_dead_holder_from_busy_queue(|queue| {
        let mut one = [u64::MAX];
        assert_eq!(queue.pop_slice(&mut one).unwrap(), 1);
        one[0]
    });
}
