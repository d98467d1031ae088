//! `breezeway inspect`: objects, holders and waiters.

use std::fs;

use breezeway::queue::{JoinableQueue, MessageQueue, Queue, bytes, spsc};
use breezeway::sync::{
    Barrier, BoundedSemaphore, Condvar, Event, Mutex, Once, ReentrantMutex, RwLock, Semaphore,
};
use breezeway::{Array, Atomic, Segment, Value};
use serde_json::{Value as Json, json};
use support::Watchdog;
use support::process::until;
use support::scratch::Name;
use support::waiting::asleep;

use super::child::{add_objects, child};
use super::{facts, object, segment, text};

#[test]
fn inspect_shows_header_and_participants() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-inspect");
    let made = Segment::builder().participants(5).objects(3).create(&name, 1 << 16).unwrap();
    made.add::<Value<u64>>("value", 1).unwrap();
    let dead = child("open", &name);
    let pid = dead.pid();
    dead.kill();

    let json = segment(&name);
    assert_eq!((&json["participants_max"], &json["objects_max"]), (&5.into(), &3.into()));
    assert_eq!(json["path"], name.path().to_str().unwrap());
    assert_eq!(json["damage"], Json::Null);
    let [me, other] = &json["participants"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!((&me["id"], &me["pid"], &me["alive"]), (&1.into(), &std::process::id().into(), &true.into()));
    assert_eq!((&other["id"], &other["pid"], &other["alive"]), (&2.into(), &pid.into(), &false.into()));
    assert_eq!(other["command"], "");
    assert_eq!(json["objects"][0]["kind"], "Value");

    let text = text(&["inspect", &name]);
    for words in [
        "65536 bytes",
        "mode 600",
        "in use",
        "2 of 5 places",
        "1 of 3 objects",
        "dead",
        "value: a Value<u64>",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn inspect_mutex_holder_alive_and_killed() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-holder");
    let made = Segment::create(&name, 1 << 16).unwrap();
    add_objects(&made);
    made.get::<Queue<u64>>("jobs").unwrap().push_slice(&[1, 2]).unwrap();
    let (holder, leaser) = (child("hold", &name), child("lease", &name));

    let held = object(&name, "mutex")["facts"]["held_by"].clone();
    assert_eq!(
        (&held[0]["pid"], &held[0]["alive"], &held[0]["participant"]),
        (&holder.pid().into(), &true.into(), &2.into())
    );
    assert!(held[0]["command"].as_str().unwrap().contains("cli"));
    assert!(facts(&name, "mutex", &["thread"])[0].as_u64().unwrap() > 0);
    let leased = object(&name, "jobs")["facts"]["leased_by"].clone();
    assert_eq!((&leased[0]["pid"], &leased[0]["alive"]), (&leaser.pid().into(), &true.into()));
    assert_eq!(facts(&name, "jobs", &["stuck", "fill", "capacity", "head", "tail"]), json!([0, 1, 4, 1, 2]));
    assert!(text(&["inspect", &name]).contains(&format!("#2 {}", holder.pid())));
}

#[test]
fn inspect_queue_lease_of_a_dead_process_is_stuck() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-dead-holder");
    let made = Segment::create(&name, 1 << 16).unwrap();
    add_objects(&made);
    made.get::<Queue<u64>>("jobs").unwrap().push_slice(&[1, 2]).unwrap();
    let (holder, leaser) = (child("hold", &name), child("lease", &name));
    let pid = leaser.pid();
    holder.kill();
    leaser.kill();

    assert_eq!(facts(&name, "mutex", &["abandoned"]), json!([true]));
    let held = object(&name, "mutex")["facts"]["held_by"].clone();
    assert_eq!((&held[0]["participant"], &held[0]["alive"]), (&2.into(), &false.into()));
    assert_eq!(facts(&name, "jobs", &["stuck"]), json!([1]));
    let leased = object(&name, "jobs")["facts"]["leased_by"].clone();
    assert_eq!(
        (&leased[0]["pid"], &leased[0]["alive"], &leased[0]["times"]),
        (&pid.into(), &false.into(), &1.into())
    );
    let text = text(&["inspect", &name]);
    assert!(text.contains(&format!("#3 {pid}, dead")), "{text}");
    assert!(text.contains("abandoned          yes"), "{text}");
}

#[test]
fn inspect_readers_and_permits_by_process() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-permits");
    let made = Segment::create(&name, 1 << 16).unwrap();
    add_objects(&made);
    let sitter = child("sit", &name);
    assert_eq!(facts(&name, "seats", &["available", "total"]), json!([2, 5]));
    for (object, fact, times) in [("seats", "held_by", 3), ("table", "readers", 2)] {
        let holders = facts(&name, object, &[fact])[0].clone();
        assert_eq!((&holders[0]["pid"], &holders[0]["times"]), (&sitter.pid().into(), &times.into()));
    }
    assert!(text(&["inspect", &name]).contains(" × 3"));
}

/// Whether processes may inspect others of the same user that are not their children.
fn may_inspect_processes() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    matches!(scope.trim(), "" | "0") || rustix::process::geteuid().is_root()
}

#[test]
fn inspect_waiters_where_the_kernel_permits() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-waiters");
    let made = Segment::create(&name, 1 << 16).unwrap();
    add_objects(&made);
    let mutex = made.get::<Mutex>("mutex").unwrap();
    let guard = mutex.lock().unwrap();
    let (mut locker, mut popper) = (child("lock", &name), child("pop", &name));
    until(|| object(&name, "mutex")["facts"]["awaited"] == true);
    if may_inspect_processes() {
        for (object, pid) in [("mutex", locker.pid()), ("jobs", popper.pid())] {
            until(|| self::object(&name, object)["waiters"][0]["pid"] == pid);
        }
        until(|| text(&["inspect", &name]).contains("waiters "));
    } else {
        eprintln!("this system does not let processes inspect each other: waiters were not tested");
    }
    drop(guard);
    assert_eq!(locker.hear(), "locked");
    made.get::<Queue<u64>>("jobs").unwrap().push(9).unwrap();
    assert_eq!(popper.hear(), "9");
}

#[test]
fn inspect_describes_every_kind() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-kinds");
    let made = Segment::create(&name, 1 << 20).unwrap();
    made.add::<Value<f64>>("value", 1.5).unwrap();
    made.add::<Array<u32>>("array", 100).unwrap();
    made.add::<Atomic<u64>>("atomic", 5).unwrap();
    let reentrant = made.add::<ReentrantMutex>("reentrant", ()).unwrap();
    let _levels = (reentrant.lock().unwrap(), reentrant.lock().unwrap());
    made.add::<Once>("once", ()).unwrap().call_once(|_| ()).unwrap();
    let table = made.add::<RwLock>("rwlock", ()).unwrap();
    let _writer = table.write().unwrap();
    made.add::<Semaphore>("semaphore", 3).unwrap().acquire().unwrap().forget();
    let seats = made.add::<BoundedSemaphore>("seats", 2).unwrap();
    let _seat = seats.acquire().unwrap();
    made.add::<Event>("event", ()).unwrap().set();
    let barrier = made.add::<Barrier>("barrier", 2).unwrap();
    let condvar = made.add::<Condvar>("condvar", ()).unwrap();
    let (mut tx, mut rx) = spsc::add::<u64>(&made, "spsc", 8).unwrap();
    tx.push_slice(&[1, 2, 3]).unwrap();
    rx.pop().unwrap();
    let _bytes = bytes::add(&made, "bytes", 256).unwrap();
    let messages = made.add::<MessageQueue<String>>("messages", 16).unwrap();
    messages.push("one".to_owned()).unwrap();
    messages.push("two".to_owned()).unwrap();
    messages.pop().unwrap();
    let jobs = made.add::<JoinableQueue<String>>("jobs", 16).unwrap();
    jobs.push("job".to_owned()).unwrap();
    let job = jobs.lease().unwrap();

    let waiting = asleep({
        let mutex = made.add::<Mutex>("mutex", ()).unwrap();
        let condvar = condvar.clone();
        move || drop(condvar.wait(mutex.lock().unwrap()).unwrap())
    });
    let arriving = asleep({
        let barrier = barrier.clone();
        move || barrier.wait().unwrap().is_leader()
    });

    let me = std::process::id();
    let expected: &[(&str, &[&str], Json)] = &[
        ("value", &["abandoned"], json!([false])),
        ("array", &["held_by"], json!([[]])),
        ("reentrant", &["levels"], json!([2])),
        ("once", &["state"], json!(["done"])),
        ("rwlock", &["writer_is_inside", "readers"], json!([true, []])),
        ("semaphore", &["available"], json!([2])),
        ("seats", &["available", "total"], json!([1, 2])),
        ("event", &["set"], json!([true])),
        ("barrier", &["arrived", "parties", "broken"], json!([1, 2, false])),
        ("condvar", &["notified"], json!([[]])),
        ("spsc", &["fill", "capacity", "tail", "head"], json!([2, 8, 3, 1])),
        ("spsc", &["producer_end", "consumer_end", "closed"], json!(["taken", "taken", false])),
        ("bytes", &["fill", "capacity"], json!([0, 256])),
        ("messages", &["fill", "closed"], json!([1, false])),
        ("jobs", &["fill", "unfinished", "stuck"], json!([0, 1, 0])),
    ];
    for (object, names, values) in expected {
        assert_eq!(facts(&name, object, names), *values, "{object}: {names:?}");
    }
    for (object, fact) in [
        ("reentrant", "held_by"),
        ("rwlock", "writer"),
        ("seats", "held_by"),
        ("barrier", "arrived_parties"),
        ("condvar", "waiting"),
        ("spsc", "producer"),
        ("jobs", "leased_by"),
    ] {
        assert_eq!(facts(&name, object, &[fact])[0][0]["pid"], me, "{object}: {fact}");
    }
    let text = text(&["inspect", &name]);
    for object in segment(&name)["objects"].as_array().unwrap() {
        let line =
            format!("{}: {}", object["name"].as_str().unwrap(), object["description"].as_str().unwrap());
        assert!(text.contains(&line), "{line} in {text}");
    }

    condvar.notify_all();
    waiting.wake();
    assert!(barrier.wait().unwrap().is_leader() != arriving.wake());
    job.ack().unwrap();
}

#[test]
fn inspect_writes_nothing() {
    let name = Name::new("cli-untouched");
    let made = Segment::create(&name, 1 << 16).unwrap();
    add_objects(&made);
    let before = fs::read(name.path()).unwrap();
    text(&["ls"]);
    text(&["inspect", &name]);
    text(&["top", &name, "--count", "2", "--every", "0.01"]);
    text(&["gc", &name, "--yes"]);
    assert!(before == fs::read(name.path()).unwrap());
    assert_eq!(made.participants().unwrap().len(), 1);
}
