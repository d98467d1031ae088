//! Pipes and socket pairs.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::yield_now;

use bytemuck::{bytes_of, bytes_of_mut};

use crate::message::{Message, Receiver, Sender};

/// An end of something that bytes are written to and read from.
#[derive(Clone)]
pub struct FdChannel(Arc<File>);

impl FdChannel {
    fn new(end: impl Into<OwnedFd>) -> Self {
        Self(Arc::new(File::from(end.into())))
    }

    /// From now on it does not wait: who reads or writes tries until it works.
    ///
    /// # Panics
    /// Where the kernel knows no such thing.
    pub fn polled(self) -> Self {
        // SAFETY: our own descriptor, and a flag.
        let failed = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(failed, 0, "a descriptor that does not wait");
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
                Err(error) => again(&error),
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
                Ok(0) => panic!("the other end is gone"),
                Ok(read) => rest = &mut rest[read..],
                Err(error) => again(&error),
            }
        }
    }
}

/// A try in vain costs a system call, so the CPU is offered at once to who else wants it.
#[cold]
fn again(error: &io::Error) {
    assert!(error.kind() == ErrorKind::WouldBlock, "{error}");
    yield_now();
}

/// A pipe: its end to read from, and its end to write to.
///
/// # Errors
/// Those of the kernel.
pub fn pipe() -> io::Result<(FdChannel, FdChannel)> {
    let (reader, writer) = io::pipe()?;
    Ok((FdChannel::new(reader), FdChannel::new(writer)))
}

/// A pipe that holds so many bytes, which may be more than usual.
///
/// # Errors
/// Those of the kernel.
pub fn pipe_holding(bytes: usize) -> io::Result<(FdChannel, FdChannel)> {
    let (reader, writer) = pipe()?;
    // SAFETY: our own pipe, and a number.
    let holds = unsafe { libc::fcntl(writer.0.as_raw_fd(), libc::F_SETPIPE_SZ, bytes as libc::c_int) };
    if holds < 0 { Err(io::Error::last_os_error()) } else { Ok((reader, writer)) }
}

/// What kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Bytes.
    Stream,
    /// Messages.
    SeqPacket,
}

/// A pair of Unix sockets. Both ends can do both; the first is to be read from.
///
/// # Errors
/// Those of the kernel.
pub fn socket_pair(kind: Socket) -> io::Result<(FdChannel, FdChannel)> {
    let kind = match kind {
        Socket::Stream => libc::SOCK_STREAM,
        Socket::SeqPacket => libc::SOCK_SEQPACKET,
    };
    let mut ends = [0; 2];
    // SAFETY: space for two descriptors.
    let failed = unsafe { libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let [a, b] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((FdChannel::new(a), FdChannel::new(b)))
}
