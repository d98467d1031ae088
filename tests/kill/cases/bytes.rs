//! `bytes`: every committed message is delivered once, whole and in order; one that was read is taken out when its guard is
//! dropped, and not before.

use breezeway::queue::bytes::{Consumer, Producer};

use super::two_ends::{self, Act, Bytes, Scene, every};
use crate::tally::Tally;

type Ring = Bytes<64>;
type Push = fn(&mut Producer, &[Vec<u8>]);
type Read = fn(&mut Consumer, &[Vec<u8>]);

const PUSH: Push = |tx, messages| {
    let message = &messages[0][..];
    // More than is needed, though it takes no more of the ring.
    let mut piece = tx.reserve(message.len().next_multiple_of(8)).unwrap();
    piece[..message.len()].copy_from_slice(message);
    piece.commit(message.len());
};

/// Reserved, written, and dropped: nothing is sent.
const THINK_BETTER_OF_IT: Push = |tx, _| {
    let mut piece = tx.reserve(20).unwrap();
    piece.fill(0xff);
    drop(piece);
};

const READ: Read = |rx, messages| {
    let message = rx.read().unwrap();
    assert!(*message == messages[0][..]);
    drop(message);
};

/// A guard that is forgotten takes nothing out.
const LOOK: Read = |rx, _| core::mem::forget(rx.read().unwrap());

/// A message of 16 bytes takes 24 of the ring's 64. There are ones that end with the ring, ones that need a pad (of one header,
/// and of more), and empty ones.
pub(crate) fn push(name: &str) -> Tally {
    let states: [(u64, &[u32], &[u32]); 7] = [
        (0, &[], &[16]),
        (0, &[16], &[13]),
        (40, &[], &[16]),
        (24, &[16], &[16]),
        (32, &[16], &[9]),
        (56, &[], &[0]),
        (8, &[16, 0], &[0]),
    ];
    let scene = |(start, filled, sizes)| Scene { start, filled, act: Act::<Ring>::Push(sizes, PUSH) };
    every(name, states.map(scene))
}

pub(crate) fn read(name: &str) -> Tally {
    let states: [(u64, &[u32]); 6] =
        [(0, &[16]), (40, &[16, 5]), (48, &[16, 0]), (56, &[13]), (56, &[0, 16, 16]), (8, &[0, 0, 0])];
    every(name, states.map(|(start, filled)| Scene { start, filled, act: Act::<Ring>::Pop(1, READ) }))
}

/// What is not committed, and what is not dropped.
pub(crate) fn without_commit(name: &str) -> Tally {
    let scenes = [
        Scene { start: 0, filled: &[16], act: Act::<Ring>::Push(&[], THINK_BETTER_OF_IT) },
        Scene { start: 48, filled: &[], act: Act::Push(&[], THINK_BETTER_OF_IT) },
        Scene { start: 48, filled: &[16], act: Act::Pop(0, LOOK) },
    ];
    every(name, scenes)
}

/// A message that is being read stays where it lies, and as it is; so does one that is being written.
pub(crate) fn frozen(name: &str) -> Tally {
    let scenes = [
        Scene { start: 24, filled: &[16], act: Act::<Ring>::Push(&[16], PUSH) },
        Scene { start: 40, filled: &[16, 16], act: Act::Pop(1, READ) },
        Scene { start: 56, filled: &[13], act: Act::Pop(1, READ) },
    ];
    two_ends::frozen(name, scenes)
}
