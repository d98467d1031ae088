//! The participants of a segment: which of them live, and what dead ones leave.

mod forks;
mod staging;
mod stale;
mod table;

use breezeway::{Segment, SegmentBuilder, Value};
use support::{Role, listen, role, say};

const SIZE: u64 = 1 << 16;

/// A segment for three.
fn for_three() -> SegmentBuilder {
    Segment::builder().participants(3)
}

/// Child: makes or opens the segment, says as which participant, then does as it is told.
#[test]
fn member() {
    let Some(arguments) = role() else { return };
    let (verb, name) = (&*arguments[0], &arguments[1]);
    let segment = match verb {
        "create" => for_three().create(name, SIZE),
        "create for two" => Segment::builder().participants(2).create(name, SIZE),
        "create persisting" => for_three().persist(true).create(name, SIZE),
        "create file" => for_three().persist(false).create_file(name, SIZE),
        _ => Segment::open(name),
    };
    let segment = match segment {
        Ok(segment) => segment,
        Err(error) => return say(&format!("{error:?}")),
    };
    let value = segment.get_or_add::<Value<u64>>("value", 1).unwrap();
    say(&segment.participant_id().unwrap().to_string());
    loop {
        match &*listen() {
            "add" => value.update(|value| *value += 1).unwrap(),
            "hold" => {
                let _guard = value.lock().unwrap();
                say("holds");
                listen();
            }
            _ => break,
        }
        say("done");
    }
    drop((segment, value));
    say("left");
    listen();
}

/// A member, and the id it has.
fn spawn_member(verb: &str, name: &str) -> (Role, u32) {
    let mut member = Role::spawn(member, &[verb, name]);
    let id = member.hear().parse().unwrap();
    (member, id)
}

/// The error of a process that cannot open the segment.
fn spawn_refused(name: &str) -> String {
    let mut refused = Role::spawn(member, &["open", name]);
    let error = refused.hear();
    assert!(refused.join().success());
    error
}

/// Has a member do something.
fn ask(member: &mut Role, what: &str) -> String {
    member.tell(what);
    member.hear()
}

/// The participants' ids and pids, and whether they live.
fn seen(segment: &Segment) -> Vec<(u32, u32, bool)> {
    segment.participants().unwrap().iter().map(|one| (one.id, one.pid, one.alive)).collect()
}
