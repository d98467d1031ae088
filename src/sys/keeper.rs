//! The keeper: a thread that keeps files open out of the reach of whatever closes descriptors.
//!
//! A program may close every descriptor that it does not know (`closefrom`), and then opens other
//! files under the same numbers. A file without a name is lost with its last descriptor. The keeper
//! is a thread with a descriptor table of its own, which no other thread can close anything in; the
//! path `/proc/<pid>/task/<keeper>/fd/<number>` leads this process and others to what it keeps.
//!
//! The thread starts with the first file, and ends after the last.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use super::file::{self, FileId};
use super::fork::ForkGeneration;
use super::per_process::PerProcess;
use super::{descriptors, process};

/// Where a process finds a file of this or another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileAddress {
    pub(crate) pid: u32,
    /// The thread whose descriptor it is; 0 for the process's common descriptors.
    pub(crate) thread: u32,
    pub(crate) number: i32,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileAddress {
    /// One of this process's common descriptors.
    pub(crate) fn of_descriptor(number: i32, id: FileId) -> Self {
        let FileId { device, inode } = id;
        Self { pid: std::process::id(), thread: 0, number, device, inode }
    }

    /// Opens the file for reading and writing, as a description of its own.
    ///
    /// # Errors
    /// `NotFound` if the address leads to another file.
    pub(crate) fn open(&self) -> io::Result<OwnedFd> {
        let (file, status) = file::open_thread_descriptor(self.pid, self.thread, self.number)?;
        if status.id == self.id() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Opens a pipe for writing, without waiting for a reader or for room.
    ///
    /// # Errors
    /// `NotFound` if the address leads to another file.
    pub(crate) fn open_pipe_to_write(&self) -> io::Result<OwnedFd> {
        file::open_pipe_to_write(self.pid, self.number, self.id())
    }

    fn id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }
}

enum Request {
    Keep { file: FileAddress, answer: Sender<Option<i32>> },
    Release(i32),
}

/// How to ask the keeper, and its thread's id.
type Keeper = (Sender<Request>, u32);

/// The keeper of this process, while it runs.
static KEEPER: PerProcess<Mutex<Option<Keeper>>> = PerProcess::new();

fn keeper() -> MutexGuard<'static, Option<Keeper>> {
    KEEPER.get_or_create(|| ()).lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that the keeper of this process keeps open.
#[derive(Debug)]
pub(crate) struct KeptFile {
    address: FileAddress,
    /// The process whose keeper it is: a forked child's has other files.
    generation: ForkGeneration,
}

impl KeptFile {
    /// Has the keeper open the file of this descriptor. `None` if the system refuses a thread, a
    /// table of its own or /proc.
    pub(super) fn new(number: i32, id: FileId) -> Option<Self> {
        let generation = ForkGeneration::current();
        // By this thread, whose table may be another than the first thread's.
        let file = FileAddress { thread: process::thread_id(), ..FileAddress::of_descriptor(number, id) };
        let mut keeper = keeper();
        if keeper.is_none() {
            *keeper = start();
        }
        let (requests, thread) = keeper.as_ref()?;
        let thread = *thread;
        let (answer, kept) = channel();
        // Under the lock, so that the keeper does not end before it has the request.
        requests.send(Request::Keep { file: file.clone(), answer }).ok()?;
        drop(keeper);
        let number = kept.recv().ok().flatten()?;
        Some(Self { address: FileAddress { thread, number, ..file }, generation })
    }

    pub(super) fn address(&self) -> &FileAddress {
        &self.address
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        if self.generation.is_current()
            && let Some((requests, _)) = &*keeper()
        {
            let _ = requests.send(Request::Release(self.address.number));
        }
    }
}

fn start() -> Option<Keeper> {
    let (requests, received) = channel();
    let (ready, started) = channel();
    let keep = move || {
        super::child::block_signals();
        let has_table = descriptors::leave_table();
        let _ = ready.send(has_table.then(process::thread_id));
        if has_table {
            run(&received);
        }
    };
    thread::Builder::new().name("breezeway keep".to_owned()).stack_size(64 << 10).spawn(keep).ok()?;
    Some((requests, started.recv().ok().flatten()?))
}

/// The keeper's loop.
fn run(requests: &Receiver<Request>) {
    let mut kept = BTreeMap::<i32, OwnedFd>::new();
    let mut next = requests.recv().ok();
    while let Some(request) = next {
        match request {
            Request::Keep { file, answer } => {
                let file = file.open().ok();
                let number = file.as_ref().map(AsRawFd::as_raw_fd);
                kept.extend(number.zip(file));
                let _ = answer.send(number);
            }
            Request::Release(number) => drop(kept.remove(&number)),
        }
        next = if kept.is_empty() {
            // Requests are made under the lock: if there is none now, none comes.
            let mut keeper = keeper();
            let next = requests.try_recv().ok();
            if next.is_none() {
                *keeper = None;
            }
            next
        } else {
            requests.recv().ok()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_file_address_leads_to_the_file() {
        let file = file::create_anonymous().unwrap();
        file::allocate(&file, 4096).unwrap();
        let id = file::status(&file).unwrap().id;
        let kept = KeptFile::new(file.as_raw_fd(), id).unwrap();
        let another = KeptFile::new(file.as_raw_fd(), id).unwrap();
        drop((file, another));
        let found = kept.address().open().unwrap();
        assert_eq!(file::status(&found).unwrap().id, id);
        let wrong = FileAddress { inode: kept.address().inode + 1, ..kept.address().clone() };
        assert_eq!(wrong.open().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
