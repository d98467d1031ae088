//! The segments that this process has mapped: each once, however often it is opened, and kept alive
//! across forks.
//!
//! The list is used under the fork lock only. Around a `fork` of the C library, the parent opens a
//! description for each mapping that holds a read lock on the byte of forked children, and both
//! processes have it: so the child counts as alive from its first instruction, even if the parent
//! dies at once. The parent closes its descriptor, and the child pins the description to its memory.

#![allow(unsafe_code)]

use core::any::Any;
use core::cell::UnsafeCell;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use super::mapping::Mapping;
use crate::sys::file::FileId;
use crate::sys::fork::{self, ForkGuard, ForkHooks};

static MAPPINGS: ProcessMappings = ProcessMappings(UnsafeCell::new(Lists::new()));

struct ProcessMappings(UnsafeCell<Lists>);

// SAFETY: `with` alone accesses the lists, under the fork lock.
unsafe impl Sync for ProcessMappings {}

struct Lists {
    mapped: Vec<Weak<Mapping>>,
    /// During a fork: the mappings, and the description that each child of it gets.
    prepared: Vec<(Arc<Mapping>, Option<OwnedFd>)>,
}

impl Lists {
    const fn new() -> Self {
        Self { mapped: Vec::new(), prepared: Vec::new() }
    }

    /// The first mapping that meets a condition. The references to those before it go to `others`, to
    /// be dropped after the fork lock.
    fn find_if(
        &self,
        condition: impl Fn(&Mapping) -> bool,
        others: &mut Vec<Arc<Mapping>>,
    ) -> Option<Arc<Mapping>> {
        for mapping in self.mapped.iter().filter_map(Weak::upgrade) {
            if condition(&mapping) {
                return Some(mapping);
            }
            others.push(mapping);
        }
        None
    }
}

/// Uses the lists.
fn with<R>(guard: &ForkGuard, body: impl FnOnce(&mut Lists) -> R) -> R {
    if guard.take_torn() {
        // A thread of the parent was copied in the middle of a change: what is there is not used,
        // and not freed either.
        // SAFETY: under the fork lock; writing does not read the old lists.
        unsafe { MAPPINGS.0.get().write(Lists::new()) };
    }
    // SAFETY: the guard is that of the fork lock, so no other thread uses the lists; the reference
    // ends with this call, and no body calls this function.
    body(unsafe { &mut *MAPPINGS.0.get() })
}

/// The mapping of a segment's file, if this process has one.
pub(super) fn find(file: FileId, segment: [u8; 16]) -> Option<Arc<Mapping>> {
    find_if(|mapping| is_of(mapping, file, segment))
}

fn is_of(mapping: &Mapping, file: FileId, segment: [u8; 16]) -> bool {
    mapping.file_id() == file && mapping.geometry.id == segment
}

/// The first mapping of this process that meets a condition.
pub(super) fn find_if(condition: impl Fn(&Mapping) -> bool) -> Option<Arc<Mapping>> {
    // Dropped after the fork lock: the last reference to a mapping detaches from the segment.
    let mut others = Vec::new();
    let guard = fork::exclude();
    with(&guard, |lists| lists.find_if(condition, &mut others))
}

/// Notes a mapping. If another thread has noted one of this segment meanwhile, returns that one, and
/// the one that came too late detaches.
pub(super) fn insert(mapping: Arc<Mapping>) -> Arc<Mapping> {
    static HOOKS: ForkHooks = ForkHooks { before: before_fork, in_parent, in_child };
    fork::set_hooks(&HOOKS);
    // As in `find_if`; `mapping` is dropped after the fork lock, too.
    let mut others = Vec::new();
    let guard = fork::exclude();
    // Looked for and noted under one guard, so that no two threads note one segment's mappings.
    let known = with(&guard, |lists| {
        let is_same = |other: &Mapping| is_of(other, mapping.file_id(), mapping.geometry.id);
        let known = lists.find_if(is_same, &mut others);
        if known.is_none() {
            lists.mapped.retain(|mapping| mapping.strong_count() > 0);
            lists.mapped.push(Arc::downgrade(&mapping));
        }
        known
    });
    drop(guard);
    known.unwrap_or(mapping)
}

fn before_fork(guard: &ForkGuard) {
    with(guard, |lists| {
        let living = lists.mapped.iter().filter_map(Weak::upgrade);
        lists.prepared = living.map(|mapping| (Arc::clone(&mapping), mapping.prepare_fork())).collect();
    });
}

fn in_parent(guard: &ForkGuard) -> Box<dyn Any> {
    // One of them may be the last reference to a mapping, which detaches from the segment.
    Box::new(with(guard, |lists| core::mem::take(&mut lists.prepared)))
}

fn in_child(guard: &ForkGuard) {
    let prepared = with(guard, |lists| core::mem::take(&mut lists.prepared));
    for (mapping, file) in prepared {
        mapping.continue_in_child(file, guard);
        // In the child, dropping a mapping only unmaps it.
    }
}
