//! [`wait`]: many at once, whichever is ready first.

use core::iter;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use sealed::Source;

use crate::primitive::spin_loop;
use crate::raw::event_word::EventWord;
use crate::raw::patience::SLICE;
use crate::sys::clock::Deadline;
use crate::sys::poll;
use crate::sys::process::has_many_cpus;

/// What can be waited for by [`wait`]: the receiving ends of pipes, and whatever has a file: processes, by their
/// sentinels; sockets. A file is ready when it has something to read or is at its end; a process, when it has ended.
pub trait Waitable: sealed::Sealed {}

impl<W: sealed::Sealed + ?Sized> Waitable for W {}

pub(super) mod sealed {
    use std::os::fd::BorrowedFd;

    use crate::raw::event_word::EventWord;

    /// What tells of news.
    #[derive(Clone, Copy, Debug)]
    pub enum Source<'a> {
        Event(Event<'a>),
        File(BorrowedFd<'a>),
    }

    #[derive(Clone, Copy, Debug)]
    pub struct Event<'a>(pub(super) &'a EventWord);

    impl<'a> Source<'a> {
        pub(in crate::pipe) fn of(event: &'a EventWord) -> Self {
            Self::Event(Event(event))
        }
    }

    /// Keeps `Waitable` this crate's.
    pub trait Sealed {
        /// Whether it is ready now.
        fn is_ready(&mut self) -> bool;
        fn source(&self) -> Source<'_>;
        /// Sees whether somebody has died whom this waits for.
        fn care(&self) {}
    }

    impl<F: std::os::fd::AsFd> Sealed for F {
        fn is_ready(&mut self) -> bool {
            super::poll::is_ready(self.as_fd())
        }

        fn source(&self) -> Source<'_> {
            Source::File(self.as_fd())
        }
    }
}

/// Looks in a row before going to sleep, where somebody else may be at work meanwhile: some microseconds.
const EAGER_LOOKS: u32 = 200;

/// A file does not end a sleep on shared memory, so that is as brief as this at first, and then longer and longer.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(16);

/// Waits until one or more of these are ready, and says which, by their places; nothing where the time is up before. Without a timeout
/// it waits as long as it takes.
///
/// A receiving end is ready when a `recv` would not wait: a message is there, all of it, or the end of file.
///
/// Among receiving ends only, or files only, it sleeps until one of them is ready. Where there are both, files are looked at 60 times a
/// second or more. The death of a process is seen within 100 ms at its pipes, and by its sentinel.
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
/// If there is nothing to wait for, and no timeout.
#[doc(alias = "select")]
pub fn wait(many: &mut [&mut dyn Waitable], timeout: impl Into<Option<Duration>>) -> Vec<usize> {
    let deadline = timeout.into().map(Deadline::after);
    assert!(!many.is_empty() || deadline.is_some(), "waiting for nothing is for ever");
    let (events, files) = (events(many).count(), files(many).count());
    let ready = look(many);
    if !ready.is_empty() {
        return ready;
    }
    if files == 0 && has_many_cpus() {
        for _ in 0..EAGER_LOOKS {
            spin_loop();
            let ready = look(many);
            if !ready.is_empty() {
                return ready;
            }
        }
    }
    let longer = |nap: &Duration| Some((*nap * 2).min(LONGEST));
    let mut naps = iter::successors(Some(SHORTEST), longer);
    loop {
        if deadline.is_some_and(Deadline::has_passed) {
            many.iter().for_each(|one| one.care());
            return look(many);
        }
        let slice = match naps.next() {
            Some(nap) if files > 0 => nap,
            _ => SLICE,
        };
        let ready = if events == 0 {
            // Where the system refuses, as for too many files, this looks again.
            let _ = poll::wait_any(self::files(many), deadline);
            look(many)
        } else {
            sleep(many, slice, deadline)
        };
        if !ready.is_empty() {
            return ready;
        }
    }
}

/// Sleeps until something has come to pass at one of the receiving ends, though no longer than a slice.
fn sleep(many: &mut [&mut dyn Waitable], slice: Duration, deadline: Option<Deadline>) -> Vec<usize> {
    let announced = EventWord::announce_at_all(events(many));
    let ready = look(many);
    if !ready.is_empty() {
        return ready;
    }
    // A sleeper that may be overlooked sleeps briefly.
    let is_seen = announced.iter().all(|announced| announced.is_seen);
    let slice = Deadline::after(if is_seen { slice } else { slice.min(LONGEST) });
    let until = deadline.map_or(slice, |deadline| deadline.min(slice));
    EventWord::sleep_at_any(events(many).zip(announced), until);
    let ready = look(many);
    if ready.is_empty() {
        many.iter().for_each(|one| one.care());
        return look(many);
    }
    ready
}

/// Which are ready.
fn look(many: &mut [&mut dyn Waitable]) -> Vec<usize> {
    let ready = look_once(many);
    let is_file = |place: &usize| matches!(many[*place].source(), Source::File(_));
    if ready.len() < many.len() && ready.iter().any(is_file) {
        // Perhaps the sentinel of who has died: nobody who comes again and again finds it ready, and never sleeps, is to wait
        // longer for what that means to the pipes.
        many.iter().for_each(|one| one.care());
        return look_once(many);
    }
    ready
}

fn look_once(many: &mut [&mut dyn Waitable]) -> Vec<usize> {
    let all = many.iter_mut().enumerate();
    all.filter_map(|(place, one)| one.is_ready().then_some(place)).collect()
}

fn events<'a>(many: &'a [&mut dyn Waitable]) -> impl Iterator<Item = &'a EventWord> {
    many.iter().filter_map(|one| match one.source() {
        Source::Event(event) => Some(event.0),
        Source::File(_) => None,
    })
}

fn files<'a>(many: &'a [&mut dyn Waitable]) -> impl Iterator<Item = BorrowedFd<'a>> {
    many.iter().filter_map(|one| match one.source() {
        Source::Event(_) => None,
        Source::File(file) => Some(file),
    })
}
