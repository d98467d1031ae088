//! Closing every descriptor from 3 on, and opening other files under the same numbers.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, memfd_create};

/// Closes every descriptor from 3 on, whoever has opened it.
pub fn close_all() {
    // SAFETY: to whom the descriptors belong is told by nobody: that is the case.
    assert_eq!(unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) }, 0);
}

/// Files that have the numbers of descriptors that were closed.
pub struct Strangers {
    files: Vec<(File, u64)>,
    events: Vec<OwnedFd>,
}

const TEXT: &[u8] = b"none of yours";

impl Strangers {
    /// Closes every descriptor from 3 on, and opens two kinds of files in turn: memory files, and
    /// event counters.
    pub fn in_place_of_all() -> Self {
        close_all();
        let (mut files, mut events) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let memory = memfd_create(c"stranger", MemfdFlags::CLOEXEC).unwrap();
            let mut file = File::from(memory);
            file.write_all(TEXT).unwrap();
            files.push((file, TEXT.len() as u64));
            events.push(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
        }
        Self { files, events }
    }

    /// Panics if a file was changed, read or closed.
    pub fn assert_untouched(&self) {
        use std::io::Seek;
        use std::os::unix::fs::FileExt;
        for (file, offset) in &self.files {
            let mut file = file;
            assert_eq!(file.stream_position().unwrap(), *offset, "nobody has read or written");
            let mut text = vec![0; TEXT.len()];
            file.read_exact_at(&mut text, 0).unwrap();
            assert!(text == TEXT && file.metadata().unwrap().len() == TEXT.len() as u64, "{text:?}");
        }
        for event in &self.events {
            assert_eq!(rustix::io::read(event, &mut [0; 8]), Err(rustix::io::Errno::AGAIN), "no event");
        }
    }
}
