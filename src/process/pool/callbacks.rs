//! The one thread that callbacks run on. It is started with the first of them.

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

/// Runs somebody else's code, whose panic is its own.
pub(super) fn catch_panic(job: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
        // The hook has said what there is to say. What was thrown might panic again when it is dropped.
        core::mem::forget(panic);
    }
}

impl Callbacks {
    /// Runs a job on the thread, behind those that came before.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut thread = lock_unpoisoned(&self.thread);
        if thread.is_none() {
            let (sender, jobs) = channel::<CallbackJob>();
            let work = move || jobs.into_iter().for_each(catch_panic);
            match thread::Builder::new().name("pool callbacks".to_owned()).spawn(work) {
                Ok(handle) => *thread = Some((sender, handle)),
                Err(_) => {
                    drop(thread);
                    return catch_panic(job); // Better here than never.
                }
            }
        }
        if let Some((sender, _)) = &*thread {
            // It takes jobs until `finish` has taken the sender.
            let _ = sender.send(Box::new(job));
        }
    }

    /// Waits until the jobs are done. No more are to come.
    pub(super) fn finish(&self) {
        let thread = lock_unpoisoned(&self.thread).take();
        if let Some((sender, handle)) = thread {
            drop(sender);
            join_thread(handle);
        }
    }
}

/// Waits for a thread, unless this is it.
pub(super) fn join_thread(thread: JoinHandle<()>) {
    let here: ThreadId = thread::current().id();
    if thread.thread().id() != here {
        let _ = thread.join();
    }
}
