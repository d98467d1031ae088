//! What other processes do with a segment while the command looks at it.

use breezeway::queue::Queue;
use breezeway::sync::{BoundedSemaphore, Mutex, RwLock};
use breezeway::{Segment, Value};
use support::{Role, listen, role, say};

/// Starts a process that does `what` with the segment, and waits until it has begun.
pub fn child(what: &str, segment: &str) -> Role {
    let mut child = Role::spawn(a_process, &[what, segment]);
    assert_eq!(child.hear(), "ready");
    child
}

/// Adds the objects that the processes use.
pub fn add_objects(segment: &Segment) {
    segment.add::<Mutex>("mutex", ()).unwrap();
    segment.add::<Queue<u64>>("jobs", 4).unwrap();
    segment.add::<RwLock>("table", ()).unwrap();
    segment.add::<BoundedSemaphore>("seats", 5).unwrap();
}

#[test]
fn a_process() {
    let Some(arguments) = role() else { return };
    let [what, name] = &arguments[..] else { panic!("{arguments:?}") };
    if what == "create" {
        let segment = Segment::create(name, 1 << 16).unwrap();
        segment.add::<Value<u64>>("value", 7).unwrap();
        return ready();
    }
    let segment = Segment::open(name).unwrap();
    match what.as_str() {
        "open" => ready(),
        "hold" => {
            let mutex = segment.get::<Mutex>("mutex").unwrap();
            let _guard = mutex.lock().unwrap();
            ready();
        }
        "lease" => {
            let jobs = segment.get::<Queue<u64>>("jobs").unwrap();
            let _lease = jobs.lease().unwrap();
            ready();
        }
        "lock" => {
            say("ready");
            let _guard = segment.get::<Mutex>("mutex").unwrap().lock().map(|_| say("locked"));
        }
        "pop" => {
            say("ready");
            let job = segment.get::<Queue<u64>>("jobs").unwrap().pop().unwrap();
            say(&job.to_string());
        }
        "sit" => {
            let (table, seats) = (segment.get::<RwLock>("table").unwrap(), segment.get("seats").unwrap());
            let _guards = (table.read().unwrap(), table.read().unwrap());
            let seats: BoundedSemaphore = seats;
            let _seats = [seats.acquire().unwrap(), seats.acquire().unwrap(), seats.acquire().unwrap()];
            ready();
        }
        other => panic!("{other}"),
    }
}

fn ready() {
    say("ready");
    listen();
}
