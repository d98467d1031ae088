//! What is no segment and lies where segments are: it is looked at, and not opened.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

use breezeway::{Segment, SegmentError};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::Watchdog;
use support::scratch::Name;

/// Whether a process has the FIFO open for reading: one that opens it to write, without waiting, is told.
fn has_reader(fifo: &Name) -> bool {
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(fifo.path()).is_ok()
}

#[test]
fn open_and_inspect_leave_a_fifo_alone() {
    let _watchdog = Watchdog::start(60);
    let fifo = Name::new("fifo");
    mknodat(CWD, fifo.path(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // A writer waits for a reader: a process that opens the FIFO to read lets it go on.
    let writer = std::thread::spawn({
        let path = fifo.path();
        move || OpenOptions::new().write(true).open(path)
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    let not_a_segment = |error| matches!(error, Some(SegmentError::NotASegment { what: "a FIFO" }));
    for _ in 0..20 {
        assert!(not_a_segment(Segment::open(&fifo).err()));
        assert!(not_a_segment(Segment::remove(&fifo).err()));
        assert!(matches!(Segment::create(&fifo, 1 << 16), Err(SegmentError::AlreadyExists { .. })));
        assert!(not_a_segment(breezeway::inspect::inspect(&fifo).err()));
        breezeway::inspect::outlines().unwrap();
        assert!(!breezeway::inspect::remove_stale(&fifo).unwrap_or(false));
        assert!(!writer.is_finished() && !has_reader(&fifo));
    }
    let _reader = OpenOptions::new().read(true).open(fifo.path()).unwrap();
    writer.join().unwrap().unwrap();
}
