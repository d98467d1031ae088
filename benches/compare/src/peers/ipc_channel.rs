//! ipc-channel: its channels of bytes, which do not encode a message.

use std::rc::Rc;

use breezeway_bench::case::Failure;
use breezeway_bench::catalogue::link::{Link, Open};
use breezeway_bench::message::{Message, Receiver, Sender, poll_until};
use bytemuck::{bytes_of, bytes_of_mut};
use ipc_channel::TryRecvError;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};

/// A channel whose receiver may poll. Its sender has only a blocking call.
pub struct Channel<const POLLED: bool> {
    tx: IpcBytesSender,
    /// Shared because a receiver cannot be cloned.
    rx: Rc<IpcBytesReceiver>,
}

pub struct Tx(IpcBytesSender);

pub struct Rx<const POLLED: bool>(Rc<IpcBytesReceiver>);

impl<M: Message, const POLLED: bool> Link<M> for Channel<POLLED> {
    type Tx = Tx;
    type Rx = Rx<POLLED>;

    /// The kernel chooses the capacity.
    fn new(_: usize) -> Result<Self, Failure> {
        let (tx, rx) = bytes_channel()?;
        Ok(Self { tx, rx: Rc::new(rx) })
    }

    fn tx(&self) -> Open<Tx> {
        let tx = self.tx.clone();
        Box::new(|| Tx(tx))
    }

    fn rx(&self) -> Open<Rx<POLLED>> {
        let rx = self.rx.clone();
        Box::new(|| Rx(rx))
    }
}

impl<M: Message> Sender<M> for Tx {
    fn send(&mut self, message: &M) {
        self.0.send(bytes_of(message)).expect("a live receiver");
    }
}

impl<M: Message, const POLLED: bool> Receiver<M> for Rx<POLLED> {
    fn receive(&mut self, message: &mut M) {
        let bytes = if POLLED {
            poll_until(|| match self.0.try_recv() {
                Err(TryRecvError::Empty) => None,
                other => Some(other.expect("a live sender")),
            })
        } else {
            self.0.recv().expect("a live sender")
        };
        bytes_of_mut(message).copy_from_slice(&bytes);
    }
}
