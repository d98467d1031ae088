//! How a receiver finds the segment of a handle: by its name, through its sender, or not at all.

use std::sync::atomic::Ordering::Relaxed;

use breezeway::Segment;
use support::scratch::Scratch;
use support::{Role, Watchdog, unique};

use super::{Bundle, FORMATS, Format, handles_work_in_child, in_a_child};

#[test]
fn deserialize_in_child_handle_whose_name_was_removed() {
    let _watchdog = Watchdog::start(60);
    for format in FORMATS {
        let scratch = Scratch::new("serde-removed");
        let (name, path) = (unique("serde-removed"), scratch.file("segment"));
        for segment in [Segment::create(&name, 1 << 16), Segment::create_file(&path, 1 << 16)] {
            let bundle = Bundle::add_to(segment.unwrap());
            let before = format.write(&bundle);
            let _ = Segment::remove(&name).or_else(|_| Segment::remove_file(&path));
            assert!(!bundle.segment.is_linked());
            // Another segment has the name by now.
            let _other = Segment::create(&name, 1 << 16).unwrap();
            for text in [before, format.write(&bundle)] {
                bundle.value.set(1).unwrap();
                bundle.atomic.store(3, Relaxed);
                let mut child = Role::spawn(in_a_child, &["bundle", format.name, &text]);
                assert_eq!(child.hear(), "changed");
                assert_eq!(bundle.value.get(), 12);
                child.tell("end");
                assert!(child.join().success());
            }
        }
    }
}

#[test]
fn deserialize_without_name_and_sender_says_why_each_way_failed() {
    let format = Format::of("json");
    let name = unique("serde-gone");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let text = format.write(&segment);
    drop(segment);
    let message = format.read::<Segment>(&text).map(drop).unwrap_err();
    for part in [&*name, "there is no segment", "of its sender, process", "by its name"] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    let anonymous = format.write(&Segment::new(1 << 16).unwrap());
    let message = format.read::<Segment>(&anonymous).map(drop).unwrap_err();
    assert!(message.contains("of its sender") && !message.contains("by its name"), "{message}");
}

#[test]
fn deserialize_in_child_handle_of_a_path_that_is_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("serde-bytes");
    let path = scratch.file("").join(std::ffi::OsString::from_vec(b"\xff\xfe segment".to_vec()));
    for format in FORMATS {
        let segment = Segment::create_file(&path, 1 << 16).unwrap();
        let text = format.write(&segment);
        // By the path, not through this process.
        let text = text.replace(&format!("\"pid\":{}", std::process::id()), "\"pid\":0");
        if format.name == "json" {
            let found = format.read::<Segment>(&text).unwrap();
            assert_eq!((found.id(), found.path().unwrap()), (segment.id(), path.clone()));
        }
        handles_work_in_child(segment, format);
        Segment::remove_file(&path).unwrap();
    }
}

#[test]
fn deserialize_leaves_a_fifo_alone() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let scratch = Scratch::new("serde-fifo");
    let path = scratch.file("segment");
    let segment = Segment::create_file(&path, 1 << 16).unwrap();
    let text = Format::of("json").write(&segment);
    drop(segment);
    std::fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // A reader that is waited for, and nobody else opens it.
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::OpenOptions::new().write(true).open(path)
    });
    std::thread::sleep(std::time::Duration::from_millis(50));
    let message = Format::of("json").read::<Segment>(&text).map(drop).unwrap_err();
    assert!(message.contains("a FIFO"), "{message}");
    assert!(!writer.is_finished());
    let _reader = std::fs::File::open(&path).unwrap();
    writer.join().unwrap().unwrap();
}
