//! One way from a process to another, of each kind.

use super::socket;
use crate::case::Failure;
use crate::kernel::posix_mq::{self, PosixMq};
use crate::kernel::fd_channel::{self, FdChannel};
use crate::message::{Message, Receiver, Sender};
use crate::queues::messages::{ByteMessages, byte_messages};
use crate::queues::{self, BytesLink, SpscLink, Polled};
use breezeway::queue::{Queue, bytes, spsc};

/// Opens an end, in the process that is to have it.
pub type Open<E> = Box<dyn FnOnce() -> E>;

/// A way that messages go.
pub trait Link<M: Message>: Sized + 'static {
    /// The end they go into.
    type Tx: Sender<M> + 'static;
    /// The end they come out of.
    type Rx: Receiver<M> + 'static;

    /// One for about so many of them.
    ///
    /// # Errors
    /// Where there can be none.
    fn new(capacity: usize) -> Result<Self, Failure>;

    /// The end they go into.
    fn tx(&self) -> Open<Self::Tx>;

    /// The end they come out of.
    fn rx(&self) -> Open<Self::Rx>;
}

impl<M: Message> Link<M> for SpscLink {
    type Tx = spsc::Producer<M>;
    type Rx = spsc::Consumer<M>;

    fn new(capacity: usize) -> Result<Self, Failure> {
        Ok(SpscLink::new::<M>(capacity)?)
    }

    fn tx(&self) -> Open<Self::Tx> {
        let ring = self.clone();
        Box::new(move || ring.tx())
    }

    fn rx(&self) -> Open<Self::Rx> {
        let ring = self.clone();
        Box::new(move || ring.rx())
    }
}

impl<M: Message> Link<M> for BytesLink {
    type Tx = bytes::Producer;
    type Rx = bytes::Consumer;

    fn new(capacity: usize) -> Result<Self, Failure> {
        Ok(BytesLink::new(ring_for::<M>(capacity))?)
    }

    fn tx(&self) -> Open<Self::Tx> {
        let ring = self.clone();
        Box::new(move || ring.tx())
    }

    fn rx(&self) -> Open<Self::Rx> {
        let ring = self.clone();
        Box::new(move || ring.rx())
    }
}

impl<M: Message> Link<M> for queues::pipe::PipeLink {
    type Tx = queues::pipe::Tx;
    type Rx = queues::pipe::Rx;

    fn new(capacity: usize) -> Result<Self, Failure> {
        Ok(queues::pipe::PipeLink::new(ring_for::<M>(capacity))?)
    }

    fn tx(&self) -> Open<Self::Tx> {
        let pipe = self.clone();
        Box::new(move || pipe.tx())
    }

    fn rx(&self) -> Open<Self::Rx> {
        let pipe = self.clone();
        Box::new(move || pipe.rx())
    }
}

/// Bytes of a ring for so many messages.
fn ring_for<M>(capacity: usize) -> usize {
    /// What a message takes besides its bytes, and more.
    const OVERHEAD: usize = 32;
    (capacity * (size_of::<M>() + OVERHEAD)).next_power_of_two()
}

/// A link of which both ends are the same handle.
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

/// Values from many to many.
pub struct QueueLink<M: Message>(Queue<M>);
one_handle!([] QueueLink<M>, Queue<M>, |capacity| Queue::new(capacity)?);

/// Messages of any type, from many to many.
pub struct MessageQueueLink(ByteMessages);
one_handle!([] MessageQueueLink, ByteMessages, |capacity| byte_messages(capacity, size_of::<M>())?);

/// A POSIX message queue, which may be polled.
pub struct PosixMqLink<const POLLED: bool>(PosixMq);
one_handle!([const POLLED: bool] PosixMqLink<POLLED>, PosixMq, |_| {
    match posix_mq::longest() {
        Some(longest) if longest < size_of::<M>() => return Err(Failure::TooLong { longest }),
        _ => PosixMq::new(size_of::<M>(), POLLED)?,
    }
});

/// One of ours whose ends are tried until they work.
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

/// A link whose ends are files, which may be polled.
macro_rules! two_files {
    ([$($generics:tt)*] $link:ty, $new:expr) => {
        impl<M: Message, $($generics)* const POLLED: bool> Link<M> for $link {
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

/// A pipe.
pub struct OsPipeLink<const POLLED: bool> {
    rx: FdChannel,
    tx: FdChannel,
}
two_files!([] OsPipeLink<POLLED>, fd_channel::pipe());

/// A pair of sockets, of one kind or the other.
pub struct SocketLink<const SEQPACKET: bool, const POLLED: bool> {
    rx: FdChannel,
    tx: FdChannel,
}
two_files!([const SEQPACKET: bool,] SocketLink<SEQPACKET, POLLED>, fd_channel::socket_pair(socket(SEQPACKET)));
