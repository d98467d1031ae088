//! [`PollWaker`]: by which one thread wakes another that polls files.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

use super::{descriptors, process};
use crate::primitive::{AtomicI32, Ordering};

/// Wakes a thread that polls its descriptor: ready from [`signal`](Self::signal) until
/// [`drain`](Self::drain).
///
/// It is a timer. Its descriptor may be closed, or its number given to another file, without this
/// process's knowledge. Setting a timer has no effect on a file of another kind, and the period by
/// which this timer repeats, decades, tells it from every other timer. The thread that polls must
/// look at what it waits for once in a while: a signal is lost if the descriptor is.
#[derive(Debug)]
pub(crate) struct PollWaker {
    number: AtomicI32,
    period: Timespec,
}

/// The shortest period, in seconds: the timer has never to be waited for.
const DECADES: u32 = 1 << 30;

impl PollWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let id = u128::from_ne_bytes(process::random_id());
        let seconds = DECADES | (id as u32 >> 3);
        let period = Timespec { tv_sec: seconds.into(), tv_nsec: ((id >> 64) as u32 % 1_000_000_000).into() };
        let waker = Self { number: AtomicI32::new(-1), period };
        waker.renew()?;
        Ok(waker)
    }

    /// Opens a timer, whatever the number before it leads to.
    fn renew(&self) -> io::Result<()> {
        let _standard = descriptors::hold_standard();
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &self.after(self.period))?;
        // ORDER: relaxed; the number stands for itself, and each use checks what it leads to.
        self.number.store(timer.into_raw_fd(), Ordering::Relaxed);
        Ok(())
    }

    fn after(&self, time: Timespec) -> Itimerspec {
        Itimerspec { it_interval: self.period, it_value: time }
    }

    /// The descriptor to poll, if it is this one's now.
    pub(crate) fn current(&self) -> Option<BorrowedFd<'_>> {
        let number = self.number.load(Ordering::Relaxed);
        if number < 0 {
            return None;
        }
        // SAFETY: not -1. If it is closed, or another file's, the call below fails, or tells another
        // period.
        let timer = unsafe { BorrowedFd::borrow_raw(number) };
        timerfd_gettime(timer).is_ok_and(|set| set.it_interval == self.period).then_some(timer)
    }

    pub(crate) fn signal(&self) {
        self.set(Timespec { tv_sec: 0, tv_nsec: 1 });
    }

    /// Makes it unready. If the descriptor was lost, there is another one afterwards, unless the
    /// system refuses.
    pub(crate) fn drain(&self) {
        if !self.set(self.period) {
            let _ = self.renew();
        }
    }

    fn set(&self, time: Timespec) -> bool {
        let timer = self.current();
        timer.is_some_and(|timer| {
            timerfd_settime(timer, TimerfdTimerFlags::empty(), &self.after(time)).is_ok()
        })
    }
}

impl Drop for PollWaker {
    fn drop(&mut self) {
        if let Some(number) = self.current().map(|timer| timer.as_raw_fd()) {
            // SAFETY: from `into_raw_fd`, and still this timer's descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::sys::clock::Deadline;
    use crate::sys::poll::{is_ready, wait_any};

    #[test]
    fn poll_waker_is_ready_from_signal_until_drain() {
        let wakers = [PollWaker::new().unwrap(), PollWaker::new().unwrap()];
        let fds = || wakers.iter().map(|waker| waker.current().unwrap());
        wait_any(fds(), Some(Deadline::after(Duration::ZERO))).unwrap();
        assert!(!fds().any(is_ready));
        wakers[1].signal();
        wakers[1].signal();
        wait_any(fds(), None).unwrap();
        wakers[1].drain();
        assert!(!fds().any(is_ready));
        wakers[1].signal();
        wait_any(fds(), None).unwrap();
        assert!(!is_ready(wakers[0].current().unwrap()) && is_ready(wakers[1].current().unwrap()));
    }

    #[test]
    fn poll_waker_leaves_other_files_alone() {
        let (one, other) = (PollWaker::new().unwrap(), PollWaker::new().unwrap());
        let own = one.number.swap(other.number.load(Ordering::Relaxed), Ordering::Relaxed);
        assert!(one.current().is_none(), "another timer");
        one.signal();
        assert!(!is_ready(other.current().unwrap()));
        one.drain();
        one.signal();
        assert!(is_ready(one.current().unwrap()) && !is_ready(other.current().unwrap()));
        // SAFETY: taken out of `one`.
        drop(unsafe { OwnedFd::from_raw_fd(own) });
    }
}
