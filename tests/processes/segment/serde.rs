//! Handles as serde values: into another process, in every format, and from every kind of segment.

use std::sync::atomic::Ordering::Relaxed;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, LockError, Segment, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::scratch::Scratch;
use support::{Role, Watchdog, in_own_process, listen, role, say, unique};

mod finding;

/// Two formats: one that describes itself and one that does not. As text, to be an argument.
const FORMATS: [Format; 2] = [Format { name: "json" }, Format { name: "postcard" }];

#[derive(Clone, Copy)]
struct Format {
    name: &'static str,
}

impl Format {
    fn of(name: &str) -> Self {
        *FORMATS.iter().find(|format| format.name == name).unwrap()
    }

    fn write(self, what: &impl Serialize) -> String {
        match self.name {
            "json" => serde_json::to_string(what).unwrap(),
            _ => postcard::to_allocvec(what).unwrap().iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    fn read<T: DeserializeOwned>(self, text: &str) -> Result<T, String> {
        match self.name {
            "json" => serde_json::from_str(text).map_err(|error| error.to_string()),
            _ => postcard::from_bytes(&unhex(text)).map_err(|error| error.to_string()),
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

const TAG: u64 = 0x7e39_0001;

/// A handle of each kind.
#[derive(Serialize, Deserialize)]
struct Bundle {
    segment: Segment,
    value: Value<u64>,
    array: Array<[u8; 3]>,
    atomic: Atomic<u32>,
    mutex: Mutex,
    tagged: Value<[f32; 2]>,
}

impl Bundle {
    fn add_to(segment: Segment) -> Self {
        Self {
            value: segment.add("value", 1).unwrap(),
            array: segment.add("array", 4).unwrap(),
            atomic: segment.add("atomic", 3).unwrap(),
            mutex: segment.add("mutex", ()).unwrap(),
            tagged: segment.tagged(TAG).add("tagged", [0.0; 2]).unwrap(),
            segment,
        }
    }
}

/// A handle of each kind, in a segment of its own.
#[derive(Serialize, Deserialize)]
struct Alone {
    value: Value<u64>,
    array: Array<[u8; 3]>,
    atomic: Atomic<u32>,
    mutex: Mutex,
}

/// A queue, and one end of each of two others; the other ends stay.
#[derive(Serialize, Deserialize)]
struct Queues {
    queue: Queue<u64>,
    tx: spsc::Producer<[u8; 3]>,
    rx: bytes::BytesConsumer,
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["bundle", format, text] => {
            let Bundle { segment, value, array, atomic, mutex, tagged } =
                Format::of(format).read(text).unwrap();
            segment.get::<Value<u64>>("value").unwrap().update(|v| *v += 10).unwrap();
            tagged.set([1.0, 2.0]).unwrap();
            change(&value, &array, &atomic, &mutex);
        }
        ["alone", format, text] => {
            let Alone { value, array, atomic, mutex } = Format::of(format).read(text).unwrap();
            change(&value, &array, &atomic, &mutex);
        }
        ["pass on", format, text] => {
            let format = Format::of(format);
            let value: Value<u64> = format.read(text).unwrap();
            value.set(5).unwrap();
            say(&format.write(&value));
            listen();
        }
        ["queues", format, text] => {
            let Queues { queue, mut tx, mut rx } = Format::of(format).read(text).unwrap();
            assert_eq!(queue.pop().unwrap(), 1);
            queue.push(2).unwrap();
            tx.push([3; 3]).unwrap();
            assert_eq!(&*rx.read().unwrap(), b"four");
            say("done");
            listen();
        }
        ["shared", name, text] => {
            let format = Format::of("json");
            let refused = format.read::<Segment>(text).map(drop).unwrap_err();
            assert!(refused.contains("(mode 0660)"), "{refused}");
            // What this process has opened, it has.
            let _segment = Segment::builder().group_access(true).open(name).unwrap();
            format.read::<Segment>(text).unwrap().add::<Value<u8>>("seen", 1).unwrap();
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn change(value: &Value<u64>, array: &Array<[u8; 3]>, atomic: &Atomic<u32>, mutex: &Mutex) {
    value.update(|v| *v += 1).unwrap();
    array.lock().unwrap()[1] = [7; 3];
    atomic.fetch_add(5, Relaxed);
    let _guard = mutex.lock().unwrap();
    say("changed");
    listen();
}

fn handles_work_in_child(segment: Segment, format: Format) {
    let _watchdog = Watchdog::start(60);
    let bundle = Bundle::add_to(segment);
    let mut child = Role::spawn(in_a_child, &["bundle", format.name, &format.write(&bundle)]);
    assert_eq!(child.hear(), "changed");
    assert_eq!(bundle.value.get(), 12);
    assert_eq!(bundle.array.to_vec(), [[0; 3], [7; 3], [0; 3], [0; 3]]);
    assert_eq!(bundle.atomic.load(Relaxed), 8);
    assert_eq!(bundle.tagged.get(), [1.0, 2.0]);
    assert_eq!(bundle.mutex.try_lock().err(), Some(LockError::WouldBlock));
    child.tell("end");
    assert!(child.join().success());
    assert!(!bundle.mutex.lock().unwrap().recovered());
}

#[test]
fn deserialize_in_child_handles_of_named_segment() {
    for format in FORMATS {
        handles_work_in_child(Segment::create(&unique("serde-named"), 1 << 16).unwrap(), format);
    }
}

#[test]
fn deserialize_in_child_handles_of_file_segment() {
    for format in FORMATS {
        let scratch = Scratch::new("serde-file");
        handles_work_in_child(Segment::create_file(scratch.file("segment"), 1 << 16).unwrap(), format);
    }
}

#[test]
fn deserialize_in_child_handles_of_anonymous_segment() {
    for format in FORMATS {
        handles_work_in_child(Segment::new(1 << 16).unwrap(), format);
    }
}

#[test]
fn deserialize_in_child_handles_with_own_segments() {
    let _watchdog = Watchdog::start(60);
    for format in FORMATS {
        let alone = Alone {
            value: Value::new(1).unwrap(),
            array: Array::new([[1; 3]; 2]).unwrap(),
            atomic: Atomic::create(&unique("serde-alone"), 3).unwrap(),
            mutex: Mutex::new().unwrap(),
        };
        let mut child = Role::spawn(in_a_child, &["alone", format.name, &format.write(&alone)]);
        assert_eq!(child.hear(), "changed");
        assert_eq!((alone.value.get(), alone.array.get(1), alone.atomic.load(Relaxed)), (2, Some([7; 3]), 8));
        assert_eq!(alone.mutex.try_lock().err(), Some(LockError::WouldBlock));
    }
}

#[test]
fn deserialize_in_child_queues_and_endpoints() {
    let _watchdog = Watchdog::start(60);
    for (format, named) in FORMATS.into_iter().flat_map(|format| [(format, true), (format, false)]) {
        let name = unique("serde-queues");
        let segment = if named { Segment::create(&name, 1 << 16) } else { Segment::new(1 << 16) }.unwrap();
        let queue = segment.add::<Queue<u64>>("queue", 4).unwrap();
        let (tx, mut rx) = spsc::add(&segment, "values", 4).unwrap();
        let (mut byte_tx, byte_rx) = bytes::add(&segment, "bytes", 64).unwrap();
        queue.push(1).unwrap();
        byte_tx.push(b"four").unwrap();
        let queues = Queues { queue, tx, rx: byte_rx };
        let text = format.write(&queues);
        assert!(serde_json::to_string(&queues.tx).is_err() && serde_json::to_string(&queues.rx).is_err());
        let mut child = Role::spawn(in_a_child, &["queues", format.name, &text]);
        assert_eq!(child.hear(), "done");
        assert_eq!((queues.queue.pop().unwrap(), rx.pop().unwrap()), (2, [3; 3]));
        assert!(byte_tx.is_empty() && byte_tx.is_connected());
    }
}

#[test]
fn serialize_deserialized_handle_again() {
    let _watchdog = Watchdog::start(60);
    for format in FORMATS {
        for value in [Value::<u64>::new(1).unwrap(), Value::create(&unique("serde-on"), 1).unwrap()] {
            let mut child = Role::spawn(in_a_child, &["pass on", format.name, &format.write(&value)]);
            let back: Value<u64> = format.read(&child.hear()).unwrap();
            assert_eq!(back.get(), 5);
            back.set(6).unwrap();
            assert_eq!(value.get(), 6);
            assert_eq!(value.segment().id(), back.segment().id());
        }
    }
}

#[test]
fn deserialize_opens_under_the_rules_of_the_receiver() {
    let _watchdog = Watchdog::start(60);
    let name = unique("serde-mode");
    let segment = Segment::builder().mode(0o660).create(&name, 1 << 16).unwrap();
    assert!(
        Role::spawn(in_a_child, &["shared", &name, &Format::of("json").write(&segment)]).join().success()
    );
    assert_eq!(segment.get::<Value<u8>>("seen").unwrap().get(), 1);
}

/// A handle as a part of a message that is read in two steps, as tagged enums and JSON trees are.
#[test]
fn deserialize_from_tagged_enum_and_json_value() {
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "job")]
    enum Job {
        Fill { target: Value<u64> },
    }
    let value = Value::new(1_u64).unwrap();
    let text = serde_json::to_string(&Job::Fill { target: value.clone() }).unwrap();
    let Job::Fill { target } = serde_json::from_str(&text).expect("a tagged enum holds a handle");
    target.set(2).unwrap();
    let tree = serde_json::to_value(&value).expect("a JSON tree holds a handle");
    serde_json::from_value::<Value<u64>>(tree).unwrap().update(|v| *v += 1).unwrap();
    assert_eq!(value.get(), 3);
}

/// A segment has room for so many participants, and a process may be sent any number of handles.
#[test]
fn deserialize_many_handles_attaches_once() {
    // The process has one register of what it has attached. While another test reads a reference, it is locked, and this
    // one would attach anew.
    if !in_own_process(deserialize_many_handles_attaches_once) {
        return;
    }
    let segment = Segment::builder().participants(3).create_anonymous(1 << 16).unwrap();
    let value = segment.add::<Value<u64>>("value", 0).unwrap();
    for format in FORMATS {
        let texts = [format.write(&segment), format.write(&value)];
        let handles: Vec<Value<u64>> = (0..200).map(|_| format.read(&texts[1]).unwrap()).collect();
        let again: Segment = format.read(&texts[0]).unwrap();
        // The one that created it.
        assert_eq!(segment.participants().unwrap().len(), 1);
        for handle in &handles {
            handle.update(|v| *v += 1).unwrap();
        }
        drop((handles, again));
        assert_eq!(segment.participants().unwrap().len(), 1);
    }
    assert_eq!(value.get(), 400);
}

#[test]
fn deserialize_replaced_segment_fails() {
    for format in FORMATS {
        let name = unique("serde-replaced");
        let scratch = Scratch::new("serde-replaced");
        let make = || {
            let named = Value::<u64>::create(&name, 1).unwrap();
            let file = Segment::create_file(scratch.file("segment"), 1 << 16).unwrap();
            (format.write(&named), format.write(&file), named, file)
        };
        let (old_value, old_segment, named, file) = make();
        assert!(
            format.read::<Value<u64>>(&old_value).is_ok() && format.read::<Segment>(&old_segment).is_ok()
        );
        drop((named, file));
        Segment::remove_file(scratch.file("segment")).unwrap();
        assert!(
            format.read::<Value<u64>>(&old_value).is_err() && format.read::<Segment>(&old_segment).is_err()
        );
        let (new_value, _, _named, _file) = make();
        assert!(format.read::<Value<u64>>(&new_value).is_ok());
        assert!(format.read::<Value<u64>>(&old_value).is_err(), "mistaken for another of its name");
        assert!(format.read::<Segment>(&old_segment).is_err(), "mistaken for another of its path");
    }
}

#[test]
fn deserialize_dropped_anonymous_segment_fails() {
    for format in FORMATS {
        let gone = Value::<u64>::new(1).unwrap();
        let text = format.write(&gone);
        drop(gone);
        assert!(format.read::<Value<u64>>(&text).is_err());
        // Another now has its descriptor, most likely.
        let _other = Value::<u64>::new(2).unwrap();
        assert!(format.read::<Value<u64>>(&text).is_err(), "mistaken for another at its descriptor");
    }
}

#[test]
fn deserialize_as_wrong_type_fails_naming_the_type() {
    let format = Format::of("json");
    let value = format.write(&Value::<u64>::create(&unique("serde-type"), 1).unwrap());
    let held = Segment::new(1 << 16).unwrap();
    let in_segment = held.add::<Value<u64>>("value", 1).unwrap();
    let text = format.write(&in_segment);
    let refused = [
        format.read::<Value<i64>>(&text).err(),
        format.read::<Value<[u32; 2]>>(&text).err(),
        format.read::<Array<u64>>(&text).err(),
        format.read::<Atomic<u64>>(&text).err(),
        format.read::<Mutex>(&text).err(),
    ];
    for message in refused {
        let message = message.expect("read as another type");
        assert!(message.contains("is a Value<u64>"), "{message}");
    }
    assert!(format.read::<Value<u64>>(&value).is_err(), "its creator is gone");
    assert!(format.read::<Segment>(&text).is_err(), "an object's reference is no segment's");
    assert!(format.read::<Value<u64>>(&format.write(&held)).is_err(), "a segment's reference is no object's");
}

#[test]
fn deserialize_tagged_handle_matches_by_tag() {
    for format in FORMATS {
        let segment = Segment::new(1 << 16).unwrap();
        let tagged = segment.tagged(TAG).add::<Value<u64>>("value", 1).unwrap();
        let text = format.write(&tagged);
        assert_eq!(format.read::<Value<u64>>(&text).unwrap().get(), 1);
        // The tag stands for the name of the type: another of the same size and alignment may have it.
        assert_eq!(format.read::<Value<i64>>(&text).unwrap().get(), 1);
        assert!(format.read::<Value<u32>>(&text).is_err());
    }
}

#[test]
fn deserialize_garbage_fails() {
    let name = unique("serde-garbage");
    let value = Value::<u64>::create(&name, 1).unwrap();
    for text in
        ["", "null", "{}", "[]", "7", "\"value\"", "{\"segment\":7}", "{\"segment\":{},\"object\":\"root\"}"]
    {
        assert!(serde_json::from_str::<Value<u64>>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Segment>(text).is_err(), "{text}");
    }
    let good = unhex(&Format::of("postcard").write(&value));
    for length in 0..good.len() {
        assert!(
            postcard::from_bytes::<Value<u64>>(&good[..length]).is_err(),
            "{length} bytes of {}",
            good.len()
        );
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // Some bits do not count, but nothing else is ever found.
            if let Ok(other) = postcard::from_bytes::<Value<u64>>(&bad) {
                assert_eq!(other.segment().id(), value.segment().id());
            }
        }
    }
    assert_eq!(value.get(), 1);
}

#[test]
fn deserialize_descriptor_of_no_segment_fails() {
    use std::os::fd::AsRawFd;
    let value = Value::<u64>::new(1).unwrap();
    let text = serde_json::to_string(&value).unwrap();
    let fd = text.split("\"fd\":").nth(1).unwrap().split('}').next().unwrap().to_owned();
    // Else this process finds its own mapping of the segment.
    drop(value);
    let (reader, _writer) = std::io::pipe().unwrap();
    let device = std::fs::File::open("/dev/null").unwrap();
    let folder = std::fs::File::open("/").unwrap();
    for other in [reader.as_raw_fd(), device.as_raw_fd(), folder.as_raw_fd(), i32::MAX, -1] {
        let text = text.replace(&format!("\"fd\":{fd}"), &format!("\"fd\":{other}"));
        assert!(serde_json::from_str::<Value<u64>>(&text).is_err(), "descriptor {other}");
    }
}
