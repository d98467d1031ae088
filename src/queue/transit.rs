//! Endpoints in transit: serialised, and not yet claimed by a receiver.
//!
//! An endpoint in transit belongs to the process that serialised it, until a receiver decodes it.
//! Whether the bytes will ever be decoded only those know that carry them. So a carrier encodes
//! under [`collect`], which notes the endpoints that went into the bytes. If the bytes are not
//! delivered, the endpoints are given back to their handles or disconnected, and the peers learn.

use core::cell::RefCell;

#[cfg(feature = "process")]
use crate::raw::endpoints::EndpointState;
use crate::raw::endpoints::{EndpointRole, EndpointsView};
use crate::raw::event_count::WAKE_ALL;
use crate::raw::spsc::SpscState;
use crate::segment::shared_ref::SharedRef;
use crate::sys::fork::ForkGeneration;

/// An endpoint that this process has serialised.
#[derive(Debug)]
pub(super) struct Transit {
    pub(super) state: SharedRef<SpscState>,
    pub(super) end: EndpointRole,
    /// The participant that serialised it.
    pub(super) sender: u32,
    /// The endpoints right after it was serialised: any later change shows.
    pub(super) sent: EndpointsView,
    pub(super) generation: ForkGeneration,
}

impl Transit {
    /// Makes the endpoint its handle's again, unless a receiver has claimed it. The handle notices
    /// when it is used next.
    pub(super) fn give_back(&self) {
        let endpoints = &self.state.endpoints;
        self.notify_if(|| endpoints.give_back(self.end, self.sent, self.sender));
    }

    /// Disconnects the endpoint, unless a receiver has claimed it.
    #[cfg(feature = "process")]
    fn disconnect(&self) {
        self.notify_if(|| self.state.endpoints.change(self.end, self.sent, EndpointState::Disconnected));
    }

    fn notify_if(&self, changed: impl FnOnce() -> bool) {
        if self.generation.is_current() && changed() {
            self.state.items.notify(WAKE_ALL);
            self.state.space.notify(WAKE_ALL);
        }
    }
}

/// The endpoints that went into some bytes.
#[derive(Debug, Default)]
#[must_use = "dropping this leaves the endpoints in transit"]
pub(crate) struct Transits(Vec<Transit>);

impl Transits {
    /// Gives the endpoints back to their handles: the bytes are not delivered, and the value that
    /// they are of is returned to the caller.
    #[cold]
    pub(crate) fn give_back(&self) {
        self.0.iter().for_each(Transit::give_back);
    }

    /// Whether no endpoint went into the bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Disconnects the endpoints that no receiver has claimed: the bytes will not be decoded any
    /// more.
    #[cfg(feature = "process")]
    pub(crate) fn disconnect(&self) {
        self.0.iter().for_each(Transit::disconnect);
    }
}

/// Endpoints in bytes that may still be decoded: while this exists. Dropped, it disconnects those
/// that no receiver has claimed, unless the bytes are [delivered](Self::deliver).
#[cfg(feature = "process")]
#[derive(Debug, Default)]
pub(crate) struct PendingTransits(Transits);

#[cfg(feature = "process")]
impl PendingTransits {
    /// Encodes under [`collect`], and adds the endpoints to these.
    pub(crate) fn collect<R>(&mut self, encode: impl FnOnce() -> R) -> R {
        let (encoded, Transits(more)) = collect(encode);
        self.0.0.extend(more);
        encoded
    }

    /// Leaves the endpoints in transit: the bytes are delivered.
    #[cfg(feature = "async")]
    pub(crate) fn deliver(mut self) {
        self.0.0.clear();
    }

    /// Gives the endpoints back to their handles: the value is returned to the caller.
    #[cfg(feature = "async")]
    pub(crate) fn give_back(mut self) {
        core::mem::take(&mut self.0).give_back();
    }
}

#[cfg(feature = "process")]
impl Drop for PendingTransits {
    fn drop(&mut self) {
        self.0.disconnect();
    }
}

thread_local! {
    /// What is serialised in this thread's innermost [`collect`]; `None` outside of any.
    static COLLECTED: RefCell<Option<Vec<Transit>>> = const { RefCell::new(None) };
}

/// Notes an endpoint that was just serialised.
pub(super) fn note(transit: Transit) {
    COLLECTED.with_borrow_mut(|collected| {
        if let Some(collected) = collected {
            collected.push(transit);
        }
    });
}

/// Puts back what was collected before. If `encode` panics, the endpoints that it has serialised
/// are given back.
struct Outer(Option<Vec<Transit>>);

impl Drop for Outer {
    fn drop(&mut self) {
        if let Some(inner) = COLLECTED.replace(self.0.take()) {
            Transits(inner).give_back();
        }
    }
}

/// Calls `encode`, and returns the endpoints that it has serialised.
pub(crate) fn collect<R>(encode: impl FnOnce() -> R) -> (R, Transits) {
    let outer = Outer(COLLECTED.replace(Some(Vec::new())));
    let encoded = encode();
    let transits = Transits(COLLECTED.take().unwrap_or_default());
    drop(outer);
    (encoded, transits)
}
