//! Segments that hold more than fits into memory: looking at them ends soon.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::process::Command;

use breezeway::queue::Queue;
use breezeway::{Segment, inspect};
use support::Watchdog;
use support::process::until;
use support::scratch::{Name, patch, peek};

use super::{facts, text};

/// Bytes of a queue's state, and of a slot of eight bytes.
const STATE: u64 = 384;
const SLOT: u64 = 16;

/// Creates an unattached segment with a queue that claims this many slots, in a sparse file.
/// Returns the offset of the slots.
fn oversized(name: &Name, participants: u32, capacity: u64) -> u64 {
    let entry = 256 + u64::from(participants) * 64;
    let options = Segment::builder().participants(participants).objects(1).persist(true);
    drop(options.create(name, entry + (1 << 16)).unwrap().add::<Queue<u64>>("jobs", 4).unwrap());
    let offset = u64::from_ne_bytes(peek(&name.path(), entry + 72));
    let length = STATE + SLOT * capacity;
    for (at, field) in [(24, offset + length), (entry + 80, length), (entry + 96, capacity)] {
        patch(&name.path(), at, &field.to_ne_bytes());
    }
    OpenOptions::new().write(true).open(name.path()).unwrap().set_len(offset + length).unwrap();
    offset + STATE
}

/// Regression: all slots that the queue claimed were walked, even those beyond the file.
#[test]
fn inspect_huge_queue_skips_slots_that_do_not_exist() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("cli-huge-slots");
    oversized(&name, 4, 1 << 36);
    assert_eq!(facts(&name, "jobs", &["capacity", "stuck"]), serde_json::json!([1_u64 << 36, 0]));
    for command in [&["ls"][..], &["ls", "--json"], &["top", "--count", "1"], &["gc", "--dry-run"]] {
        text(command);
    }
}

/// Regression: each slot was compared with all participants.
#[test]
fn inspect_huge_queue_finds_many_dead_holders_soon() {
    const DEAD: u32 = 0xffff;
    const SLOTS: u64 = 3 << 20;
    let _watchdog = Watchdog::start(60);
    let name = Name::new("cli-huge-dead");
    let slots = oversized(&name, DEAD, SLOTS);
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    // The state, and a pid that no process has.
    let entry = [1_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let entries = [entry, vec![0; 56]].concat().repeat(DEAD as usize);
    file.write_all_at(&entries, 256).unwrap();
    // The last participants are writing.
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

/// Whether the command succeeds with 64 MiB of address space, which is less than inspecting an
/// object of 64 MiB takes.
fn succeeds_in_64_mib(arguments: &str) -> bool {
    let program = assert_cmd::cargo::cargo_bin!("breezeway").display();
    let line = format!("ulimit -v 65536; exec {program} {arguments}");
    Command::new("sh").args(["-c", &line]).output().unwrap().status.success()
}

/// Regression: `ls` copied the objects that it only counts, and so did `gc`.
#[test]
fn ls_huge_objects_are_not_copied() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-huge-copy");
    oversized(&name, 4, 1 << 24);
    for arguments in ["ls", "gc --dry-run", &format!("gc {} --dry-run", &*name)] {
        assert!(succeeds_in_64_mib(arguments), "{arguments}");
    }
    let report = inspect::outline(&name).unwrap();
    let jobs = &report.objects[0];
    assert_eq!((&*jobs.name, &*jobs.kind, jobs.length), ("jobs", "Queue", STATE + (SLOT << 24)));
    assert!(jobs.facts.is_empty() && jobs.counters.is_empty() && jobs.waiters.is_empty());
    let inspected = inspect::inspect(&name).unwrap();
    assert!(!inspected.objects[0].facts.is_empty());
    assert_eq!((report.stale, report.damage), (inspected.stale, inspected.damage));
}

/// Regression: every readable segment was inspected before those of other users were left out.
#[test]
fn ls_huge_segments_of_other_users_are_not_read() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("only root can give a file away: segments of others were not tested");
    }
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-huge-foreign");
    oversized(&name, 4, 1 << 24);
    std::os::unix::fs::chown(name.path(), Some(65534), None).unwrap();
    // Tests that run at the same time may have large segments.
    until(|| succeeds_in_64_mib("ls --json") && succeeds_in_64_mib("top --count 1"));
    assert!(!text(&["ls"]).contains(&*name));
    assert_eq!(inspect::inspect(&name).unwrap().owner, 65534);
}
