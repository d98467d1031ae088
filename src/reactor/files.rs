//! Tasks that wait for files: a thread sleeps in `poll` until one of the files is readable.
//!
//! The thread starts when a task waits for the first time, and ends once no task has waited for a
//! second.

use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::waker_cell::WakerCell;
use super::waker_registration::WakerRegistration;
use crate::primitive::Arc;
use crate::raw::wait::WakeReason;
use crate::sys::clock::Deadline;
use crate::sys::per_process::PerProcess;
use crate::sys::poll;
use crate::sys::poll_waker::PollWaker;

/// The files that tasks of this process wait for.
static FILES: PerProcess<Files> = PerProcess::new();

/// How long the thread stays when no task waits.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest sleep between looks at the files.
const RECHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the thread sleeps between looks if the system cannot poll this many files at once.
const FALLBACK_POLL: Duration = Duration::from_millis(10);

/// A file that a task waits for; this reference keeps it open.
type File = Arc<dyn AsFd + Send + Sync>;

#[derive(Default)]
struct Files {
    state: Mutex<FilesState>,
}

#[derive(Default)]
struct FilesState {
    /// By ticket number; a task that was woken is removed.
    waiting: BTreeMap<u64, (File, Arc<WakerCell>)>,
    tickets: u64,
    /// Wakes the thread when the set of files has changed; there while the thread runs.
    waker: Option<Arc<PollWaker>>,
}

/// Waits until the file is readable or at its end; a process's descriptor is readable once the
/// process has ended.
///
/// Another reader may be faster, so a caller that finds nothing to read waits again.
///
/// # Errors
/// The system's, if it refuses to start the thread or to create its event file.
pub(crate) async fn readable<F: AsFd + Send + Sync + 'static>(file: Arc<F>) -> io::Result<()> {
    let mut ticket: Option<FileTicket> = None;
    poll_fn(move |context| match ticket.take_if(|ticket| ticket.registration.is_ours()) {
        Some(known) if known.registration.register(context.waker()).is_some() => {
            known.registration.complete();
            Poll::Ready(Ok(()))
        }
        Some(known) => {
            ticket = Some(known);
            Poll::Pending
        }
        None => {
            ticket = Some(FILES.get().add(file.clone(), context.waker())?);
            Poll::Pending
        }
    })
    .await
}

impl Files {
    fn lock(&self) -> MutexGuard<'_, FilesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a task to be woken when the file is readable.
    fn add(&'static self, file: File, waker: &Waker) -> io::Result<FileTicket> {
        let registration = WakerRegistration::new(waker);
        let mut state = self.lock();
        let poll_waker = match &state.waker {
            Some(poll_waker) => Arc::clone(poll_waker),
            None => {
                let poll_waker = Arc::new(PollWaker::new()?);
                let its = Arc::clone(&poll_waker);
                thread::Builder::new().name("breezeway files".to_owned()).spawn(move || self.run(&its))?;
                state.waker.insert(poll_waker).clone()
            }
        };
        let number = state.tickets;
        state.tickets += 1;
        state.waiting.insert(number, (file, registration.cell()));
        drop(state);
        poll_waker.signal();
        Ok(FileTicket { number, registration })
    }

    /// The thread's loop.
    fn run(&self, poll_waker: &PollWaker) {
        let mut idle_until = None;
        loop {
            poll_waker.drain();
            let mut state = self.lock();
            let waiting: Vec<(u64, File)> =
                state.waiting.iter().map(|(number, (file, _))| (*number, Arc::clone(file))).collect();
            if waiting.is_empty() {
                if idle_until.get_or_insert_with(|| Deadline::after(IDLE_TIMEOUT)).has_passed() {
                    state.waker = None;
                    return;
                }
            } else {
                idle_until = None;
            }
            drop(state);
            let fds = || waiting.iter().map(|(_, file)| file.as_fd());
            let own = poll_waker.current();
            // Bounded, because the program may have closed descriptors: a signal is lost then.
            let recheck = Deadline::after(RECHECK_INTERVAL);
            let until = idle_until.map_or(recheck, |idle_until: Deadline| idle_until.min(recheck));
            let ready = poll::wait_ready(own.into_iter().chain(fds()), Some(until));
            let ready: Vec<bool> = match ready {
                Ok(ready) => ready.into_iter().skip(usize::from(own.is_some())).collect(),
                Err(_) => {
                    thread::sleep(FALLBACK_POLL);
                    fds().map(poll::is_ready).collect()
                }
            };
            for ((number, _), _) in waiting.iter().zip(ready).filter(|(_, is_ready)| *is_ready) {
                if let Some((_, cell)) = self.take(*number) {
                    cell.wake(WakeReason::Notified);
                }
            }
        }
    }

    /// Removes a task if it is registered.
    fn take(&self, number: u64) -> Option<(File, Arc<WakerCell>)> {
        self.lock().waiting.remove(&number)
    }
}

/// A task's registration; dropping it deregisters the task.
struct FileTicket {
    number: u64,
    registration: WakerRegistration,
}

impl Drop for FileTicket {
    fn drop(&mut self) {
        if !self.registration.is_ours() {
            return;
        }
        let files = FILES.get();
        if files.take(self.number).is_some()
            && let Some(poll_waker) = &files.lock().waker
        {
            // The sleeping thread holds the file too; woken, it lets go of it.
            poll_waker.signal();
        }
    }
}
