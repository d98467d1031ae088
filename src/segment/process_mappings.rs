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
    find_if(|mapping| mapping.file_id() == file && mapping.geometry.id == segment)
}

/// The first mapping of this process that meets a condition.
pub(super) fn find_if(condition: impl Fn(&Mapping) -> bool) -> Option<Arc<Mapping>> {
    // Dropped after the fork lock: the last reference to a mapping detaches from the segment.
    let mut others = Vec::new();
    let guard = fork::exclude();
    with(&guard, |lists| {
        for mapping in lists.mapped.iter().filter_map(Weak::upgrade) {
            if condition(&mapping) {
                return Some(mapping);
            }
            others.push(mapping);
        }
        None
    })
}

/// Notes a mapping. If another thread has noted one of this segment meanwhile, returns that one.
pub(super) fn insert(mapping: Arc<Mapping>) -> Arc<Mapping> {
    static HOOKS: ForkHooks = ForkHooks { before: before_fork, in_parent, in_child };
    fork::set_hooks(&HOOKS);
    if let Some(known) = find(mapping.file_id(), mapping.geometry.id) {
        return known;
    }
    let guard = fork::exclude();
    with(&guard, |lists| {
        lists.mapped.retain(|mapping| mapping.strong_count() > 0);
        lists.mapped.push(Arc::downgrade(&mapping));
    });
    mapping
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
