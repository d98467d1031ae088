//! The operations of all kinds of ends as futures and streams.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::reader::FrameReader;
use super::writer::FrameWriter;
use super::{Connection, Receiver, Sender};
use crate::error::{PopError, PushError};
use crate::queue::transit::PendingTransits;
use crate::raw::wait::Wait;
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;

impl FrameWriter {
    /// Sends a value. The value is behind `&mut`, so that the future is `Send` if the value is
    /// `Send`, also if the value is not `Sync`.
    async fn send_async<T: Serialize>(&mut self, value: &mut T) -> Result<(), PushError<()>> {
        self.check_receiver();
        // If the future is dropped, the message is given up, and what is in it with it.
        let mut transits = PendingTransits::default();
        let begun = retry_until_ready(
            (&mut *self, value, &mut transits),
            |(writer, ..)| writer.segment(),
            |(writer, value, transits), wait| transits.collect(|| writer.encode_in_place(&**value, wait)),
        );
        let sent = match begun.await {
            Ok(Some(message)) => self.send_rest_async(&message).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match &sent {
            Ok(()) => transits.deliver(),
            Err(_) => transits.give_back(),
        }
        sent
    }

    /// Sends bytes without encoding them.
    async fn write_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.check_receiver();
        self.send_rest_async(message).await
    }

    /// Sends the frames of a message. The future alone knows how far it has come: if it is dropped,
    /// the message is given up.
    async fn send_rest_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        let mut sent = 0;
        let attempt = |writer: &mut &mut Self, wait: Wait<'_>| writer.send_rest(message, &mut sent, wait);
        retry_until_ready(self, |writer| writer.segment(), attempt).await
    }

    fn segment(&self) -> &Segment {
        self.producer().segment()
    }
}

impl FrameReader {
    fn segment(&self) -> &Segment {
        self.consumer().segment()
    }
}

macro_rules! impl_async_sender_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        /// Operations as futures (feature `async`).
        impl<$($generics)*> $object
        where
            $message: Serialize,
        {
            /// Sends a message. Waits for room in the ring, without blocking the task's thread.
            ///
            /// If the future is dropped before it is ready, also in the middle of a long message,
            /// no part of the message is delivered: the receiver drops the part that has arrived
            /// when the next message begins. The value is dropped, too, and with it the ends of
            /// queues and pipes in it.
            ///
            /// # Errors
            /// Those of [`send`](Self::send).
            pub async fn send_async(&mut self, value: $message) -> Result<(), PushError<$message>> {
                let mut value = value;
                let sent = self.writer().send_async(&mut value).await;
                sent.map_err(|error| error.with(value))
            }
        }

        /// Operations as futures (feature `async`).
        impl<$($generics)*> $object {
            /// Sends bytes without encoding them, for a `recv_bytes` operation at the other end.
            /// Waits for room in the ring, without blocking the task's thread.
            ///
            /// If the future is dropped before it is ready, no part of the message is delivered, as
            /// with [`send_async`](Self::send_async).
            ///
            /// # Errors
            /// Those of [`send_bytes`](Self::send_bytes).
            pub async fn send_bytes_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
                self.writer().write_async(message).await
            }
        }
    };
}

macro_rules! impl_async_receiver_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        /// Operations as futures (feature `async`).
        impl<$($generics)*> $object
        where
            $message: DeserializeOwned,
        {
            /// Receives the next message. Waits for it, without blocking the task's thread.
            ///
            /// If the future is dropped before it is ready, no message is lost: the part of a long
            /// message that has arrived is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv`](Self::recv).
            pub async fn recv_async(&mut self) -> Result<$message, PopError> {
                retry_until_ready(self.reader(), |reader| reader.segment(), |reader, wait| reader.recv(wait)).await
            }

            /// A stream that borrows this end and receives messages until the end of file.
            pub fn stream(&mut self) -> ItemStream<&mut Self> {
                ItemStream::new(self)
            }

            /// A stream that owns this end and receives messages until the end of file.
            pub fn into_stream(self) -> ItemStream<Self> {
                ItemStream::new(self)
            }
        }

        /// Operations as futures (feature `async`).
        impl<$($generics)*> $object {
            /// Receives the bytes of the next message, without decoding it. Waits for it, without
            /// blocking the task's thread.
            ///
            /// If the future is dropped before it is ready, no message is lost: the part of a long
            /// message that has arrived is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv_bytes`](Self::recv_bytes).
            pub async fn recv_bytes_async(&mut self) -> Result<Vec<u8>, PopError> {
                retry_until_ready(self.reader(), |reader| reader.segment(), |reader, wait| reader.read(wait)).await
            }

            /// Receives the bytes of the next message into `space`, and returns their number. Waits
            /// for a message, without blocking the task's thread.
            ///
            /// If the future is dropped before it is ready, no message is lost: the part of a long
            /// message that has arrived is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv_bytes_into`](Self::recv_bytes_into).
            pub async fn recv_bytes_into_async(&mut self, space: &mut [u8]) -> Result<usize, PopError> {
                let read = |reader: &mut &mut FrameReader, wait: Wait<'_>| reader.read_into(space, wait);
                retry_until_ready(self.reader(), |reader| reader.segment(), read).await
            }
        }

        impl<$($generics)*> StreamSource for $object
        where
            $message: DeserializeOwned,
        {
            type Item = $message;

            fn segment(&self) -> &Segment {
                self.consumer().segment()
            }

            fn next(&mut self, WaitArg(wait): WaitArg<'_>) -> Result<$message, PopError> {
                self.reader().recv(wait)
            }
        }
    };
}

impl_async_sender_methods!([T] Sender<T>, T);
impl_async_receiver_methods!([T] Receiver<T>, T);
impl_async_sender_methods!([S, R] Connection<S, R>, S);
impl_async_receiver_methods!([S, R] Connection<S, R>, R);

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};

    use super::super::frame::Frame;
    use super::*;
    use crate::queue::bytes::{self, BytesProducer};
    use crate::raw::event_count::EventCount;
    use crate::raw::wait::{AsyncWaiter, WakePolicy, WakeReason};

    const CAPACITY: usize = 1024;

    /// A task whose peer acts whenever the task is about to wait.
    #[derive(Debug)]
    struct BusyPeerTask<P> {
        peer: RefCell<P>,
        on_wait: fn(&mut P),
        waits: Cell<usize>,
        is_called: Cell<bool>,
    }

    impl<P> BusyPeerTask<P> {
        fn new(peer: P, on_wait: fn(&mut P)) -> Self {
            Self { peer: RefCell::new(peer), on_wait, waits: Cell::default(), is_called: Cell::default() }
        }
    }

    impl<P: core::fmt::Debug> AsyncWaiter for BusyPeerTask<P> {
        fn reason(&self) -> Option<WakeReason> {
            None
        }

        fn register(&self, _: &EventCount, _: WakePolicy) {
            self.waits.set(self.waits.get() + 1);
            assert!(self.waits.get() < CAPACITY, "one attempt never yields");
            (self.on_wait)(&mut self.peer.borrow_mut());
        }

        fn set_pending(&self, _: bool) {}

        fn wake_now(&self) {
            self.is_called.set(true);
        }
    }

    fn more(tx: &mut BytesProducer) {
        let frame = Frame::More(&[7; 100]);
        let mut room = tx.try_reserve(frame.len()).unwrap();
        frame.write(&mut room);
        room.commit(frame.len());
    }

    #[test]
    fn frame_reader_read_yields_to_other_tasks() {
        let (tx, rx) = bytes::new(CAPACITY).unwrap();
        let (mut reader, waiter) = (FrameReader::new(rx, u64::MAX), BusyPeerTask::new(tx, more));
        for _ in 0..3 {
            assert!(matches!(reader.read(Wait::Task(&waiter)), Err(PopError::Timeout)));
            assert!(waiter.is_called.replace(false) && waiter.waits.replace(0) > 3);
        }
    }

    #[test]
    fn frame_writer_send_rest_yields_and_continues() {
        let (tx, rx) = bytes::new(CAPACITY).unwrap();
        let take = |rx: &mut FrameReader| assert!(!rx.is_ready(Wait::NonBlocking));
        let (mut writer, waiter) =
            (FrameWriter::new(tx, u64::MAX), BusyPeerTask::new(FrameReader::new(rx, u64::MAX), take));
        let message: Vec<u8> = (0..20 * CAPACITY).map(|at| (at / 3) as u8).collect();
        let (mut sent, mut attempts) = (0, 0);
        while let Err(error) = writer.send_rest(&message, &mut sent, Wait::Task(&waiter)) {
            assert!(matches!(error, PushError::Timeout(())));
            assert!(waiter.is_called.replace(false) && waiter.waits.replace(0) > 0);
            attempts += 1;
        }
        assert!((10..20).contains(&attempts), "{attempts} attempts");
        assert!(waiter.peer.into_inner().read(Wait::NonBlocking).unwrap() == message);
    }
}
