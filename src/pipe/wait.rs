//! [`wait`]: waits until one of many receiving ends, processes and files is ready.

use core::iter;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use sealed::ReadySource;

use crate::primitive::spin_loop;
use crate::raw::event_count::EventCount;
use crate::raw::wait::RECHECK_INTERVAL;
use crate::sys::clock::Deadline;
use crate::sys::poll;

/// What [`wait`] can wait for: the receiving ends of pipes, and everything with a file descriptor,
/// such as processes (by their sentinels) and sockets. A file is ready when it can be read or is at
/// its end; a process is ready when it has ended.
pub trait Waitable: sealed::Sealed {}

impl<W: sealed::Sealed + ?Sized> Waitable for W {}

pub(super) mod sealed {
    use std::os::fd::BorrowedFd;

    use crate::raw::event_count::EventCount;

    /// What a waiter sleeps on until a waitable may be ready.
    #[derive(Clone, Copy, Debug)]
    pub enum ReadySource<'a> {
        Event(EventSource<'a>),
        File(BorrowedFd<'a>),
    }

    #[derive(Clone, Copy, Debug)]
    pub struct EventSource<'a>(pub(super) &'a EventCount);

    impl<'a> ReadySource<'a> {
        pub(in crate::pipe) fn of(event: &'a EventCount) -> Self {
            Self::Event(EventSource(event))
        }
    }

    /// Implemented by this crate only.
    pub trait Sealed {
        /// Whether this is ready now.
        fn is_ready(&mut self) -> bool;
        fn source(&self) -> ReadySource<'_>;
        /// Asks the kernel whether the peer has died.
        fn check_peers(&self) {}
    }

    impl<F: std::os::fd::AsFd> Sealed for F {
        fn is_ready(&mut self) -> bool {
            super::poll::is_ready(self.as_fd())
        }

        fn source(&self) -> ReadySource<'_> {
            ReadySource::File(self.as_fd())
        }
    }
}

/// How often to look before sleeping on a machine with several CPUs: some microseconds.
const SPIN_POLLS: u32 = 200;

/// A file does not end a sleep on shared memory. With files among the waitables, sleeps therefore
/// last this long at first, and then twice as long each time.
const MIN_SLICE: Duration = Duration::from_millis(1);
const MAX_SLICE: Duration = Duration::from_millis(16);

/// Waits until one or more waitables are ready, for at most `timeout` if there is one, and returns
/// their indices: none if the timeout elapses.
///
/// A receiving end is ready when `recv` would not wait: a whole message has arrived, or the end of
/// file, or an error.
///
/// If all waitables are receiving ends, or all are files, the thread sleeps until one of them is
/// ready. If there are both, it looks at the files at least 60 times a second. A process's death is
/// seen by its sentinel, and within 100 ms at its pipes.
///
/// ```
/// use std::time::Duration;
///
/// use breezeway::pipe;
///
/// let (a_tx, mut a) = pipe::simplex::<u32>()?;
/// let (mut b_tx, mut b) = pipe::simplex::<String>()?;
/// assert!(pipe::wait(&mut [&mut a, &mut b], Duration::from_millis(1)).is_empty());
/// b_tx.send("breeze".to_owned())?;
/// assert_eq!(pipe::wait(&mut [&mut a, &mut b], None), [1]);
/// drop(a_tx);
/// assert_eq!(pipe::wait(&mut [&mut a, &mut b], None), [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A [`Process`](crate::process::Process) is ready when it has ended:
///
/// ```
/// use breezeway::pipe;
/// use breezeway::process::{self, Process};
///
/// let (tx, mut rx) = pipe::simplex::<u32>()?;
/// let work = |mut tx: pipe::Sender<u32>| {
///     tx.send(7).unwrap();
///     std::thread::sleep(std::time::Duration::from_secs(3600));
/// };
/// let mut child = Process::spawn(work, tx)?;
/// assert_eq!(process::wait(&mut [&mut rx, &mut child], None), [0]);
/// assert_eq!(rx.recv()?, 7);
/// child.kill()?;
/// assert_eq!(process::wait(&mut [&mut child], None), [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If there are no waitables and no timeout.
#[doc(alias = "select")]
pub fn wait(waitables: &mut [&mut dyn Waitable], timeout: impl Into<Option<Duration>>) -> Vec<usize> {
    let deadline = timeout.into().map(Deadline::after);
    assert!(!waitables.is_empty() || deadline.is_some(), "waiting for nothing is for ever");
    let (events, files) = (events(waitables).count(), files(waitables).count());
    let ready = find_ready(waitables);
    if !ready.is_empty() {
        return ready;
    }
    if files == 0 && !self::events(waitables).all(EventCount::is_spinning_hopeless) {
        for _ in 0..SPIN_POLLS {
            spin_loop();
            let ready = find_ready(waitables);
            if !ready.is_empty() {
                return ready;
            }
        }
    }
    let longer = |nap: &Duration| Some((*nap * 2).min(MAX_SLICE));
    let mut naps = iter::successors(Some(MIN_SLICE), longer);
    loop {
        if deadline.is_some_and(Deadline::has_passed) {
            waitables.iter().for_each(|waitable| waitable.check_peers());
            return find_ready(waitables);
        }
        let slice = match naps.next() {
            Some(nap) if files > 0 => nap,
            _ => RECHECK_INTERVAL,
        };
        let ready = if events == 0 {
            // If the system refuses, as for too many files, the loop looks again.
            let _ = poll::wait_any(self::files(waitables), deadline);
            find_ready(waitables)
        } else {
            sleep_slice(waitables, slice, deadline)
        };
        if !ready.is_empty() {
            return ready;
        }
    }
}

/// Sleeps until one of the receiving ends is notified, at most for a slice, and returns the ready
/// waitables.
fn sleep_slice(
    waitables: &mut [&mut dyn Waitable],
    slice: Duration,
    deadline: Option<Deadline>,
) -> Vec<usize> {
    let prepared = EventCount::prepare_wait_all(events(waitables));
    let ready = find_ready(waitables);
    if !ready.is_empty() {
        return ready;
    }
    // A sleeper that a notifier may overlook sleeps briefly.
    let is_seen = prepared.iter().all(|prepared| prepared.is_seen);
    let slice = Deadline::after(if is_seen { slice } else { slice.min(MAX_SLICE) });
    let until = deadline.map_or(slice, |deadline| deadline.min(slice));
    EventCount::commit_wait_any(events(waitables).zip(prepared), until);
    let ready = find_ready(waitables);
    if ready.is_empty() {
        waitables.iter().for_each(|waitable| waitable.check_peers());
        return find_ready(waitables);
    }
    ready
}

/// The indices of the ready waitables.
fn find_ready(waitables: &mut [&mut dyn Waitable]) -> Vec<usize> {
    let ready = poll_each(waitables);
    let is_file = |place: &usize| matches!(waitables[*place].source(), ReadySource::File(_));
    if ready.len() < waitables.len() && ready.iter().any(is_file) {
        // The file may be the sentinel of a dead process. A caller that always finds it ready never
        // sleeps, and would not learn of the death at the process's pipes.
        waitables.iter().for_each(|waitable| waitable.check_peers());
        return poll_each(waitables);
    }
    ready
}

fn poll_each(waitables: &mut [&mut dyn Waitable]) -> Vec<usize> {
    let all = waitables.iter_mut().enumerate();
    all.filter_map(|(place, waitable)| waitable.is_ready().then_some(place)).collect()
}

fn events<'a>(waitables: &'a [&mut dyn Waitable]) -> impl Iterator<Item = &'a EventCount> {
    waitables.iter().filter_map(|waitable| match waitable.source() {
        ReadySource::Event(event) => Some(event.0),
        ReadySource::File(_) => None,
    })
}

fn files<'a>(waitables: &'a [&mut dyn Waitable]) -> impl Iterator<Item = BorrowedFd<'a>> {
    waitables.iter().filter_map(|waitable| match waitable.source() {
        ReadySource::Event(_) => None,
        ReadySource::File(file) => Some(file),
    })
}
