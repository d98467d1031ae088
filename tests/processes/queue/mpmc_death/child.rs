//! A process that operates on a queue on command, or pushes or pops until it is killed.

use std::fmt::Debug;

use breezeway::Segment;
use breezeway::queue::Queue;
use support::fork::fork;
use support::numbered::Numbered;
use support::process::thread_id;
use support::{Role, listen, role, say};

#[test]
pub fn in_a_child() {
    let Some(arguments) = role() else { return };
    let segment = Segment::open(&arguments[1]).unwrap();
    match &*arguments[0] {
        "hammer" => hammer::<u64>(&segment),
        "hammer pages" => hammer::<[u64; 512]>(&segment),
        "eat" => eat::<u64>(&segment),
        "eat pages" => eat::<[u64; 512]>(&segment),
        "obey" => obey(&segment.get("queue").unwrap()),
        verb => unreachable!("{verb}"),
    }
}

/// Pushes on and on.
fn hammer<T: Numbered>(segment: &Segment) {
    let queue = segment.get::<Queue<T>>("queue").unwrap();
    for n in 0.. {
        queue.push(T::of(n)).unwrap();
    }
}

/// Takes on and on.
fn eat<T: Numbered>(segment: &Segment) {
    let queue = segment.get::<Queue<T>>("queue").unwrap();
    loop {
        assert!(queue.pop().unwrap().is_whole());
    }
}

/// A child that does as it is told.
pub fn spawn(name: &str) -> Role {
    let mut child = Role::spawn(in_a_child, &["obey", name]);
    assert_eq!(child.hear(), "ready");
    child
}

/// Has a child do something.
pub fn ask(child: &mut Role, what: &str) -> String {
    child.tell(what);
    child.hear()
}

fn answer(result: impl Debug) {
    say(&format!("{result:?}"));
}

fn obey(queue: &Queue<u64>) {
    let mut leases = Vec::new();
    say("ready");
    loop {
        match &*listen() {
            "lease" => match queue.lease() {
                Ok(lease) => {
                    answer((*lease, lease.redelivered()));
                    leases.push(lease);
                }
                Err(error) => answer(error),
            },
            "ack" => {
                leases.remove(0).ack().unwrap();
                say("acknowledged");
            }
            "drop" => {
                drop(leases.remove(0));
                say("dropped");
            }
            "forget" => {
                std::mem::forget(leases.remove(0));
                say("forgotten");
            }
            "fork" => {
                fork(|| leases.drain(..).for_each(drop)).join();
                say("forked");
            }
            "pop" => answer(queue.pop()),
            "wait" => {
                say(&thread_id());
                answer(queue.pop());
            }
            word => unreachable!("{word}"),
        }
    }
}
