//! The ends of a pipe for tasks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::clock::Clock;
use super::reader::Reader;
use super::writer::Writer;
use super::{Connection, Receiver, Sender};
use crate::error::{PopError, PushError};
use crate::raw::patience::Patience;
use crate::reactor::{Items, Moment, Source, later};
use crate::segment::Segment;

impl Writer {
    /// Sends a value. It is behind `&mut` so that the task may go to another thread where the value may, which others need not see.
    async fn send_async<T: Serialize>(&mut self, value: &mut T) -> Result<(), PushError<()>> {
        self.care();
        let begun = later(
            (&mut *self, value),
            |(writer, _)| writer.segment(),
            |(writer, value), patience| writer.begin(&**value, patience),
        );
        match begun.await? {
            None => Ok(()),
            Some(message) => self.go_on_async(&message).await,
        }
    }

    /// Sends a message as it is.
    async fn write_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.care();
        self.go_on_async(message).await
    }

    /// Sends a message that may be a long one. How far it has come is known here: dropped, it is given up.
    async fn go_on_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        let mut sent = 0;
        let attempt = |writer: &mut &mut Self, patience: Patience<'_>| {
            writer.go_on(message, &mut sent, Clock::start(patience))
        };
        later(self, |writer| writer.segment(), attempt).await
    }

    fn segment(&self) -> &Segment {
        self.producer().segment()
    }
}

impl Reader {
    fn segment(&self) -> &Segment {
        self.consumer().segment()
    }
}

macro_rules! sending_futures {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        /// For tasks, with the feature `async`.
        impl<$($generics)*> $object
        where
            $message: Serialize,
        {
            /// Sends a message; a task waits for room without holding up its thread.
            ///
            /// Dropped before it is done, in the middle of a long message, too, it has sent nothing that is delivered: the receiver
            /// drops what has come of the message when it finds another begin. The value is dropped as well (and an end of a queue or a
            /// pipe in it may have been given away by then).
            ///
            /// # Errors
            /// Those of [`send`](Self::send).
            pub async fn send_async(&mut self, value: $message) -> Result<(), PushError<$message>> {
                let mut value = value;
                let sent = self.writer().send_async(&mut value).await;
                sent.map_err(|error| error.with(value))
            }
        }

        /// For tasks, with the feature `async`.
        impl<$($generics)*> $object {
            /// Sends bytes as they are, for one of the `recv_bytes` at the other end; a task waits for room without holding up its
            /// thread.
            ///
            /// Dropped before it is done, it has sent nothing that is delivered, as with [`send_async`](Self::send_async).
            ///
            /// # Errors
            /// Those of [`send_bytes`](Self::send_bytes).
            pub async fn send_bytes_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
                self.writer().write_async(message).await
            }
        }
    };
}

macro_rules! receiving_futures {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        /// For tasks, with the feature `async`.
        impl<$($generics)*> $object
        where
            $message: DeserializeOwned,
        {
            /// Receives the next message; a task waits for it without holding up its thread.
            ///
            /// Dropped before it is done, it has received none: what has come of a long one by then is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv`](Self::recv).
            pub async fn recv_async(&mut self) -> Result<$message, PopError> {
                later(self.reader(), |reader| reader.segment(), |reader, patience| reader.recv(patience)).await
            }

            /// The messages, each as it comes, until the end of file.
            pub fn stream(&mut self) -> Items<&mut Self> {
                Items::new(self)
            }

            /// The same, for good.
            pub fn into_stream(self) -> Items<Self> {
                Items::new(self)
            }
        }

        /// For tasks, with the feature `async`.
        impl<$($generics)*> $object {
            /// Receives the next message as it is, whoever sent it and how; a task waits for it without holding up its thread.
            ///
            /// Dropped before it is done, it has received none: what has come of a long one by then is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv_bytes`](Self::recv_bytes).
            pub async fn recv_bytes_async(&mut self) -> Result<Vec<u8>, PopError> {
                later(self.reader(), |reader| reader.segment(), |reader, patience| reader.read(patience)).await
            }

            /// Receives the next message into `space`, and says how long it is; a task waits for it without holding up its thread.
            ///
            /// Dropped before it is done, it has received none: what has come of a long one by then is kept for the next attempt.
            ///
            /// # Errors
            /// Those of [`recv_bytes_into`](Self::recv_bytes_into).
            pub async fn recv_bytes_into_async(&mut self, space: &mut [u8]) -> Result<usize, PopError> {
                let read = |reader: &mut &mut Reader, patience: Patience<'_>| reader.read_into(space, patience);
                later(self.reader(), |reader| reader.segment(), read).await
            }
        }

        impl<$($generics)*> Source for $object
        where
            $message: DeserializeOwned,
        {
            type Item = $message;

            fn segment(&self) -> &Segment {
                self.consumer().segment()
            }

            fn next(&mut self, Moment(patience): Moment<'_>) -> Result<$message, PopError> {
                self.reader().recv(patience)
            }
        }
    };
}

sending_futures!([T] Sender<T>, T);
receiving_futures!([T] Receiver<T>, T);
sending_futures!([S, R] Connection<S, R>, S);
receiving_futures!([S, R] Connection<S, R>, R);

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};

    use super::super::frame::Frame;
    use super::*;
    use crate::queue::bytes::{self, Producer};
    use crate::raw::patience::Sleepers;
    use crate::raw::turn::{Bed, Turn};

    const CAPACITY: usize = 1024;

    /// A task whose peer is at work whenever it is about to wait.
    #[derive(Debug)]
    struct Busy<P> {
        peer: RefCell<P>,
        works: fn(&mut P),
        waits: Cell<usize>,
        is_called: Cell<bool>,
    }

    impl<P> Busy<P> {
        fn new(peer: P, works: fn(&mut P)) -> Self {
            Self { peer: RefCell::new(peer), works, waits: Cell::default(), is_called: Cell::default() }
        }
    }

    impl<P: core::fmt::Debug> Turn for Busy<P> {
        fn is_round(&self) -> bool {
            false
        }

        fn wait_at(&self, _: Bed<'_>, _: Sleepers) -> bool {
            self.waits.set(self.waits.get() + 1);
            assert!(self.waits.get() < CAPACITY, "one attempt goes on and on");
            (self.works)(&mut self.peer.borrow_mut());
            true
        }

        fn call_again(&self) {
            self.is_called.set(true);
        }
    }

    fn more(tx: &mut Producer) {
        let frame = Frame::More(&[7; 100]);
        let mut room = tx.try_reserve(frame.len()).unwrap();
        frame.write(&mut room);
        room.commit(frame.len());
    }

    #[test]
    fn a_receiver_makes_way_in_between() {
        let (tx, rx) = bytes::new(CAPACITY).unwrap();
        let (mut reader, turn) = (Reader::new(rx, u64::MAX), Busy::new(tx, more));
        for _ in 0..3 {
            assert!(matches!(reader.read(Patience::Later(&turn)), Err(PopError::Timeout)));
            assert!(turn.is_called.replace(false) && turn.waits.replace(0) > 3);
        }
    }

    #[test]
    fn a_sender_makes_way_in_between_and_goes_on() {
        let (tx, rx) = bytes::new(CAPACITY).unwrap();
        let take = |rx: &mut Reader| assert!(!rx.is_ready(Patience::None));
        let (mut writer, turn) = (Writer::new(tx, u64::MAX), Busy::new(Reader::new(rx, u64::MAX), take));
        let message: Vec<u8> = (0..20 * CAPACITY).map(|at| (at / 3) as u8).collect();
        let (mut sent, mut attempts) = (0, 0);
        while let Err(error) = writer.go_on(&message, &mut sent, Clock::start(Patience::Later(&turn))) {
            assert!(matches!(error, PushError::Timeout(())));
            assert!(turn.is_called.replace(false) && turn.waits.replace(0) > 0);
            attempts += 1;
        }
        assert!((10..20).contains(&attempts), "{attempts} attempts");
        assert!(turn.peer.into_inner().read(Patience::None).unwrap() == message);
    }
}
