//! What objects count, as `inspect` tells it.

use std::time::Duration;

use breezeway::queue::{JoinableQueue, MessageQueue, Queue, spsc};
use breezeway::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore};
use breezeway::{LockError, PopError, PushError, Segment};
use serde_json::{Value as Json, json};
use support::Watchdog;
use support::scratch::Name;

use super::child::{add_objects, child};
use super::object;

const SHORT: Duration = Duration::from_millis(30);

fn counters(segment: &str, object: &str, names: &[&str]) -> Json {
    let counters = &self::object(segment, object)["counters"];
    names.iter().map(|name| counters[name].clone()).collect()
}

#[test]
fn inspect_counters_count_messages() {
    let name = Name::new("cli-pushes");
    let made = Segment::create(&name, 1 << 20).unwrap();
    let queue = made.add::<Queue<u64>>("queue", 3).unwrap();
    let (mut tx, mut rx) = spsc::add::<u64>(&made, "spsc", 5).unwrap();
    let messages = made.add::<MessageQueue<u64>>("messages", 4).unwrap();
    let jobs = made.add::<JoinableQueue<u64>>("jobs", 4).unwrap();
    for n in 0..10 {
        queue.push(n).unwrap();
        tx.push(n).unwrap();
        messages.push(n).unwrap();
        jobs.push(n).unwrap();
        if n < 8 {
            let popped = (queue.pop().unwrap(), rx.pop().unwrap(), messages.pop().unwrap());
            assert_eq!(popped, (n, n, n));
            jobs.lease().unwrap().ack().unwrap();
        }
    }
    for object in ["queue", "spsc", "messages", "jobs"] {
        let names = ["pushes", "pops", "full", "empty", "parks", "wakes"];
        assert_eq!(counters(&name, object, &names), json!([10, 8, 0, 0, 0, 0]), "{object}");
    }
}

#[test]
fn inspect_counters_count_sleeping_callers() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-parks");
    let made = Segment::create(&name, 1 << 20).unwrap();
    let queue = made.add::<Queue<u64>>("queue", 1).unwrap();
    assert!(matches!(queue.pop_timeout(SHORT), Err(PopError::Timeout)));
    queue.push(1).unwrap();
    for _ in 0..2 {
        assert!(matches!(queue.push_timeout(2, SHORT), Err(PushError::Timeout(2))));
    }
    // Calls that do not wait are not counted.
    (0..1000).for_each(|_| assert!(matches!(queue.try_push(2), Err(PushError::Full(2)))));
    assert_eq!(counters(&name, "queue", &["full", "empty", "wakes"]), json!([2, 1, 0]));
    assert!(counters(&name, "queue", &["parks"])[0].as_u64().unwrap() >= 3);

    let semaphore = made.add::<Semaphore>("semaphore", 0).unwrap();
    let event = made.add::<Event>("event", ()).unwrap();
    let barrier = made.add::<Barrier>("barrier", 2).unwrap();
    let (condvar, mutex) =
        (made.add::<Condvar>("condvar", ()).unwrap(), made.add::<Mutex>("mutex", ()).unwrap());
    let table = made.add::<RwLock>("table", ()).unwrap();
    assert!(semaphore.acquire_timeout(SHORT).is_err());
    assert!(event.wait_timeout(SHORT).is_err());
    assert!(barrier.wait_timeout(SHORT).is_err());
    drop(condvar.wait_timeout(mutex.lock().unwrap(), SHORT).unwrap());
    let reader = table.read().unwrap();
    assert!(matches!(table.write_timeout(SHORT), Err(LockError::Timeout)));
    drop(reader);
    for (object, what) in [
        ("semaphore", "empty"),
        ("event", "waits"),
        ("barrier", "waits"),
        ("condvar", "waits"),
        ("table", "writes_delayed"),
    ] {
        assert_eq!(counters(&name, object, &[what, "wakes"]), json!([1, 0]), "{object}");
    }
    event.set();
    event.clear();
    event.set();
    assert_eq!(counters(&name, "event", &["sets"]), json!([2]));
}

#[test]
fn inspect_counters_count_wakes() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-wakes");
    let made = Segment::create(&name, 1 << 20).unwrap();
    let queue = made.add::<Queue<u64>>("queue", 1).unwrap();
    let popper = support::waiting::asleep({
        let queue = queue.clone();
        move || queue.pop()
    });
    queue.push(5).unwrap();
    assert_eq!(popper.wake().unwrap(), 5);
    assert_eq!(counters(&name, "queue", &["empty", "wakes"]), json!([1, 1]));
}

#[test]
fn inspect_counters_count_deaths() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-deaths");
    let made = Segment::create(&name, 1 << 20).unwrap();
    add_objects(&made);
    let jobs = made.get::<Queue<u64>>("jobs").unwrap();
    jobs.push(1).unwrap();
    for _ in 0..2 {
        child("hold", &name).kill();
        assert!(made.get::<Mutex>("mutex").unwrap().lock().unwrap().recovered());
    }
    child("lease", &name).kill();
    child("sit", &name).kill();
    made.reap().unwrap();
    assert_eq!(counters(&name, "mutex", &["recoveries"]), json!([2]));
    assert_eq!(counters(&name, "jobs", &["repairs"]), json!([1]));
    assert_eq!(counters(&name, "seats", &["repairs"]), json!([3]));
    assert_eq!(counters(&name, "table", &["repairs", "recoveries"]), json!([1, 0]));
}
