//! loom's exploration of [`WaitSet`]: tasks, the watcher that calls them, and publishers. A task that is overlooked waits for ever here,
//! and loom reports the deadlock: no time passes, so no [`collect_overdue`](WaitSet::collect_overdue) makes up for anything.
//!
//! In here a mark is seen at once: a task has a barrier behind it, in place of the one that a round makes for all words.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

mod lost_wakeups;
mod wakes;

use core::task::Waker;
use std::task::Wake;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::super::waker_cell::WakerCell;
use super::{PendingWake, WaitSet, WaitTicket};
use crate::primitive::{AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard, Ordering};
use crate::raw::event_count::{EventCount, WakePolicy, WakeReason};
use crate::raw::model;
use crate::sys::clock::Deadline;
use crate::sys::{barrier, futex};

/// Time stands still.
const NOW: u64 = 0;

/// What tasks wait for, and the word to wait on.
#[derive(Default)]
struct Spot {
    items: AtomicU64,
    event: EventCount,
}

/// The reactor, and what there is in shared memory.
struct Scene {
    policy: WakePolicy,
    spots: [Spot; 2],
    thread_state: Mutex<ModelThread>,
    /// What the watcher sleeps on besides.
    control: AtomicU32,
}

#[derive(Default)]
struct ModelThread {
    /// The spots need nothing to keep them: all who use them have the scene.
    wait_set: WaitSet<()>,
    is_asleep: bool,
    is_over: bool,
}

/// Plays the scene in which such tasks wait.
fn explore(interruptions: usize, policy: WakePolicy, scene: impl Fn(&Arc<Scene>) + Send + Sync + 'static) {
    model::explore(interruptions, move || {
        scene(&Arc::new(Scene {
            policy,
            spots: Default::default(),
            thread_state: Mutex::default(),
            control: AtomicU32::new(0),
        }))
    });
}

impl Scene {
    fn lock(&self) -> MutexGuard<'_, ModelThread> {
        self.thread_state.lock().unwrap()
    }

    fn publish(&self, spot: usize, items: u64, wakes: u32) {
        let Spot { items: published, event } = &self.spots[spot];
        // ORDER: relaxed, here and in `look`: that nobody is overlooked is the barriers' doing.
        published.fetch_add(items, Ordering::Relaxed);
        event.notify(wakes);
    }

    /// Takes an item, if this sees any. Those who are each called look only.
    fn look(&self, spot: usize) -> bool {
        let items = &self.spots[spot].items;
        let mut seen = items.load(Ordering::Relaxed);
        while seen > 0 && self.policy != WakePolicy::All {
            match items.compare_exchange(seen, seen - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(found) => seen = found,
            }
        }
        seen > 0
    }

    /// Waits for an item without a watcher, as `wait` does.
    fn look_or_sleep(&self, spot: usize) {
        if self.look(spot) {
            return;
        }
        let event = &self.spots[spot].event;
        loop {
            let prepared = event.prepare_wait();
            if self.look(spot) {
                return;
            }
            event.commit_wait(prepared, Deadline);
            if self.look(spot) {
                return event.notify(1);
            }
        }
    }

    /// Tells the watcher, as `ModelThread::unpark` and `Unpark::fire` do, if that is needed.
    fn unpark(&self, mut thread_state: MutexGuard<'_, ModelThread>, has_changed: bool) {
        let rings = has_changed && thread_state.is_asleep;
        if rings {
            thread_state.is_asleep = false;
            self.control.fetch_add(1, Ordering::Relaxed);
        }
        drop(thread_state);
        if rings {
            futex::wake(&self.control, 1);
        }
    }

    /// Runs as a waiter thread does.
    fn run(&self) {
        let mut words = futex::FutexSet::default();
        let mut wakes: Vec<PendingWake> = Vec::new();
        loop {
            let mut guard = self.lock();
            let thread_state = &mut *guard;
            thread_state.is_asleep = false;
            thread_state.wait_set.collect_ready(NOW, &mut wakes);
            if !wakes.is_empty() {
                drop(guard);
                wakes.drain(..).for_each(PendingWake::wake);
                continue;
            }
            let control = (&self.control, self.control.load(Ordering::Relaxed));
            words.clear();
            words.push(core::ptr::from_ref(control.0).cast(), control.1);
            thread_state.wait_set.prepare(|word, value| words.push(word, value));
            if thread_state.is_over {
                return;
            }
            thread_state.is_asleep = true;
            drop(guard);
            words.sleep(control, Deadline);
        }
    }
}

struct Watcher {
    scene: Arc<Scene>,
    thread: JoinHandle<()>,
}

impl Watcher {
    fn start(scene: &Arc<Scene>) -> Self {
        let scene = Arc::clone(scene);
        let thread = thread::spawn({
            let scene = Arc::clone(&scene);
            move || scene.run()
        });
        Self { scene, thread }
    }

    /// It goes when it has seen to all news.
    fn stop(self) {
        let mut thread_state = self.scene.lock();
        thread_state.is_over = true;
        self.scene.unpark(thread_state, true);
        self.thread.join().unwrap();
    }

    /// Stops the watcher, and asserts that no task waits any more.
    fn finish(self) {
        let scene = Arc::clone(&self.scene);
        self.stop();
        assert_eq!(scene.lock().wait_set.len(), 0, "words that nobody waits on are forgotten");
    }
}

/// What a task's thread sleeps on while there is nothing to do.
#[derive(Default)]
struct ModelWaker {
    has_rung: Mutex<bool>,
    rings: Condvar,
    count: AtomicU32,
}

impl Wake for ModelWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        *self.has_rung.lock().unwrap() = true;
        self.rings.notify_one();
    }
}

impl ModelWaker {
    fn wait(&self) {
        let mut has_rung = self.has_rung.lock().unwrap();
        while !*has_rung {
            has_rung = self.rings.wait(has_rung).unwrap();
        }
        *has_rung = false;
    }
}

/// A task that waits at one spot, as `later` does it.
struct Task {
    scene: Arc<Scene>,
    spot: usize,
    model_waker: std::sync::Arc<ModelWaker>,
    waker: Waker,
    ticket: Option<(WaitTicket, Arc<WakerCell>)>,
}

impl Task {
    fn new(scene: &Arc<Scene>, spot: usize) -> Self {
        let model_waker = std::sync::Arc::new(ModelWaker::default());
        let waker = Waker::from(std::sync::Arc::clone(&model_waker));
        Self { scene: Arc::clone(scene), spot, model_waker, waker, ticket: None }
    }

    /// One that has looked in vain, and waits.
    fn waiting(scene: &Arc<Scene>, spot: usize) -> Self {
        let mut task = Self::new(scene, spot);
        assert!(!task.poll());
        task
    }

    /// One in a thread of its own.
    fn spawn(scene: &Arc<Scene>, spot: usize) -> JoinHandle<()> {
        let scene = Arc::clone(scene);
        thread::spawn(move || Self::new(&scene, spot).finish())
    }

    /// How often it was called.
    fn calls(&self) -> u32 {
        self.model_waker.count.load(Ordering::Relaxed)
    }

    fn poll(&mut self) -> bool {
        let call = self.ticket.as_ref().and_then(|(_, cell)| cell.take_reason());
        if self.scene.look(self.spot) {
            return true;
        }
        self.wait_at_spot(call);
        let _ = barrier::heavy();
        self.scene.look(self.spot)
    }

    fn wait_at_spot(&mut self, call: Option<WakeReason>) {
        let target = &self.scene.spots[self.spot].event;
        let mut called_since = None;
        let cell = match &self.ticket {
            Some((ticket, cell)) => {
                assert!(ticket.is_at(target));
                called_since = cell.register(&self.waker);
                Arc::clone(cell)
            }
            None => Arc::new(WakerCell::new(self.waker.clone())),
        };
        let mut thread_state = self.scene.lock();
        let has_changed = match self.ticket {
            Some((ticket, _)) if call.or(called_since).is_some() => {
                thread_state.wait_set.add_again(ticket, cell, NOW)
            }
            Some((ticket, _)) => thread_state.wait_set.mark_again(ticket, NOW),
            None => {
                // SAFETY: the task has the scene, and so does the watcher.
                let added = unsafe {
                    thread_state.wait_set.add(target, self.scene.policy, || (), Arc::clone(&cell), NOW)
                };
                self.ticket = Some((added.0, cell));
                added.1
            }
        };
        self.scene.unpark(thread_state, has_changed);
    }

    /// Waits until it has an item.
    fn finish(mut self) {
        if self.poll() { self.end() } else { self.proceed() }
    }

    /// Waits until a task that has found no item has one.
    fn proceed(self) {
        self.model_waker.wait();
        self.finish()
    }

    /// Waits for a moment only. Says whether it has found something.
    fn poll_once(mut self) -> bool {
        let found = self.poll();
        if found {
            self.end();
        } else {
            self.cancel();
        }
        found
    }

    /// Goes with what it waited for.
    fn end(mut self) {
        if let Some(cell) = self.deregister() {
            cell.complete();
        }
    }

    /// Goes without.
    fn cancel(mut self) {
        if let Some(cell) = self.deregister() {
            cell.deregister_sync();
        }
    }

    fn deregister(&mut self) -> Option<Arc<WakerCell>> {
        let (ticket, cell) = self.ticket.take()?;
        self.scene.lock().wait_set.remove(ticket);
        Some(cell)
    }
}
