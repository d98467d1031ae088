//! Segments with far more in them than fits into memory, or into a second: looking at them ends, and soon.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use breezeway::queue::Queue;
use breezeway::{Segment, inspect};

use super::{facts, text};
use crate::support::Watchdog;
use crate::support::scratch::{Name, patch, peek};

/// Bytes of a queue's state, and of a slot of eight bytes.
const STATE: u64 = 384;
const SLOT: u64 = 16;

/// A segment that nobody has, with a queue that claims so many slots, in a file that is as long but takes no room. Gives where the
/// slots begin.
fn swollen(name: &Name, participants: u32, capacity: u64) -> u64 {
    let entry = 256 + u64::from(participants) * 64;
    let options = Segment::options().participants(participants).objects(1).persist(true);
    drop(options.create(name, entry + (1 << 16)).unwrap().add::<Queue<u64>>("jobs", 4).unwrap());
    let offset = u64::from_ne_bytes(peek(&name.path(), entry + 72));
    let length = STATE + SLOT * capacity;
    for (at, field) in [(24, offset + length), (entry + 80, length), (entry + 96, capacity)] {
        patch(&name.path(), at, &field.to_ne_bytes());
    }
    OpenOptions::new().write(true).open(name.path()).unwrap().set_len(offset + length).unwrap();
    offset + STATE
}

/// The review's finding: all slots that the queue claimed were walked, whether they were there or not.
#[test]
fn slots_that_are_not_there_are_not_walked() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("cli-huge-slots");
    swollen(&name, 4, 1 << 36);
    assert_eq!(facts(&name, "jobs", &["capacity", "stuck"]), serde_json::json!([1_u64 << 36, 0]));
    for command in [&["ls"][..], &["ls", "--json"], &["watch", "--count", "1"], &["gc", "--dry-run"]] {
        text(command);
    }
}

/// The review's finding: for each slot, all participants were asked whether they are its owner.
#[test]
fn many_dead_in_many_slots_are_found_soon() {
    const DEAD: u32 = 0xffff;
    const SLOTS: u64 = 3 << 20;
    let _watchdog = Watchdog::start(60);
    let name = Name::new("cli-huge-dead");
    let slots = swollen(&name, DEAD, SLOTS);
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    // A state, then a pid that no process has.
    let entry = [1_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let entries = [entry, vec![0; 56]].concat().repeat(DEAD as usize);
    file.write_all_at(&entries, 256).unwrap();
    // The last ones write.
    let slot = |n: u64| [(u64::from(DEAD) - n % 1000) << 4 | 1, 0].map(u64::to_ne_bytes).concat();
    let words: Vec<u8> = (0..SLOTS).flat_map(slot).collect();
    file.write_all_at(&words, slots).unwrap();

    let jobs = &inspect::inspect(&name).unwrap().objects[0];
    let fact = |name: &str| jobs.facts.iter().find(|(fact, _)| *fact == name).unwrap().1.clone();
    assert_eq!(fact("stuck"), inspect::Fact::Count(SLOTS));
    let inspect::Fact::Holders(holders) = fact("written_by") else { panic!("{jobs:?}") };
    assert_eq!(holders.len(), 1000);
    assert_eq!(holders.iter().map(|holder| holder.times).sum::<u64>(), SLOTS);
    assert!(holders.iter().all(|holder| !holder.alive && holder.process.is_some()));
}
