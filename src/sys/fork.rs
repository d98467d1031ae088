//! Noticing a fork without exec, and giving the child open files of its own.
//!
//! A forked child shares its parent's open file descriptions and with them the locks that prove the parent alive: were
//! they left alone, the parent would look alive for as long as the child runs. So a handler in the child replaces each
//! such description by one of its own, at the same descriptor, and locks it as a guest, before the child's first own
//! instruction. It runs after every `fork()` of the C library; a process made by the bare system call is outside of this crate's
//! promises.
//!
//! A descriptor that another thread's fork copied before the handler knew of it stands for the old description in that child. So who
//! takes charge of one gives it a new description first, which no fork has seen.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Once;

use rustix::fs::{Mode, OFlags};

use super::liveness;
use crate::primitive::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// One more than the forks between this process and the first one that used this module.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// The list of descriptors to replace: nodes are never freed, only reused, so that a handler may walk it at any instant.
static DESCRIPTORS: AtomicPtr<Node> = AtomicPtr::new(core::ptr::null_mut());

/// Forks that have begun, and those of them that are over. Where as many were over before something as had begun behind it, it fell
/// into none.
static FORKS_STARTED: AtomicU32 = AtomicU32::new(0);
static FORKS_FINISHED: AtomicU32 = AtomicU32::new(0);

/// How often to try for a description that no fork has seen. A process that forks all the time gets one that some child may share.
const ATTEMPTS: usize = 1000;

struct Node {
    /// A descriptor, or [`EMPTY`].
    fd: AtomicI32,
    next: *mut Node,
}

const EMPTY: i32 = -1;

/// A descriptor that stands for no file's contents: what a child gets that cannot have a description of its own. Every lock on
/// it fails, so such a child cannot take itself for attached. Opened beforehand, because the child may have no slot free.
static PLACEHOLDER: AtomicI32 = AtomicI32::new(EMPTY);

/// A number, never 0, that differs between a process and its forked children.
#[inline]
pub(crate) fn generation() -> u32 {
    // ORDER: relaxed; it changes only in a handler of a process that has one thread at that time.
    GENERATION.load(Ordering::Relaxed)
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
    #[cfg(feature = "raw_sync")]
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

/// Has forks noticed from now on.
pub(crate) fn install_handlers() {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        let spare = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        PLACEHOLDER.store(spare.map_or(EMPTY, IntoRawFd::into_raw_fd), Ordering::Relaxed);
        // SAFETY: they do what handlers may: system calls, and atomic accesses, also of nodes that are never freed.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    });
}

/// An open file that a forked child does not share: it finds a description of its own at the same descriptor.
#[derive(Debug)]
pub(crate) struct UnsharedFile {
    fd: OwnedFd,
}

impl UnsharedFile {
    /// Takes charge of a descriptor.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        install_handlers();
        let file = Self::register(fd);
        for _ in 0..ATTEMPTS {
            // ORDER: SeqCst, here and where they are counted: a fork whose copy of this process has the new descriptor of `reopen` has
            // begun before the second look, and is not over at the first.
            let over = FORKS_FINISHED.load(Ordering::SeqCst);
            if !reopen(file.fd.as_raw_fd()) || FORKS_STARTED.load(Ordering::SeqCst) == over {
                break;
            }
        }
        file
    }

    /// Lets the children to come have descriptions of their own.
    fn register(fd: OwnedFd) -> Self {
        let number = fd.as_raw_fd();
        for node in nodes() {
            // ORDER: relaxed; the descriptor carries no other data.
            if node.fd.compare_exchange(EMPTY, number, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Self { fd };
            }
        }
        let node = Box::into_raw(Box::new(Node { fd: AtomicI32::new(number), next: core::ptr::null_mut() }));
        // ORDER: Release pairs with the Acquire in `nodes`: who sees the node sees its fields.
        let _ = DESCRIPTORS.fetch_update(Ordering::Release, Ordering::Relaxed, |head| {
            // SAFETY: not published yet, so this thread alone has it.
            unsafe { (*node).next = head };
            Some(node)
        });
        Self { fd }
    }
}

impl Drop for UnsharedFile {
    fn drop(&mut self) {
        let number = self.fd.as_raw_fd();
        for node in nodes() {
            if node.fd.compare_exchange(number, EMPTY, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }
}

impl AsFd for UnsharedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    // ORDER: Acquire pairs with the Release in `UnsharedFile::new`.
    let mut next = DESCRIPTORS.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: null, or a node that `UnsharedFile::new` made and published and nobody ever frees.
        let node = unsafe { next.as_ref::<'static>() }?;
        next = node.next;
        Some(node)
    })
}

extern "C" fn before_fork() {
    FORKS_STARTED.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn in_parent() {
    FORKS_FINISHED.fetch_add(1, Ordering::SeqCst);
}

/// Runs in the child, with one thread and possibly any lock of the parent held for ever: no allocation, no locks.
extern "C" fn in_child() {
    // Those of other threads do not go on here.
    FORKS_FINISHED.store(FORKS_STARTED.load(Ordering::Relaxed), Ordering::Relaxed);
    GENERATION.store(generation().wrapping_add(1), Ordering::Relaxed);
    for node in nodes() {
        let fd = node.fd.load(Ordering::Relaxed);
        if fd != EMPTY {
            replace_description(fd);
        }
    }
}

fn replace_description(fd: i32) {
    if !reopen(fd) {
        // Not even the parent's description may stay.
        // SAFETY: both are open descriptors of this process; `fd` stays the property of its `UnsharedFile`.
        unsafe { libc::dup3(PLACEHOLDER.load(Ordering::Relaxed), fd, libc::O_CLOEXEC) };
        return;
    }
    // SAFETY: open, and the property of its `UnsharedFile`.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // A child that has no place among the participants yet is alive all the same.
    let _ = liveness::lock_as_forked_child(fd);
}

/// Opens the file of a descriptor anew, in the descriptor's place. `false` where that cannot be: there is no /proc, no right to open the
/// file again, or no descriptor left.
fn reopen(fd: i32) -> bool {
    let path = descriptor_path(fd);
    // SAFETY: a NUL-terminated path on the stack.
    let fresh = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC) };
    if fresh < 0 {
        return false;
    }
    // SAFETY: both are open descriptors of this process; `fd` stays the property of its `UnsharedFile`.
    let placed = unsafe { libc::dup3(fresh, fd, libc::O_CLOEXEC) } == fd;
    // SAFETY: opened above, and nobody else knows it.
    unsafe { libc::close(fresh) };
    placed
}

/// `/proc/self/fd/N` without an allocation.
fn descriptor_path(fd: i32) -> [u8; 32] {
    let mut path = [0; 32];
    let prefix = b"/proc/self/fd/";
    path[..prefix.len()].copy_from_slice(prefix);
    let digits = fd.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = fd;
    for at in (prefix.len()..prefix.len() + digits).rev() {
        path[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_charge_gets_a_description_that_no_fork_has_seen() {
        let file = rustix::fs::memfd_create("fork-test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        // What a child would have that was forked too early.
        let copy = file.try_clone().unwrap();
        let file = UnsharedFile::new(file);
        assert!(liveness::try_lock(copy.as_fd(), 0).unwrap());
        assert!(!liveness::try_lock(file.as_fd(), 0).unwrap(), "the lock is another's");
    }

    #[test]
    fn paths_of_descriptors() {
        let text = |fd| String::from_utf8(descriptor_path(fd).to_vec()).unwrap();
        assert_eq!(text(0).trim_end_matches('\0'), "/proc/self/fd/0");
        assert_eq!(text(10).trim_end_matches('\0'), "/proc/self/fd/10");
        assert_eq!(text(i32::MAX).trim_end_matches('\0'), "/proc/self/fd/2147483647");
    }
}
