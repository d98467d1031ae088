//! raw_sync: its events, each beside a slot for one message, and its mutex.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use breezeway_bench::case::Failure;
use breezeway_bench::catalogue::link::{Link, Open};
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::Lock;
use breezeway_bench::message::{Receiver, Sender};
use raw_sync::Timeout;
use raw_sync::events::{BusyEvent, Event, EventImpl, EventInit, EventState};
use raw_sync::locks::{LockImpl, LockInit, Mutex};

use super::Line;

/// A slot for one message, which is enough for round trips, and the event that announces it. With
/// `BUSY` the event polls.
pub struct RawSyncLink<const BUSY: bool>(Page);

/// An end of the link.
pub struct RawSyncEnd {
    event: Box<dyn EventImpl>,
    words: &'static [AtomicU64],
}

impl<const BUSY: bool> Link<Line> for RawSyncLink<BUSY> {
    type Tx = RawSyncEnd;
    type Rx = RawSyncEnd;

    fn new(_: usize) -> Result<Self, Failure> {
        let page = Page::new();
        let start = page.line(0).as_ptr();
        let new = if BUSY { BusyEvent::new } else { Event::new };
        // SAFETY: an unused line, zeroed, long and aligned enough, of a page that is never
        // unmapped.
        let event = unsafe { new(start, true) };
        event.map_err(|error| Failure::Ended(error.to_string()))?;
        Ok(Self(page))
    }

    fn tx(&self) -> Open<RawSyncEnd> {
        let page = self.0;
        Box::new(move || RawSyncEnd::open::<BUSY>(page))
    }

    fn rx(&self) -> Open<RawSyncEnd> {
        let page = self.0;
        Box::new(move || RawSyncEnd::open::<BUSY>(page))
    }
}

impl RawSyncEnd {
    fn open<const BUSY: bool>(page: Page) -> Self {
        let start = page.line(0).as_ptr();
        let from_existing = if BUSY { BusyEvent::from_existing } else { Event::from_existing };
        // SAFETY: `new` made one of this kind there, and the page is never unmapped.
        let event = unsafe { from_existing(start) };
        Self { event: event.expect("an event").0, words: page.words(1) }
    }
}

impl Sender<Line> for RawSyncEnd {
    fn send(&mut self, message: &Line) {
        self.words.iter().zip(message).for_each(|(word, value)| word.store(*value, Ordering::Relaxed));
        // ORDER: pairs with the fence below. The busy event's own accesses are relaxed and order
        // nothing.
        fence(Ordering::Release);
        self.event.set(EventState::Signaled).expect("an event");
    }
}

impl Receiver<Line> for RawSyncEnd {
    fn receive(&mut self, message: &mut Line) {
        self.event.wait(Timeout::Infinite).expect("an event");
        // ORDER: pairs with the fence above.
        fence(Ordering::Acquire);
        self.words.iter().zip(message).for_each(|(word, value)| *value = word.load(Ordering::Relaxed));
    }
}

/// A mutex.
pub struct RawSyncMutex(Box<dyn LockImpl>);

impl RawSyncMutex {
    pub fn new() -> Self {
        // SAFETY: an unused line, long and aligned enough, of a page that is never unmapped. The
        // pointer to what the mutex protects is never read.
        let mutex = unsafe { Mutex::new(Page::new().line(0).as_ptr(), ptr::null_mut()) };
        Self(mutex.expect("a mutex").0)
    }
}

impl Lock for RawSyncMutex {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.0.lock().expect("the lock");
        section()
    }
}
