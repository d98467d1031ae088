//! A descriptor that one thread rings for another that waits for many at once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// An eventfd: it can be read from when it is rung until it is silenced.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: OwnedFd,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    pub(crate) fn ring(&self) {
        // Fails only where it was rung 2⁶⁴ times: it rings then, too.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    pub(crate) fn silence(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
    }
}

impl AsFd for Bell {
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
    fn rung_and_silenced() {
        let bells = [Bell::new().unwrap(), Bell::new().unwrap()];
        let fds = bells.each_ref().map(AsFd::as_fd);
        wait_any(fds, Some(Deadline::after(Duration::ZERO))).unwrap();
        bells[1].ring();
        bells[1].ring();
        wait_any(fds, None).unwrap();
        bells[1].silence();
        bells[1].silence();
        bells[1].ring();
        wait_any(fds, None).unwrap();
    }
}
