//! The one thread that a pool's callbacks run on, started for the first of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle, ThreadId};

use crate::process::child::lock_unpoisoned;

type CallbackJob = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct Callbacks {
    thread: Mutex<Option<(Sender<CallbackJob>, JoinHandle<()>)>>,
}

/// Runs code of the program, and contains its panic.
pub(super) fn catch_panic(job: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
        // The panic hook has reported it. The payload is leaked, because its drop might panic.
        core::mem::forget(panic);
    }
}

impl Callbacks {
    /// Runs a job on the thread, after the jobs submitted before.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut thread = lock_unpoisoned(&self.thread);
        if thread.is_none() {
            let (sender, jobs) = channel::<CallbackJob>();
            let work = move || jobs.into_iter().for_each(catch_panic);
            match thread::Builder::new().name("pool callbacks".to_owned()).spawn(work) {
                Ok(handle) => *thread = Some((sender, handle)),
                Err(_) => {
                    drop(thread);
                    // Without the thread, the callback runs on this one.
                    return catch_panic(job);
                }
            }
        }
        if let Some((sender, _)) = &*thread {
            // Does not fail: the thread runs until `finish` has dropped the sender.
            let _ = sender.send(Box::new(job));
        }
    }

    /// Waits until the jobs are done. No job may be submitted after it.
    pub(super) fn finish(&self) {
        let thread = lock_unpoisoned(&self.thread).take();
        if let Some((sender, handle)) = thread {
            drop(sender);
            join_thread(handle);
        }
    }
}

/// Waits for a thread, unless it is the current one.
pub(super) fn join_thread(thread: JoinHandle<()>) {
    let here: ThreadId = thread::current().id();
    if thread.thread().id() != here {
        let _ = thread.join();
    }
}
