//! Pipes and socket pairs.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::yield_now;

use bytemuck::{bytes_of, bytes_of_mut};
use rustix::io::ioctl_fionbio;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::fcntl_setpipe_size;

use crate::message::{Message, Receiver, Sender};

/// One end of a pipe or of a socket pair.
#[derive(Clone)]
pub struct FdChannel(Arc<File>);

impl FdChannel {
    fn new(fd: impl Into<OwnedFd>) -> Self {
        Self(Arc::new(File::from(fd.into())))
    }

    /// Makes the descriptor non-blocking: sends and receives are retried until they succeed.
    pub fn polled(self) -> Self {
        ioctl_fionbio(&self.0, true).expect("a non-blocking descriptor");
        self
    }
}

impl<M: Message> Sender<M> for FdChannel {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        let mut rest = bytes_of(message);
        while !rest.is_empty() {
            match (&*self.0).write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) => yield_if_would_block(&error),
            }
        }
    }
}

impl<M: Message> Receiver<M> for FdChannel {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        let mut rest = bytes_of_mut(message);
        while !rest.is_empty() {
            match (&*self.0).read(rest) {
                Ok(0) => panic!("the other end is closed"),
                Ok(read) => rest = &mut rest[read..],
                Err(error) => yield_if_would_block(&error),
            }
        }
    }
}

/// Gives the CPU away: each failed attempt is a system call, which costs more than a look at a
/// word.
#[cold]
pub(super) fn yield_if_would_block(error: &io::Error) {
    assert!(error.kind() == ErrorKind::WouldBlock, "{error}");
    yield_now();
}

/// Opens a pipe: the end to read from, and the end to write to.
///
/// # Errors
/// Those of the kernel.
pub fn pipe() -> io::Result<(FdChannel, FdChannel)> {
    let (reader, writer) = io::pipe()?;
    Ok((FdChannel::new(reader), FdChannel::new(writer)))
}

/// Opens a pipe that buffers `bytes`.
///
/// # Errors
/// Those of the kernel, which limits the size.
pub fn pipe_with_capacity(bytes: usize) -> io::Result<(FdChannel, FdChannel)> {
    let (reader, writer) = pipe()?;
    fcntl_setpipe_size(&writer.0, bytes)?;
    Ok((reader, writer))
}

/// Opens a pair of connected Unix sockets; either end sends and receives.
///
/// # Errors
/// Those of the kernel.
pub fn socket_pair(kind: SocketType) -> io::Result<(FdChannel, FdChannel)> {
    let (a, b) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    Ok((FdChannel::new(a), FdChannel::new(b)))
}
