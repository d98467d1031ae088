//! Pipes.

use std::io::{PipeReader, PipeWriter, Read, Write};

use bytemuck::{bytes_of, bytes_of_mut};

use crate::bulk::{BulkReceiver, BulkSender};
use crate::message::{Message, Receiver, Sender};

impl<M: Message> Sender<M> for PipeWriter {
    #[inline(always)]
    fn send(&mut self, message: M) {
        self.write_all(bytes_of(&message)).expect("a pipe");
    }
}

impl<M: Message> Receiver<M> for PipeReader {
    #[inline(always)]
    fn receive(&mut self) -> M {
        let mut message = M::zeroed();
        self.read_exact(bytes_of_mut(&mut message)).expect("a pipe");
        message
    }
}

impl BulkSender for PipeWriter {
    fn send_bytes(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("a pipe");
    }
}

impl BulkReceiver for PipeReader {
    fn receive_bytes(&mut self, space: &mut [u8]) {
        self.read_exact(space).expect("a pipe");
    }
}

/// A pipe.
pub fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().expect("a pipe")
}

/// A pipe that holds so many bytes, which may be more than usual.
#[allow(unsafe_code)]
pub fn pipe_holding(bytes: libc::c_int) -> (PipeReader, PipeWriter) {
    use std::os::fd::AsRawFd;

    let (reader, writer) = pipe();
    // SAFETY: our own pipe, and a number.
    let holds = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
    assert_eq!(holds, bytes, "a pipe that large");
    (reader, writer)
}
