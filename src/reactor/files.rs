//! Files that tasks wait for: a thread sleeps until one of them has something to read, as `poll` has it.
//!
//! It is started when a task waits for the first time, and ends when none has waited for a while.

use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::waker_registration::WakerRegistration;
use crate::primitive::Arc;
use crate::raw::waker_cell::{WakeReason, WakerCell};
use crate::sys::clock::Deadline;
use crate::sys::eventfd::EventFd;
use crate::sys::per_process::PerProcess;
use crate::sys::poll;

/// Those of this process.
static FILES: PerProcess<Files> = PerProcess::new();

/// How long the thread stays when there is nothing to wait for.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it sleeps where the system does not let it wait for so many files at once.
const FALLBACK_POLL: Duration = Duration::from_millis(10);

/// What is waited for, and kept open by that.
type File = Arc<dyn AsFd + Send + Sync>;

#[derive(Default)]
struct Files {
    state: Mutex<FilesState>,
}

#[derive(Default)]
struct FilesState {
    /// By the tickets of the tasks. Who is called is not there any more.
    waiting: BTreeMap<u64, (File, Arc<WakerCell>)>,
    tickets: u64,
    /// The thread's, while there is one: rung when others wait than it knows of.
    event_fd: Option<Arc<EventFd>>,
}

/// Waits until the file has something to read or is at its end: a process's descriptor, until that has ended.
///
/// Another may have read it by then, so who looks in vain waits again.
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

    /// Has a task called when the file can be read.
    fn add(&'static self, file: File, waker: &Waker) -> io::Result<FileTicket> {
        let registration = WakerRegistration::new(waker);
        let mut state = self.lock();
        let event_fd = match &state.event_fd {
            Some(event_fd) => Arc::clone(event_fd),
            None => {
                let event_fd = Arc::new(EventFd::new()?);
                let its = Arc::clone(&event_fd);
                thread::Builder::new().name("breezeway files".to_owned()).spawn(move || self.run(&its))?;
                state.event_fd.insert(event_fd).clone()
            }
        };
        let number = state.tickets;
        state.tickets += 1;
        state.waiting.insert(number, (file, registration.cell()));
        drop(state);
        event_fd.signal();
        Ok(FileTicket { number, registration })
    }

    /// What the thread does.
    fn run(&self, event_fd: &EventFd) {
        let mut idle_until = None;
        loop {
            event_fd.drain();
            let mut state = self.lock();
            let waiting: Vec<(u64, File)> =
                state.waiting.iter().map(|(number, (file, _))| (*number, Arc::clone(file))).collect();
            if waiting.is_empty() {
                if idle_until.get_or_insert_with(|| Deadline::after(IDLE_TIMEOUT)).has_passed() {
                    state.event_fd = None;
                    return;
                }
            } else {
                idle_until = None;
            }
            drop(state);
            let fds = || waiting.iter().map(|(_, file)| file.as_fd());
            let ready = poll::wait_ready([event_fd.as_fd()].into_iter().chain(fds()), idle_until);
            let ready: Vec<bool> = match ready {
                Ok(ready) => ready.into_iter().skip(1).collect(),
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

    /// Takes a task out, if it waits.
    fn take(&self, number: u64) -> Option<(File, Arc<WakerCell>)> {
        self.lock().waiting.remove(&number)
    }
}

/// A task's place. Dropped, it is given up.
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
            && let Some(event_fd) = &files.lock().event_fd
        {
            // The thread has the file open as well, while it sleeps.
            event_fd.signal();
        }
    }
}
