//! [`SharedRef`]: an object's state in a mapped segment, and what keeps it mapped.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use super::region::Region;
use crate::error::NotAttached;
use crate::primitive::{AtomicU32, AtomicU64};
use crate::raw::Cells;

/// A reference to an object's state `S` and to its body `B`, the words that follow the state.
///
/// The region keeps the segment mapped for as long as the reference lives. It dereferences to the
/// state; an object without a body has the default `B`, which is empty.
pub(crate) struct SharedRef<S, B: ?Sized = [AtomicU64]> {
    state: NonNull<S>,
    body: NonNull<B>,
    region: Region,
}

// SAFETY: both pointers are into the mapping that `region` keeps alive, and a `SharedRef` gives out
// shared references only; what they refer to is `Sync`.
unsafe impl<S: Sync, B: ?Sized + Sync> Send for SharedRef<S, B> {}
// SAFETY: as above.
unsafe impl<S: Sync, B: ?Sized + Sync> Sync for SharedRef<S, B> {}

impl<S: Cells> SharedRef<S> {
    /// The state at the start of the object, and all words after it.
    pub(crate) fn new(region: Region) -> Self {
        Self::at(region, 0, size_of::<S>() as u64)
    }

    /// The state at byte `state_at` of the object, and its words from byte `body_at` on.
    pub(crate) fn at(region: Region, state_at: u64, body_at: u64) -> Self {
        let state = NonNull::from(region.state_at::<S>(state_at));
        let body = NonNull::from(region.words_from(body_at));
        Self { state, body, region }
    }
}

impl<S: Cells> SharedRef<S, [AtomicU32]> {
    /// The state at the start of the object, and the `count` words of 32 bits after it.
    pub(crate) fn with_words32(region: Region, count: usize) -> Self {
        let state = NonNull::from(region.state::<S>());
        let body = NonNull::from(region.words32_from(size_of::<S>() as u64, count));
        Self { state, body, region }
    }
}

impl<S, B: ?Sized> SharedRef<S, B> {
    /// The words after the state.
    #[inline(always)]
    pub(crate) fn body(&self) -> &B {
        // SAFETY: `body` came from a reference into the mapping, which `region` keeps mapped.
        unsafe { self.body.as_ref() }
    }

    /// Where the object lies.
    #[inline(always)]
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// The id of the participant that this process is in the segment; a forked child becomes one
    /// first.
    ///
    /// # Errors
    /// [`NotAttached`] if a forked child cannot register as a participant.
    #[inline(always)]
    pub(crate) fn participant_id(&self) -> Result<u32, NotAttached> {
        self.region.segment().mapping().attached()
    }
}

impl<S, B: ?Sized> Deref for SharedRef<S, B> {
    type Target = S;

    #[inline(always)]
    fn deref(&self) -> &S {
        // SAFETY: as in `body`.
        unsafe { self.state.as_ref() }
    }
}

impl<S, B: ?Sized> Clone for SharedRef<S, B> {
    fn clone(&self) -> Self {
        Self { state: self.state, body: self.body, region: self.region.clone() }
    }
}

impl<S, B: ?Sized> fmt::Debug for SharedRef<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRef").field("object", &self.region.name()).finish_non_exhaustive()
    }
}
