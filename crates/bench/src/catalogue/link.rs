//! One-way channels between two processes, of each kind.

use rustix::net::SocketType;

use crate::case::Failure;
use crate::kernel::fd_channel::{self, FdChannel};
use crate::kernel::posix_mq::{self, PosixMq};
use crate::message::{Message, Receiver, Sender};
use crate::queues::messages::{ByteMessages, byte_messages};
use crate::queues::pipe::{PipeLink, Rx, Tx};
use crate::queues::{BytesLink, Polled, SpscLink};
use breezeway::queue::{Queue, bytes, spsc};

/// Opens an end, in the process that is to have it.
pub type Open<E> = Box<dyn FnOnce() -> E>;

/// A channel whose ends are opened in different processes.
pub trait Link<M: Message>: Sized + 'static {
    /// The end that messages go into.
    type Tx: Sender<M> + 'static;
    /// The end that messages come out of.
    type Rx: Receiver<M> + 'static;

    /// Creates a channel for about `capacity` messages.
    ///
    /// # Errors
    /// The [`Failure`] that says what the kernel or breezeway refuses.
    fn new(capacity: usize) -> Result<Self, Failure>;

    /// The end that messages go into.
    fn tx(&self) -> Open<Self::Tx>;

    /// The end that messages come out of.
    fn rx(&self) -> Open<Self::Rx>;
}

/// A link of breezeway's whose ends are endpoints, opened by `tx` and `rx`.
macro_rules! two_endpoints {
    ($link:ty, $tx:ty, $rx:ty, |$capacity:ident| $new:expr) => {
        impl<M: Message> Link<M> for $link {
            type Tx = $tx;
            type Rx = $rx;

            fn new($capacity: usize) -> Result<Self, Failure> {
                Ok($new?)
            }

            fn tx(&self) -> Open<Self::Tx> {
                let link = self.clone();
                Box::new(move || link.tx())
            }

            fn rx(&self) -> Open<Self::Rx> {
                let link = self.clone();
                Box::new(move || link.rx())
            }
        }
    };
}

two_endpoints!(SpscLink, spsc::Producer<M>, spsc::Consumer<M>, |capacity| SpscLink::new::<M>(capacity));
two_endpoints!(BytesLink, bytes::BytesProducer, bytes::BytesConsumer, |capacity| {
    BytesLink::new(ring_bytes::<M>(capacity))
});
two_endpoints!(PipeLink, Tx, Rx, |capacity| PipeLink::new(ring_bytes::<M>(capacity)));

/// The bytes of a ring for `capacity` messages.
fn ring_bytes<M>(capacity: usize) -> usize {
    /// At least what a ring stores beside each message.
    const OVERHEAD: usize = 32;
    (capacity * (size_of::<M>() + OVERHEAD)).next_power_of_two()
}

/// A link whose ends are clones of one handle.
macro_rules! one_handle {
    ([$($generics:tt)*] $link:ty, $handle:ty, |$capacity:pat_param| $new:expr) => {
        impl<M: Message, $($generics)*> Link<M> for $link {
            type Tx = $handle;
            type Rx = $handle;

            fn new($capacity: usize) -> Result<Self, Failure> {
                Ok(Self($new))
            }

            fn tx(&self) -> Open<$handle> {
                let handle = self.0.clone();
                Box::new(|| handle)
            }

            fn rx(&self) -> Open<$handle> {
                let handle = self.0.clone();
                Box::new(|| handle)
            }
        }
    };
}

/// Breezeway's `Queue`.
pub struct QueueLink<M: Message>(Queue<M>);
one_handle!([] QueueLink<M>, Queue<M>, |capacity| Queue::new(capacity)?);

/// Breezeway's `MessageQueue`.
pub struct MessageQueueLink(ByteMessages);
one_handle!([] MessageQueueLink, ByteMessages, |capacity| byte_messages(capacity, size_of::<M>())?);

/// A POSIX message queue, blocking or polled.
pub struct PosixMqLink<const POLLED: bool>(PosixMq);
one_handle!([const POLLED: bool] PosixMqLink<POLLED>, PosixMq, |_| {
    match posix_mq::max_message_size() {
        Some(longest) if longest < size_of::<M>() => return Err(Failure::TooLong { longest }),
        _ => PosixMq::new(size_of::<M>(), POLLED)?,
    }
});

/// A link of breezeway's whose ends poll.
pub struct Hot<L>(L);

impl<M: Message, L: Link<M>> Link<M> for Hot<L>
where
    Polled<L::Tx>: Sender<M>,
    Polled<L::Rx>: Receiver<M>,
{
    type Tx = Polled<L::Tx>;
    type Rx = Polled<L::Rx>;

    fn new(capacity: usize) -> Result<Self, Failure> {
        L::new(capacity).map(Self)
    }

    fn tx(&self) -> Open<Self::Tx> {
        let open = self.0.tx();
        Box::new(|| Polled(open()))
    }

    fn rx(&self) -> Open<Self::Rx> {
        let open = self.0.rx();
        Box::new(|| Polled(open()))
    }
}

/// A link whose ends are file descriptors, blocking or polled.
macro_rules! two_descriptors {
    ($link:ident, $new:expr) => {
        impl<M: Message, const POLLED: bool> Link<M> for $link<POLLED> {
            type Tx = FdChannel;
            type Rx = FdChannel;

            fn new(_: usize) -> Result<Self, Failure> {
                let (rx, tx) = $new?;
                Ok(if POLLED { Self { rx: rx.polled(), tx: tx.polled() } } else { Self { rx, tx } })
            }

            fn tx(&self) -> Open<FdChannel> {
                let tx = self.tx.clone();
                Box::new(|| tx)
            }

            fn rx(&self) -> Open<FdChannel> {
                let rx = self.rx.clone();
                Box::new(|| rx)
            }
        }
    };
}

/// The kernel's pipe.
pub struct OsPipeLink<const POLLED: bool> {
    rx: FdChannel,
    tx: FdChannel,
}
two_descriptors!(OsPipeLink, fd_channel::pipe());

/// A pair of Unix stream sockets.
pub struct StreamSocketLink<const POLLED: bool> {
    rx: FdChannel,
    tx: FdChannel,
}
two_descriptors!(StreamSocketLink, fd_channel::socket_pair(SocketType::STREAM));

/// A pair of Unix sockets that keep message boundaries.
pub struct SeqpacketSocketLink<const POLLED: bool> {
    rx: FdChannel,
    tx: FdChannel,
}
two_descriptors!(SeqpacketSocketLink, fd_channel::socket_pair(SocketType::SEQPACKET));
