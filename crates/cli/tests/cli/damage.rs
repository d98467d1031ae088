//! Damaged segments: they are shown as far as they make sense.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use breezeway::inspect;
use breezeway::queue::{JoinableQueue, MessageQueue, Queue, spsc};
use breezeway::sync::{Barrier, BoundedSemaphore, Condvar, Event, Mutex, Once, RwLock, Semaphore};
use breezeway::{Array, Segment, SegmentError, Value};
use support::Watchdog;
use support::scratch::{Name, patch};

use super::{breezeway, segment, text};

const LENGTH: u64 = 1 << 18;

/// Creates a segment with an object of every kind that has a state.
fn segment_of_all_kinds(name: &str) -> Segment {
    let made = Segment::builder().participants(8).objects(16).create(name, LENGTH).unwrap();
    made.add::<Value<[u64; 4]>>("value", [1; 4]).unwrap();
    made.add::<Array<u32>>("array", 5).unwrap();
    made.add::<Mutex>("mutex", ()).unwrap();
    made.add::<Once>("once", ()).unwrap();
    made.add::<RwLock>("rwlock", ()).unwrap();
    made.add::<Condvar>("condvar", ()).unwrap();
    made.add::<Semaphore>("semaphore", 1).unwrap();
    made.add::<BoundedSemaphore>("seats", 3).unwrap();
    made.add::<Event>("event", ()).unwrap();
    made.add::<Barrier>("barrier", 3).unwrap();
    made.add::<Queue<u64>>("queue", 5).unwrap().push(1).unwrap();
    drop(spsc::add::<u64>(&made, "spsc", 5).unwrap());
    made.add::<MessageQueue<u64>>("messages", 3).unwrap().push(1).unwrap();
    made.add::<JoinableQueue<u64>>("jobs", 3).unwrap().push(1).unwrap();
    made
}

/// Copies such a segment, unattached: its bytes, its file, and the offsets of the words that
/// a report is made of.
fn copy(model: &str, name: &Name) -> (Vec<u8>, File, Vec<u64>) {
    let made = segment_of_all_kinds(model);
    let sound = fs::read(format!("/dev/shm/{model}")).unwrap();
    let objects = inspect::inspect(model).unwrap().objects;
    drop(made);
    fs::write(name.path(), &sound).unwrap();
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    // Of long objects only the beginning.
    let of_objects =
        objects.iter().flat_map(|object| (object.offset..).take(object.length.min(600) as usize));
    let offsets = (0..objects[0].offset).chain(of_objects).filter(|at| at % 8 == 0);
    (sound, file, offsets.collect())
}

/// A pseudo-random generator.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn inspect_damaged_random_bytes() {
    let _watchdog = Watchdog::start(300);
    let (model, name) = (Name::new("cli-damage-model"), Name::new("cli-damage"));
    let (sound, file, places) = copy(&model, &name);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let evil =
        [0, 1, 2, 3, 0xff, u64::MAX, 1 << 63, u64::from(u32::MAX), 0x7fff_ffff, 1 << 32, 0x1_0001, 1 << 40];
    for round in 0..4000 {
        let mut broken = Vec::new();
        for _ in 0..1 + numbers.next() % 12 {
            let at = places[(numbers.next() % places.len() as u64) as usize];
            let word = match numbers.next() % 3 {
                0 => numbers.next(),
                _ => evil[(numbers.next() % evil.len() as u64) as usize],
            };
            file.write_all_at(&word.to_ne_bytes(), at).unwrap();
            broken.push(at);
        }
        // A report can be formatted and serialised.
        match inspect::inspect(&name) {
            Ok(report) => drop((format!("{report:?}"), serde_json::to_string(&report).unwrap())),
            Err(SegmentError::NotASegment { .. }) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
        if round % 400 == 0 {
            // The command may fail and must not crash.
            let code = breezeway(&["inspect", &name]).assert().get_output().status.code();
            assert!(matches!(code, Some(0 | 1)), "round {round}: {code:?}");
            text(&["ls"]);
        }
        for at in broken {
            file.write_all_at(&sound[at as usize..at as usize + 8], at).unwrap();
        }
    }
}

#[test]
fn inspect_damaged_each_word() {
    let _watchdog = Watchdog::start(300);
    let (model, name) = (Name::new("cli-words-model"), Name::new("cli-words"));
    let (sound, file, places) = copy(&model, &name);
    for at in places {
        for word in [u64::MAX, 0x8000_0001_8000_0001] {
            file.write_all_at(&word.to_ne_bytes(), at).unwrap();
            match inspect::inspect(&name) {
                Ok(report) => drop(serde_json::to_string(&report).unwrap()),
                Err(error) => assert!(at == 0, "{at}: {error}"),
            }
        }
        file.write_all_at(&sound[at as usize..at as usize + 8], at).unwrap();
    }
}

#[test]
fn inspect_damaged_shows_what_is_sound() {
    let name = Name::new("cli-damaged");
    let made = segment_of_all_kinds(&name);
    let table = 256 + 8 * 64;
    // The third object's offset.
    patch(&name.path(), table + 2 * 192 + 72, &u64::MAX.to_ne_bytes());
    let json = segment(&name);
    assert_eq!(json["objects"].as_array().unwrap().len(), 2);
    assert_eq!(json["participants"].as_array().unwrap().len(), 1);
    assert!(!json["damage"].as_str().unwrap().is_empty());
    assert_eq!(json["stale"], false);
    let text = text(&["inspect", &name]);
    assert!(text.contains("damaged: ") && text.contains("array: "), "{text}");

    // Of another version, and of a truncated segment, only the header is read.
    patch(&name.path(), 12, &3_u32.to_ne_bytes());
    assert!(segment(&name)["damage"].as_str().unwrap().contains("version"));
    patch(&name.path(), 12, &2_u32.to_ne_bytes());
    OpenOptions::new().write(true).open(name.path()).unwrap().set_len(300).unwrap();
    assert!(segment(&name)["objects"].as_array().unwrap().is_empty());
    std::mem::forget(made); // The file no longer has its pages.
}
