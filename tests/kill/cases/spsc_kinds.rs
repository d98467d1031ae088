//! The kinds of queue with two endpoints, as the cases see them.

use breezeway::queue::{bytes, spsc};
use breezeway::{Object, PopError, PushError, Segment};

use super::numbered::Numbered;

/// The object's name.
pub(super) const QUEUE: &str = "queue";

/// A kind of queue with two endpoints, as the cases see it: messages are numbers.
pub(super) trait EndpointQueue {
    type Tx: Object;
    type Rx: Object;
    type Message;
    const CAPACITY: usize;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx);
    /// The number that identifies a message of this size.
    fn number(size: u32, id: u32) -> u32;
    fn message(number: u32) -> Self::Message;
    fn try_push(tx: &mut Self::Tx, number: u32) -> bool;
    /// Pushes, and waits for room. `false` if there is no consumer any more.
    fn push(tx: &mut Self::Tx, number: u32) -> bool;
    fn try_pop(rx: &mut Self::Rx) -> Option<u32>;
    /// Pops, and waits for a message.
    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError>;
    fn release_tx(tx: Self::Tx);
    fn release_rx(rx: Self::Rx);
    /// Fills the empty queue to its capacity and empties it.
    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx);
}

/// Values of a fixed size, `N` of them.
pub(super) struct ValueQueue<T, const N: usize>(T);

impl<T: Numbered, const N: usize> EndpointQueue for ValueQueue<T, N> {
    type Tx = spsc::Producer<T>;
    type Rx = spsc::Consumer<T>;
    type Message = T;
    const CAPACITY: usize = N;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx) {
        spsc::add(segment, QUEUE, N).unwrap()
    }

    fn number(_: u32, id: u32) -> u32 {
        id
    }

    fn message(number: u32) -> T {
        T::of(number)
    }

    fn try_push(tx: &mut Self::Tx, number: u32) -> bool {
        tx.try_push(T::of(number)).is_ok()
    }

    fn push(tx: &mut Self::Tx, number: u32) -> bool {
        match tx.push(T::of(number)) {
            Ok(()) => true,
            Err(PushError::Disconnected(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_pop(rx: &mut Self::Rx) -> Option<u32> {
        rx.try_pop().ok().map(|value| value.number())
    }

    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError> {
        rx.pop().map(|value| value.number())
    }

    fn release_tx(tx: Self::Tx) {
        tx.release();
    }

    fn release_rx(rx: Self::Rx) {
        rx.release();
    }

    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx) {
        for n in 0..N as u32 {
            assert!(Self::try_push(tx, n), "room for {N}");
        }
        assert!(matches!(tx.try_push(T::of(0)), Err(PushError::Full(_))), "room for {N} only");
        assert!((0..N as u32).all(|n| Self::try_pop(rx) == Some(n)));
        assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
    }
}

/// Messages of any length in a ring of `N` bytes.
pub(super) struct ByteQueue<const N: usize>;

impl<const N: usize> ByteQueue<N> {
    /// A message's number. An empty message's is 0.
    fn number_of(message: &[u8]) -> u32 {
        let id: [u8; 2] = core::array::from_fn(|n| message.get(n).copied().unwrap_or(0));
        let number = (message.len() as u32) << 16 | u32::from(u16::from_le_bytes(id));
        assert_eq!(message, Self::message(number), "a message is whole");
        number
    }
}

impl<const N: usize> EndpointQueue for ByteQueue<N> {
    type Tx = bytes::BytesProducer;
    type Rx = bytes::BytesConsumer;
    type Message = Vec<u8>;
    const CAPACITY: usize = N;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx) {
        bytes::add(segment, QUEUE, N).unwrap()
    }

    fn number(size: u32, id: u32) -> u32 {
        if size == 0 { 0 } else { size << 16 | id & 0xffff }
    }

    /// Of the size that is in the number's upper half.
    fn message(number: u32) -> Vec<u8> {
        let [low, high, ..] = number.to_le_bytes();
        (0..number >> 16).map(|n| [low, high][n as usize % 2].wrapping_add(n as u8 / 2 * 17)).collect()
    }

    fn try_push(tx: &mut Self::Tx, number: u32) -> bool {
        tx.try_push(&Self::message(number)).is_ok()
    }

    fn push(tx: &mut Self::Tx, number: u32) -> bool {
        match tx.push(&Self::message(number)) {
            Ok(()) => true,
            Err(PushError::Disconnected(())) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_pop(rx: &mut Self::Rx) -> Option<u32> {
        rx.try_read().ok().map(|message| Self::number_of(&message))
    }

    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError> {
        rx.read().map(|message| Self::number_of(&message))
    }

    fn release_tx(tx: Self::Tx) {
        tx.release();
    }

    fn release_rx(rx: Self::Rx) {
        rx.release();
    }

    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx) {
        for n in 0..N as u32 / 8 {
            assert!(Self::try_push(tx, 0), "room for {n} headers and one more");
        }
        assert!(matches!(tx.try_push(&[]), Err(PushError::Full(()))), "room for no more");
        assert!((0..N as u32 / 8).all(|_| Self::try_pop(rx) == Some(0)));
        for id in 1..4 {
            let longest = Self::number(tx.max_message() as u32, id);
            assert!(Self::try_push(tx, longest), "room for the longest message");
            assert_eq!(Self::try_pop(rx), Some(longest));
        }
        assert!(matches!(rx.try_read(), Err(PopError::Empty)));
    }
}
