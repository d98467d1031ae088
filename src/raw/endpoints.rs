//! The holders of the two endpoints of a single-producer queue.
//!
//! One word: `{closed:1 | unused:1 | consumer's half:31 | producer's half:31}`, where a half is
//! `{changes:13 | state:2 | id:16}`:
//!
//! | endpoint | meaning | who moves it |
//! |---|---|---|
//! | VACANT | no participant has claimed it yet, or its holder released it for a successor | a participant that opens it, to TAKEN |
//! | TAKEN, id | participant `id` holds it | the holder, to VACANT, IN_TRANSIT or DISCONNECTED. A participant that finds the holder dead, to DISCONNECTED, or to TAKEN with its own id |
//! | IN_TRANSIT, id | participant `id` serialised it, and no receiver has claimed it | the receiver, to TAKEN. The sender, if the bytes are not delivered: back to TAKEN, or to DISCONNECTED; when it leaves, to VACANT. A participant that finds the sender dead, to DISCONNECTED |
//! | DISCONNECTED | its holder dropped it, or died | a participant that opens it, to TAKEN |
//!
//! The peer of a DISCONNECTED endpoint gets an error. The peer of a VACANT endpoint waits for a
//! successor. Each change of a half is counted, so that a participant which has found a holder dead
//! does not take the endpoint from the next holder, even if that one has the dead holder's id. A
//! participant that repairs after a dead holder needs no count: no process has the dead holder's id
//! meanwhile, so a half that names it is the dead holder's, and one of several repairers moves it.

#[cfg(all(test, loom))]
mod model;

use crate::primitive::{AtomicU64, Ordering};

/// One of the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointRole {
    Producer,
    Consumer,
}

/// The state of an endpoint, with its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointState {
    Vacant,
    Taken(u32),
    InTransit(u32),
    Disconnected,
}

const ID: u64 = 0xffff;
const STATE_AT: u32 = 16;
const STATE: u64 = 3;
const CHANGE: u64 = 1 << 18;
const HALF_BITS: u32 = 31;
const HALF: u64 = (1 << HALF_BITS) - 1;
const CLOSED: u64 = 1 << 63;

impl EndpointRole {
    const fn shift(self) -> u32 {
        match self {
            Self::Producer => 0,
            Self::Consumer => HALF_BITS,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Producer => Self::Consumer,
            Self::Consumer => Self::Producer,
        }
    }
}

impl EndpointState {
    const fn bits(self) -> u64 {
        let (state, id) = match self {
            Self::Vacant => (0, 0),
            Self::Taken(id) => (1, id),
            Self::InTransit(id) => (2, id),
            Self::Disconnected => (3, 0),
        };
        state << STATE_AT | id as u64
    }

    /// The participant on whose life the endpoint depends: its holder, or its sender.
    pub(crate) const fn id(self) -> Option<u32> {
        match self {
            Self::Taken(id) | Self::InTransit(id) => Some(id),
            Self::Vacant | Self::Disconnected => None,
        }
    }
}

/// The word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndpointsView(u64);

impl EndpointsView {
    pub(crate) const fn holder(self, end: EndpointRole) -> EndpointState {
        let half = self.half(end);
        let id = (half & ID) as u32;
        match half >> STATE_AT & STATE {
            0 => EndpointState::Vacant,
            1 => EndpointState::Taken(id),
            2 => EndpointState::InTransit(id),
            _ => EndpointState::Disconnected,
        }
    }

    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The word after an endpoint that participant `id` had sent was given back. It counts as two
    /// changes: a participant that claims an endpoint makes one, so its handle is told from the one
    /// that it was sent with, even in the same process.
    #[cfg(feature = "serde")]
    fn with_given_back(self, end: EndpointRole, id: u32) -> Self {
        self.with(end, EndpointState::Vacant).with(end, EndpointState::Taken(id))
    }

    /// Whether an endpoint that participant `id` sent, after which the word was `sent`, was given
    /// back and has not changed since.
    #[cfg(feature = "serde")]
    pub(crate) fn was_given_back(self, end: EndpointRole, sent: Self, id: u32) -> bool {
        self.half(end) == sent.with_given_back(end, id).half(end)
    }

    const fn half(self, end: EndpointRole) -> u64 {
        self.0 >> end.shift() & HALF
    }

    /// The word after one more change of this endpoint. The count of changes wraps inside its half.
    const fn with(self, end: EndpointRole, holder: EndpointState) -> Self {
        let half = (self.half(end) & !(CHANGE - 1)).wrapping_add(CHANGE) & HALF | holder.bits();
        Self(self.0 & !(HALF << end.shift()) | half << end.shift())
    }
}

/// The state.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(transparent)]
pub(crate) struct Endpoints(AtomicU64);

impl Endpoints {
    #[inline(always)]
    pub(crate) fn view(&self) -> EndpointsView {
        // ORDER: Acquire pairs with the Release in `update`: a participant that finds an endpoint
        // disconnected finds all that was done at it.
        EndpointsView(self.0.load(Ordering::Acquire))
    }

    /// Moves an endpoint to another state. `false` if the endpoint has changed since `seen` was
    /// read.
    pub(crate) fn change(&self, end: EndpointRole, seen: EndpointsView, to: EndpointState) -> bool {
        self.update(|view| (view.half(end) == seen.half(end)).then(|| view.with(end, to)))
    }

    /// Moves an endpoint from state `from` to another one, however often it has changed. `false` if
    /// its state is not `from`.
    pub(crate) fn change_from(&self, end: EndpointRole, from: EndpointState, to: EndpointState) -> bool {
        self.update(|view| (view.holder(end) == from).then(|| view.with(end, to)))
    }

    /// Moves an endpoint from `Taken(id)` to `InTransit(id)`, and returns the word after that;
    /// `None` if participant `id` does not hold the endpoint.
    #[cfg(feature = "serde")]
    pub(crate) fn send(&self, end: EndpointRole, id: u32) -> Option<EndpointsView> {
        let mut sent = None;
        let change = |view: EndpointsView| {
            let is_taken = view.holder(end) == EndpointState::Taken(id);
            is_taken.then(|| view.with(end, EndpointState::InTransit(id)))
        };
        // ORDER: as in `update`.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            sent = change(EndpointsView(word));
            sent.map(|view| view.0)
        });
        sent
    }

    /// Gives an endpoint back to participant `id`, which sent it, after which the word was `sent`.
    /// `false` if the endpoint has changed since.
    #[cfg(feature = "serde")]
    pub(crate) fn give_back(&self, end: EndpointRole, sent: EndpointsView, id: u32) -> bool {
        self.update(|view| (view.half(end) == sent.half(end)).then(|| view.with_given_back(end, id)))
    }

    /// Closes the queue. `false` if it was closed already.
    pub(crate) fn close(&self) -> bool {
        self.update(|view| (!view.is_closed()).then_some(EndpointsView(view.0 | CLOSED)))
    }

    /// Takes both endpoints from a participant that is proven dead or about to leave, and whose id
    /// is not in use again yet. `true` if it had one. An endpoint in transit from a participant
    /// that leaves can still be received.
    pub(crate) fn repair(&self, id: u32, leaves: bool) -> bool {
        let mut had_one = false;
        for end in [EndpointRole::Producer, EndpointRole::Consumer] {
            had_one |= self.change_from(end, EndpointState::Taken(id), EndpointState::Disconnected);
            // A leaving sender's message is still on its way; a dead sender's may never have been
            // sent.
            let sent = if leaves { EndpointState::Vacant } else { EndpointState::Disconnected };
            had_one |= self.change_from(end, EndpointState::InTransit(id), sent);
        }
        had_one
    }

    fn update(&self, change: impl Fn(EndpointsView) -> Option<EndpointsView>) -> bool {
        let change = |word| change(EndpointsView(word)).map(|view| view.0);
        // ORDER: Release pairs with the Acquire in `view`; Acquire, so that a participant that
        // takes an endpoint finds it as its last holder left it.
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }
}
