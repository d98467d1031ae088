//! loom's exploration of [`Watch`]: tasks, the watcher that calls them, and publishers. A task that is overlooked waits for ever here,
//! and loom reports the deadlock: no time passes, so no [`round`](Watch::round) makes up for anything.
//!
//! In here a mark is seen at once: a task has a barrier behind it, in place of the one that a round makes for all words.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

mod loss;
mod news;

use core::task::Waker;
use std::task::Wake;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{Due, Ticket, Watch};
use crate::primitive::{AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard, Ordering};
use crate::raw::event_word::{EventWord, Sleepers};
use crate::raw::model;
use crate::raw::slot::{Call, Slot};
use crate::raw::turn::Bed;
use crate::sys::clock::Deadline;
use crate::sys::{barrier, futex};

/// Time stands still.
const NOW: u64 = 0;

/// What tasks wait for, and the word to wait on.
#[derive(Default)]
struct Spot {
    items: AtomicU64,
    event: EventWord,
}

/// The reactor, and what there is in shared memory.
struct Scene {
    sleepers: Sleepers,
    spots: [Spot; 2],
    lane: Mutex<Lane>,
    /// What the watcher sleeps on besides.
    control: AtomicU32,
}

#[derive(Default)]
struct Lane {
    /// The spots need nothing to keep them: all who use them have the scene.
    watch: Watch<()>,
    is_asleep: bool,
    is_over: bool,
}

/// Plays the scene in which such tasks wait.
fn explore(interruptions: usize, sleepers: Sleepers, scene: impl Fn(&Arc<Scene>) + Send + Sync + 'static) {
    model::explore(interruptions, move || {
        scene(&Arc::new(Scene {
            sleepers,
            spots: Default::default(),
            lane: Mutex::default(),
            control: AtomicU32::new(0),
        }))
    });
}

impl Scene {
    fn lock(&self) -> MutexGuard<'_, Lane> {
        self.lane.lock().unwrap()
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
        while seen > 0 && self.sleepers != Sleepers::Each {
            match items.compare_exchange(seen, seen - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(found) => seen = found,
            }
        }
        seen > 0
    }

    /// Waits for an item without a watcher, as `patience` does.
    fn look_or_sleep(&self, spot: usize) {
        if self.look(spot) {
            return;
        }
        let event = &self.spots[spot].event;
        loop {
            let announced = event.announce();
            if self.look(spot) {
                return;
            }
            event.sleep(announced, Deadline);
            if self.look(spot) {
                return event.notify(1);
            }
        }
    }

    /// Tells the watcher, as `Lane::alarm` and `Alarm::ring` do, if that is needed.
    fn alarm(&self, mut lane: MutexGuard<'_, Lane>, is_news: bool) {
        let rings = is_news && lane.is_asleep;
        if rings {
            lane.is_asleep = false;
            self.control.fetch_add(1, Ordering::Relaxed);
        }
        drop(lane);
        if rings {
            futex::wake(&self.control, 1);
        }
    }

    /// As the thread of a lane does it.
    fn run(&self) {
        let mut words = futex::Words::default();
        let mut due: Vec<Due> = Vec::new();
        loop {
            let mut guard = self.lock();
            let lane = &mut *guard;
            lane.is_asleep = false;
            lane.watch.news(NOW, &mut due);
            if !due.is_empty() {
                drop(guard);
                due.drain(..).for_each(Due::call);
                continue;
            }
            let control = (&self.control, self.control.load(Ordering::Relaxed));
            words.clear();
            words.push(core::ptr::from_ref(control.0).cast(), control.1);
            lane.watch.prepare(|word, value| words.push(word, value));
            if lane.is_over {
                return;
            }
            lane.is_asleep = true;
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
        let mut lane = self.scene.lock();
        lane.is_over = true;
        self.scene.alarm(lane, true);
        self.thread.join().unwrap();
    }

    /// The same when nobody waits any more.
    fn finish(self) {
        let scene = Arc::clone(&self.scene);
        self.stop();
        assert_eq!(scene.lock().watch.len(), 0, "words that nobody waits on are forgotten");
    }
}

/// What a task's thread sleeps on while there is nothing to do.
#[derive(Default)]
struct Bell {
    has_rung: Mutex<bool>,
    rings: Condvar,
    count: AtomicU32,
}

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        *self.has_rung.lock().unwrap() = true;
        self.rings.notify_one();
    }
}

impl Bell {
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
    bell: std::sync::Arc<Bell>,
    waker: Waker,
    ticket: Option<(Ticket, Arc<Slot>)>,
}

impl Task {
    fn new(scene: &Arc<Scene>, spot: usize) -> Self {
        let bell = std::sync::Arc::new(Bell::default());
        let waker = Waker::from(std::sync::Arc::clone(&bell));
        Self { scene: Arc::clone(scene), spot, bell, waker, ticket: None }
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
        self.bell.count.load(Ordering::Relaxed)
    }

    fn poll(&mut self) -> bool {
        let call = self.ticket.as_ref().and_then(|(_, slot)| slot.take_call());
        if self.scene.look(self.spot) {
            return true;
        }
        self.wait_at_spot(call);
        let _ = barrier::heavy();
        self.scene.look(self.spot)
    }

    fn wait_at_spot(&mut self, call: Option<Call>) {
        let bed = Bed::Event(&self.scene.spots[self.spot].event);
        let mut called_since = None;
        let slot = match &self.ticket {
            Some((ticket, slot)) => {
                assert!(ticket.is_at(bed));
                called_since = slot.wait(&self.waker);
                Arc::clone(slot)
            }
            None => Arc::new(Slot::new(self.waker.clone())),
        };
        let mut lane = self.scene.lock();
        let is_news = match self.ticket {
            Some((ticket, _)) if call.or(called_since).is_some() => lane.watch.add_again(ticket, slot, NOW),
            Some((ticket, _)) => lane.watch.mark_again(ticket, NOW),
            None => {
                // SAFETY: the task has the scene, and so does the watcher.
                let added =
                    unsafe { lane.watch.add(bed, self.scene.sleepers, || (), Arc::clone(&slot), NOW) };
                self.ticket = Some((added.0, slot));
                added.1
            }
        };
        self.scene.alarm(lane, is_news);
    }

    /// Waits until it has an item.
    fn finish(mut self) {
        if self.poll() { self.end() } else { self.go_on() }
    }

    /// The same for one that has looked in vain.
    fn go_on(self) {
        self.bell.wait();
        self.finish()
    }

    /// Waits for a moment only. Says whether it has found something.
    fn glimpse(mut self) -> bool {
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
        if let Some(slot) = self.take_leave() {
            slot.end();
        }
    }

    /// Goes without.
    fn cancel(mut self) {
        if let Some(slot) = self.take_leave() {
            slot.leave();
        }
    }

    fn take_leave(&mut self) -> Option<Arc<Slot>> {
        let (ticket, slot) = self.ticket.take()?;
        let mut lane = self.scene.lock();
        let is_news = lane.watch.remove(ticket);
        self.scene.alarm(lane, is_news);
        Some(slot)
    }
}
