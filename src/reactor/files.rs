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

use super::own::{Own, Seat};
use crate::primitive::Arc;
use crate::raw::slot::{Call, Slot};
use crate::sys::bell::Bell;
use crate::sys::clock::Deadline;
use crate::sys::poll;

/// Those of this process.
static FILES: Own<Files> = Own::new();

/// How long the thread stays when there is nothing to wait for.
const LINGER: Duration = Duration::from_secs(1);

/// How long it sleeps where the system does not let it wait for so many files at once.
const NAP: Duration = Duration::from_millis(10);

/// What is waited for, and kept open by that.
type File = Arc<dyn AsFd + Send + Sync>;

#[derive(Default)]
struct Files {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the tickets of the tasks. Who is called is not there any more.
    waiting: BTreeMap<u64, (File, Arc<Slot>)>,
    tickets: u64,
    /// The thread's, while there is one: rung when others wait than it knows of.
    bell: Option<Arc<Bell>>,
}

/// Waits until the file has something to read or is at its end: a process's descriptor, until that has ended.
///
/// Another may have read it by then, so who looks in vain waits again.
pub(crate) async fn readable<F: AsFd + Send + Sync + 'static>(file: Arc<F>) -> io::Result<()> {
    let mut ticket: Option<Ticket> = None;
    poll_fn(move |context| match ticket.take_if(|ticket| ticket.seat.is_ours()) {
        Some(known) if known.seat.wait(context.waker()).is_some() => {
            known.seat.end();
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a task called when the file can be read.
    fn add(&'static self, file: File, waker: &Waker) -> io::Result<Ticket> {
        let seat = Seat::new(waker);
        let mut state = self.lock();
        let bell = match &state.bell {
            Some(bell) => Arc::clone(bell),
            None => {
                let bell = Arc::new(Bell::new()?);
                let its = Arc::clone(&bell);
                thread::Builder::new().name("breezeway files".to_owned()).spawn(move || self.run(&its))?;
                state.bell.insert(bell).clone()
            }
        };
        let number = state.tickets;
        state.tickets += 1;
        state.waiting.insert(number, (file, seat.slot()));
        drop(state);
        bell.ring();
        Ok(Ticket { number, seat })
    }

    /// What the thread does.
    fn run(&self, bell: &Bell) {
        let mut idle_until = None;
        loop {
            bell.silence();
            let mut state = self.lock();
            let waiting: Vec<(u64, File)> =
                state.waiting.iter().map(|(number, (file, _))| (*number, Arc::clone(file))).collect();
            if waiting.is_empty() {
                if idle_until.get_or_insert_with(|| Deadline::after(LINGER)).has_passed() {
                    state.bell = None;
                    return;
                }
            } else {
                idle_until = None;
            }
            drop(state);
            let fds = || waiting.iter().map(|(_, file)| file.as_fd());
            let ready = poll::wait_for_some([bell.as_fd()].into_iter().chain(fds()), idle_until);
            let ready: Vec<bool> = match ready {
                Ok(ready) => ready.into_iter().skip(1).collect(),
                Err(_) => {
                    thread::sleep(NAP);
                    fds().map(poll::is_ready).collect()
                }
            };
            for ((number, _), _) in waiting.iter().zip(ready).filter(|(_, is_ready)| *is_ready) {
                if let Some((_, slot)) = self.take(*number) {
                    slot.call(Call::News);
                }
            }
        }
    }

    /// Takes a task out, if it waits.
    fn take(&self, number: u64) -> Option<(File, Arc<Slot>)> {
        self.lock().waiting.remove(&number)
    }
}

/// A task's place. Dropped, it is given up.
struct Ticket {
    number: u64,
    seat: Seat,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.seat.is_ours() {
            return;
        }
        let files = FILES.get();
        if files.take(self.number).is_some()
            && let Some(bell) = &files.lock().bell
        {
            // The thread has the file open as well, while it sleeps.
            bell.ring();
        }
    }
}
