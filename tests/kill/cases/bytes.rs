//! `bytes`: every committed message is delivered once, whole and in order. A message that was read
//! is removed when its guard is dropped, and not before.

use breezeway::queue::bytes::{BytesConsumer, BytesProducer};

use super::spsc_fixture::{Operation, Run, every, stopped_at_every_instruction};
use super::spsc_kinds::ByteQueue;
use crate::kill_counts::KillCounts;

type Ring = ByteQueue<64>;
type Push = fn(&mut BytesProducer, &[Vec<u8>]);
type Read = fn(&mut BytesConsumer, &[Vec<u8>]);

const PUSH: Push = |tx, messages| {
    let message = &messages[0][..];
    // Reserves more than it needs, though no more of the ring.
    let mut piece = tx.reserve(message.len().next_multiple_of(8)).unwrap();
    piece[..message.len()].copy_from_slice(message);
    piece.commit(message.len());
};

/// Reserves and writes a message, and drops it uncommitted: nothing is sent.
const RESERVE_AND_DROP: Push = |tx, _| {
    let mut piece = tx.reserve(20).unwrap();
    piece.fill(0xff);
    drop(piece);
};

const READ: Read = |rx, messages| {
    let message = rx.read().unwrap();
    assert!(*message == messages[0][..]);
    drop(message);
};

/// Reads a message and forgets its guard: the message stays.
const READ_AND_FORGET: Read = |rx, _| core::mem::forget(rx.read().unwrap());

/// A message of 16 bytes takes 24 of the ring's 64. The messages end at the ring's end, or need
/// padding (of one header, and of more), or are empty.
pub(crate) fn push(name: &str) -> KillCounts {
    let states: [(u64, &[u32], &[u32]); 7] = [
        (0, &[], &[16]),
        (0, &[16], &[13]),
        (40, &[], &[16]),
        (24, &[16], &[16]),
        (32, &[16], &[9]),
        (56, &[], &[0]),
        (8, &[16, 0], &[0]),
    ];
    let run = |(start, filled, sizes)| Run { start, filled, operation: Operation::<Ring>::Push(sizes, PUSH) };
    every(name, states.map(run))
}

pub(crate) fn read(name: &str) -> KillCounts {
    let states: [(u64, &[u32]); 6] =
        [(0, &[16]), (40, &[16, 5]), (48, &[16, 0]), (56, &[13]), (56, &[0, 16, 16]), (8, &[0, 0, 0])];
    every(
        name,
        states.map(|(start, filled)| Run { start, filled, operation: Operation::<Ring>::Pop(1, READ) }),
    )
}

/// A reservation that is not committed, and a guard that is not dropped.
pub(crate) fn reserve_read_without_commit(name: &str) -> KillCounts {
    let runs = [
        Run { start: 0, filled: &[16], operation: Operation::<Ring>::Push(&[], RESERVE_AND_DROP) },
        Run { start: 48, filled: &[], operation: Operation::Push(&[], RESERVE_AND_DROP) },
        Run { start: 48, filled: &[16], operation: Operation::Pop(0, READ_AND_FORGET) },
    ];
    every(name, runs)
}

/// A message that is being read stays where it is, and unchanged; so does one that is being
/// written.
pub(crate) fn push_read_stopped_peer(name: &str) -> KillCounts {
    let runs = [
        Run { start: 24, filled: &[16], operation: Operation::<Ring>::Push(&[16], PUSH) },
        Run { start: 40, filled: &[16, 16], operation: Operation::Pop(1, READ) },
        Run { start: 56, filled: &[13], operation: Operation::Pop(1, READ) },
    ];
    stopped_at_every_instruction(name, runs)
}
