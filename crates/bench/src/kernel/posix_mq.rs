//! POSIX message queues.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::{fs, io, process, ptr};

use bytemuck::{bytes_of, bytes_of_mut};

use super::fd_channel::yield_if_would_block;
use crate::message::{Message, Receiver, Sender};
use core::sync::atomic::{AtomicU64, Ordering};

/// Messages that a queue holds unless an administrator has raised the limit.
const CAPACITY: libc::c_long = 10;

/// A queue, unlinked as soon as it is open; forked children inherit the descriptor.
#[derive(Clone)]
pub struct PosixMq(Arc<OwnedFd>);

impl PosixMq {
    /// Opens a queue for messages of `bytes`. A polled queue does not block: sends and receives are
    /// retried until they succeed.
    ///
    /// # Errors
    /// Those of the kernel, which may lack message queues or limit their number and size.
    pub fn new(bytes: usize, is_polled: bool) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("/breezeway-bench-{}-{number}", process::id()))?;
        // SAFETY: plain numbers, for which zeros are valid.
        let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
        attributes.mq_maxmsg = CAPACITY;
        attributes.mq_msgsize = bytes as libc::c_long;
        let wait = if is_polled { libc::O_NONBLOCK } else { 0 };
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC | wait;
        // SAFETY: the name ends with a zero, and the attributes are a local.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) };
        if queue < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above.
        unsafe { libc::mq_unlink(name.as_ptr()) };
        // SAFETY: just opened and owned by nothing else; on Linux it is a descriptor.
        Ok(Self(Arc::new(unsafe { OwnedFd::from_raw_fd(queue) })))
    }
}

/// The longest message that an unprivileged process may send, if the kernel has message queues.
pub fn max_message_size() -> Option<usize> {
    fs::read_to_string("/proc/sys/fs/mqueue/msgsize_max").ok()?.trim().parse().ok()
}

impl<M: Message> Sender<M> for PosixMq {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        let bytes = bytes_of(message);
        // SAFETY: the descriptor is open, and the bytes are borrowed.
        while unsafe { libc::mq_send(self.0.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) } < 0 {
            yield_if_would_block(&io::Error::last_os_error());
        }
    }
}

impl<M: Message> Receiver<M> for PosixMq {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        let bytes = bytes_of_mut(message);
        let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: the descriptor is open, and the space is borrowed.
        while unsafe { libc::mq_receive(self.0.as_raw_fd(), start, len, ptr::null_mut()) } < 0 {
            yield_if_would_block(&io::Error::last_os_error());
        }
    }
}
