//! Messages of 64 KiB, out of private memory and into private memory.

use std::time::Instant;

use crate::ends::kernel::{pipe, pipe_holding};
use crate::ends::ours::ByteRing;
use crate::program::Program;
use crate::support::partner::{Job, Partner};
use crate::support::sides::Side;

pub const BYTES: &str = "bulk 64 KiB: breezeway bytes";
pub const PIPE: &str = "bulk 64 KiB: pipe";
pub const LARGE_PIPE: &str = "bulk 64 KiB: pipe that holds 1 MiB";

/// The length of a message.
const LEN: usize = 64 << 10;
/// And of a queue, in bytes: more than a core's own cache. What is still in there when it is read must be fetched from that core,
/// and that takes three times as long as from the cache that all share.
const CAPACITY: usize = 2 << 20;
/// As much as a pipe may hold without a privilege.
const LARGE: libc::c_int = 1 << 20;

pub fn add_processes(program: &mut Program) {
    program.add(BYTES, |name| {
        let ring = ByteRing::new(CAPACITY);
        side(name, ring.tx(), Partner::fork(|| vec![receive_all(ring.rx())]))
    });
    program.add(PIPE, |name| {
        let (rx, tx) = pipe();
        side(name, tx, Partner::fork(|| vec![receive_all(rx)]))
    });
    program.add(LARGE_PIPE, |name| {
        let (rx, tx) = pipe_holding(LARGE);
        side(name, tx, Partner::fork(|| vec![receive_all(rx)]))
    });
}

/// The end that bytes are copied into.
pub trait BulkSender {
    fn send_bytes(&mut self, bytes: &[u8]);
}

/// The end that they are copied out of.
pub trait BulkReceiver {
    fn receive_bytes(&mut self, space: &mut [u8]);
}

/// What all messages have in common: anything that repeats in no power of two.
fn pattern() -> Vec<u8> {
    (0..LEN).map(|n| (n % 251) as u8).collect()
}

/// Writes a message's number over its start and its end.
fn stamp(message: &mut [u8], number: u64) {
    message[..8].copy_from_slice(&number.to_le_bytes());
    message[LEN - 8..].copy_from_slice(&number.to_le_bytes());
}

/// We send, and the partner has received everything.
pub fn side(name: &'static str, mut tx: impl BulkSender + 'static, partner: Partner) -> Side<'static> {
    let mut message = pattern();
    Side::new(name, move |times| {
        let receiver = partner.begin(0, times);
        let start = Instant::now();
        for number in 0..times {
            stamp(&mut message, number);
            tx.send_bytes(&message);
        }
        assert_eq!(receiver.answer(), times);
        start.elapsed()
    })
}

/// The partner's part of [`side`]. It looks at both ends of each message, and at every byte of a batch's last.
pub fn receive_all(mut rx: impl BulkReceiver + 'static) -> Job {
    let (mut space, mut expected) = (vec![0; LEN], pattern());
    Box::new(move |times, _| {
        for number in 0..times {
            rx.receive_bytes(&mut space);
            stamp(&mut expected, number);
            assert!(
                space[..8] == expected[..8] && space[LEN - 8..] == expected[LEN - 8..],
                "the next message"
            );
        }
        assert!(space == expected, "all of it");
        times
    })
}

/// How many gigabytes a second the sides come to.
pub fn report(sides: &[Side<'_>]) {
    println!();
    for side in sides.iter().filter(|side| side.name().starts_with("bulk")) {
        println!("{:<44} {:>11.2} GB/s", side.name(), LEN as f64 / side.median());
    }
}
