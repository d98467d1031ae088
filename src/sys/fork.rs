//! Noticing a fork without exec, also one that the C library does not know of, and keeping forks out
//! of short sections.
//!
//! | the generation's page | meaning | who moves it |
//! |---|---|---|
//! | n > 0 | the process has taken number n, which none of its ancestors has | – |
//! | 0 | a fork has just made this process, or it has not asked yet | the kernel, in a child's copy of the memory; the first thread that asks, to the next number |
//!
//! The page has `MADV_WIPEONFORK`, so it reads 0 in a child of `fork`, `_Fork`, `clone` and of the
//! bare system call alike. If the kernel refuses that advice, the handler that the C library calls
//! in a child of `fork` clears the page.
//!
//! | the fork lock | meaning | who moves it |
//! |---|---|---|
//! | 0 | free | – |
//! | a generation that is this process's | a thread of it holds the lock, or forks | that thread, to 0 |
//! | another generation | the thread that held it is the parent's, and was copied in the middle of its section by a fork without handlers | the next thread that locks, to its own generation; it learns of that |

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ptr;
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags};

use crate::primitive::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// The page's first word. Until there is a page, a word that is always 0.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new((&raw const UNSET).cast_mut());
static UNSET: AtomicU32 = AtomicU32::new(0);

/// The last number that this process, or an ancestor before it forked, has taken.
static LAST_GENERATION: AtomicU32 = AtomicU32::new(0);

const PAGE_LEN: usize = 4096;

/// A number, never 0, that differs between a process and its forked children.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    match page().load(Ordering::Relaxed) {
        0 => take_generation(),
        generation => generation,
    }
}

#[inline(always)]
fn page() -> &'static AtomicU32 {
    // ORDER: Acquire pairs with the Release in `map_page`: the page is mapped.
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: `UNSET`, or a page that is never unmapped, here and in forked children.
    unsafe { &*page }
}

#[cold]
fn take_generation() -> u32 {
    if ptr::eq(page(), &raw const UNSET) {
        install_handlers();
        map_page();
    }
    // ORDER: relaxed, here and below: the numbers stand for themselves. The count goes first, so
    // that a child forked in between does not take this number too.
    let next = LAST_GENERATION.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
    match page().compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        // Another thread was first.
        Err(taken) => taken,
    }
}

/// Maps the page, unless another thread does.
fn map_page() {
    let flags = MapFlags::PRIVATE;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let mapped = unsafe {
        rustix::mm::mmap_anonymous(ptr::null_mut(), PAGE_LEN, ProtFlags::READ | ProtFlags::WRITE, flags)
    };
    // Without memory for a page there is a word that only the handler clears.
    static FALLBACK: AtomicU32 = AtomicU32::new(0);
    let new: *mut AtomicU32 = match mapped {
        Ok(start) => {
            // SAFETY: the whole of the mapping from above. If the kernel does not know the advice,
            // the handler clears the page.
            let _ = unsafe { rustix::mm::madvise(start, PAGE_LEN, rustix::mm::Advice::LinuxWipeOnFork) };
            start.cast()
        }
        Err(_) => (&raw const FALLBACK).cast_mut(),
    };
    let unset = (&raw const UNSET).cast_mut();
    // ORDER: Release pairs with the Acquire in `page`.
    let published = PAGE.compare_exchange(unset, new, Ordering::Release, Ordering::Relaxed);
    if let (Err(_), Ok(start)) = (published, mapped) {
        // SAFETY: mapped above, and no other thread knows it.
        let _ = unsafe { rustix::mm::munmap(start, PAGE_LEN) };
    }
}

/// The fork generation in which a guard, a permit or another claim was made.
///
/// A forked child inherits copies of its parent's claims. They are void there: dropping one gives
/// nothing back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForkGeneration(u32);

impl ForkGeneration {
    /// The generation of this process.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        Self(generation())
    }

    /// The number, never 0, for words that hold 0 if there is no claim.
    #[cfg(any(feature = "raw_sync", feature = "serde"))]
    #[inline(always)]
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Whether this is still the process that made it, not a forked child of that one.
    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        self.0 == generation()
    }
}

static FORK_LOCK: AtomicU32 = AtomicU32::new(0);
/// 1 from the time a lock of another generation was taken over until [`ForkGuard::take_torn`].
static IS_TORN: AtomicU32 = AtomicU32::new(0);

/// The thread that is in the C library's `fork`, as `pthread_self` names it, which is the same in the
/// child; 0 if none is. Handlers of the program's own run between ours, in this thread, and may use
/// the library.
static FORKING_THREAD: AtomicUsize = AtomicUsize::new(0);
/// The fork generation in which that fork began.
static FORKING_GENERATION: AtomicU32 = AtomicU32::new(0);

/// The calling thread, also in a forked child.
fn this_thread() -> usize {
    // SAFETY: it only returns the thread's handle.
    unsafe { libc::pthread_self() as usize }
}

/// The fork lock, held: no thread of this process is in the C library's `fork` meanwhile, except the
/// one that has the guard.
#[derive(Debug)]
#[must_use]
pub(crate) struct ForkGuard {
    /// Whether the thread is in `fork`, whose own guard unlocks.
    is_nested: bool,
    /// The thread that locks unlocks.
    not_send: PhantomData<*const ()>,
}

/// Keeps forks out, for a section of a few system calls that do not wait. It is not
/// reentrant, but the handlers of a fork may use it.
pub(crate) fn exclude() -> ForkGuard {
    let own = generation();
    loop {
        let found = FORK_LOCK.load(Ordering::Relaxed);
        if found != 0 && FORKING_THREAD.load(Ordering::Relaxed) == this_thread() {
            return ForkGuard { is_nested: true, not_send: PhantomData };
        }
        // ORDER: Acquire pairs with the Release in `drop`.
        if found != own
            && FORK_LOCK.compare_exchange(found, own, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            if found != 0 {
                // ORDER: relaxed; read and written under the lock.
                IS_TORN.store(1, Ordering::Relaxed);
            }
            return ForkGuard { is_nested: false, not_send: PhantomData };
        }
        std::thread::sleep(Duration::from_micros(20));
    }
}

impl ForkGuard {
    /// Whether a fork without handlers has copied a thread in the middle of a section since the last
    /// call, so that what the lock protects may be half changed.
    pub(crate) fn take_torn(&self) -> bool {
        IS_TORN.swap(0, Ordering::Relaxed) != 0
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        if !self.is_nested {
            // ORDER: Release pairs with the Acquire in `exclude`.
            FORK_LOCK.store(0, Ordering::Release);
        }
    }
}

/// What is done around each `fork` of the C library, by the thread that forks, under the fork lock.
#[derive(Clone, Copy)]
pub(crate) struct ForkHooks {
    /// In the parent, before the fork. It may allocate.
    pub(crate) before: fn(&ForkGuard),
    /// In the parent, after the fork. What it returns is dropped after the fork lock is free.
    pub(crate) in_parent: fn(&ForkGuard) -> Box<dyn core::any::Any>,
    /// In the child, before its first own instruction.
    pub(crate) in_child: fn(&ForkGuard),
}

/// The hooks, once they are set.
static HOOKS: AtomicPtr<ForkHooks> = AtomicPtr::new(ptr::null_mut());

/// Sets the hooks of this process and of its forked children.
pub(crate) fn set_hooks(hooks: &'static ForkHooks) {
    generation();
    // ORDER: Release pairs with the Acquire in `hooks`.
    HOOKS.store(ptr::from_ref(hooks).cast_mut(), Ordering::Release);
}

fn hooks() -> Option<&'static ForkHooks> {
    // ORDER: Acquire pairs with the Release in `set_hooks`.
    let hooks = HOOKS.load(Ordering::Acquire);
    // SAFETY: null, or from the `&'static` of `set_hooks`.
    unsafe { hooks.as_ref::<'static>() }
}

/// Has the C library call the handlers around each `fork` from now on. Before it returns in one
/// thread, another may go on without them.
fn install_handlers() {
    static INSTALLED: AtomicU32 = AtomicU32::new(0);
    if INSTALLED.swap(1, Ordering::Relaxed) == 0 {
        // SAFETY: functions that live as long as the process.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    }
}

extern "C" fn before_fork() {
    let guard = exclude();
    if let Some(hooks) = hooks() {
        (hooks.before)(&guard);
    }
    // Unlocked by the two handlers after the fork.
    core::mem::forget(guard);
    FORKING_GENERATION.store(generation(), Ordering::Relaxed);
    FORKING_THREAD.store(this_thread(), Ordering::Relaxed);
}

/// The guard that `before_fork` has left.
fn forking_guard() -> ForkGuard {
    FORKING_THREAD.store(0, Ordering::Relaxed);
    ForkGuard { is_nested: false, not_send: PhantomData }
}

extern "C" fn in_parent() {
    let guard = forking_guard();
    let rest = hooks().map(|hooks| (hooks.in_parent)(&guard));
    drop(guard);
    drop(rest);
}

extern "C" fn in_child() {
    // For kernels without `MADV_WIPEONFORK`. On others a handler of the program's own may have begun
    // the child's generation already.
    if page().load(Ordering::Relaxed) == FORKING_GENERATION.load(Ordering::Relaxed) {
        page().store(0, Ordering::Relaxed);
    }
    // The lock is this thread's, under its old number.
    FORK_LOCK.store(generation(), Ordering::Relaxed);
    let guard = forking_guard();
    if let Some(hooks) = hooks() {
        (hooks.in_child)(&guard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code with which a copy of this process ends that the C library does not know of.
    fn in_bare_fork(body: impl FnOnce() -> bool) -> i32 {
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        if child == 0 {
            let code = i32::from(!body());
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: `status` is a local.
        assert_eq!(i64::from(unsafe { libc::waitpid(child as i32, &mut status, 0) }), child);
        status
    }

    #[test]
    fn generation_differs_after_a_bare_fork() {
        let before = generation();
        let status = in_bare_fork(|| generation() != before && generation() != 0);
        assert_eq!(status, 0, "the child has a number of its own");
        assert_eq!(generation(), before);
    }

    /// A thread is copied that holds the lock: its copy never unlocks it. The next to lock in the child does get the lock, and
    /// is told once that a section was torn; in the parent there is nothing to tell.
    #[test]
    fn exclude_after_a_bare_fork_in_a_section_tells_that_it_is_torn() {
        let guard = exclude();
        let status = in_bare_fork(|| {
            let first = exclude();
            // A holder that does not ask leaves the question to the next.
            drop(first);
            let second = exclude();
            let is_told_once = second.take_torn() && !second.take_torn();
            drop(second);
            is_told_once && !exclude().take_torn()
        });
        assert_eq!(status, 0);
        assert!(!guard.take_torn());
    }
}
