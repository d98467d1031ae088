//! [`EventFd`]: a descriptor by which one thread wakes another that polls several.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

use super::descriptors;

/// An eventfd: it can be read from [`signal`](Self::signal) until [`drain`](Self::drain).
#[derive(Debug)]
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        let _standard = descriptors::hold_standard();
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    pub(crate) fn signal(&self) {
        // Fails only after 2⁶⁴ signals, and then it can be read already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    pub(crate) fn drain(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::sys::clock::Deadline;
    use crate::sys::poll::wait_any;

    #[test]
    fn event_fd_is_ready_from_signal_until_drain() {
        let fds_of_events = [EventFd::new().unwrap(), EventFd::new().unwrap()];
        let fds = fds_of_events.each_ref().map(AsFd::as_fd);
        wait_any(fds, Some(Deadline::after(Duration::ZERO))).unwrap();
        fds_of_events[1].signal();
        fds_of_events[1].signal();
        wait_any(fds, None).unwrap();
        fds_of_events[1].drain();
        fds_of_events[1].drain();
        fds_of_events[1].signal();
        wait_any(fds, None).unwrap();
    }
}
