//! There and back between two CPUs that do nothing else: a message is answered with the next number.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::ends::kernel::pipe;
use crate::ends::ours::{ByteRing, Ring};
use crate::ends::pipes::Raw;
use crate::message::{Message, Receiver, Sender};
use crate::program::Program;
use crate::support::page::Page;
use crate::support::partner::{Job, Partner};
use crate::support::sides::Side;

pub const SPSC: &str = "round trip 64 B: breezeway spsc";
pub const BYTES: &str = "round trip 64 B: breezeway bytes";
pub const OUR_PIPE: &str = "round trip 64 B: breezeway pipe";
pub const OUR_PIPE_TYPED: &str = "round trip 64 B: breezeway pipe, typed";
pub const LINE: &str = "round trip: naked line";
pub const LINE_PAUSING: &str = "round trip: naked line, pausing";
pub const PIPE: &str = "round trip 64 B: pipes";

pub fn add_processes(program: &mut Program) {
    program.add(SPSC, |name| {
        let (there, back) = (Ring::new::<[u64; 8]>(FEW), Ring::new::<[u64; 8]>(FEW));
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(there.rx(), back.tx())]);
        side::<[u64; 8]>(name, there.tx(), back.rx(), partner)
    });
    program.add(BYTES, |name| {
        let (there, back) = (ByteRing::new(PIPE_HOLDS), ByteRing::new(PIPE_HOLDS));
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(there.rx(), back.tx())]);
        side::<[u64; 8]>(name, there.tx(), back.rx(), partner)
    });
    program.add(OUR_PIPE, |name| {
        let (there, back) = (ByteRing::new(PIPE_HOLDS), ByteRing::new(PIPE_HOLDS));
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(Raw(there.rx().into()), Raw(back.tx().into()))]);
        side::<[u64; 8]>(name, Raw(there.tx().into()), Raw(back.rx().into()), partner)
    });
    program.add(OUR_PIPE_TYPED, |name| {
        type Tx = breezeway::pipe::Sender<[u64; 8]>;
        type Rx = breezeway::pipe::Receiver<[u64; 8]>;
        let (there, back) = (ByteRing::new(PIPE_HOLDS), ByteRing::new(PIPE_HOLDS));
        let partner = Partner::fork(|| vec![echo(Rx::from(there.rx()), Tx::from(back.tx()))]);
        side(name, Tx::from(there.tx()), Rx::from(back.rx()), partner)
    });
    program.add(LINE, bounce::<false>);
    program.add(LINE_PAUSING, bounce::<true>);
    program.add(PIPE, |name| {
        let ((their_rx, tx), (rx, their_tx)) = (pipe(), pipe());
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(their_rx, their_tx)]);
        side::<[u64; 8]>(name, tx, rx, partner)
    });
}

/// How many messages a queue holds: questions and answers do not queue up, and so few stay in the cache that is nearest.
const FEW: usize = 64;

/// And how much a ring of bytes does: as much as a pipe of ours has unless said otherwise.
pub const PIPE_HOLDS: usize = 64 << 10;

/// Asks, and waits for the answer.
pub fn side<M: Message>(
    name: &'static str,
    mut tx: impl Sender<M> + 'static,
    mut rx: impl Receiver<M> + 'static,
    partner: Partner,
) -> Side<'static> {
    Side::new(name, move |times| {
        let echo = partner.begin(0, times);
        let elapsed = ask(&mut tx, &mut rx, times);
        assert_eq!(echo.answer(), times);
        elapsed
    })
}

/// So many round trips. The first tells that the partner is there, and is not counted.
pub fn ask<M: Message>(tx: &mut impl Sender<M>, rx: &mut impl Receiver<M>, times: u64) -> Duration {
    let mut start = Instant::now();
    for n in 0..=times {
        tx.send(M::numbered(n));
        assert!(rx.receive() == M::numbered(n + 1), "the answer to this message");
        if n == 0 {
            start = Instant::now();
        }
    }
    start.elapsed()
}

/// Answers as many.
pub fn echo<M: Message>(mut rx: impl Receiver<M> + 'static, mut tx: impl Sender<M> + 'static) -> Job {
    Box::new(move |times, _| {
        for n in 0..=times {
            assert!(rx.receive() == M::numbered(n), "the next message");
            tx.send(M::numbered(n + 1));
        }
        times
    })
}

/// One cache line that goes to and fro: what no queue is faster than.
fn bounce<const PAUSING: bool>(name: &'static str) -> Side<'static> {
    let word = Page::new().word(0);
    let mut theirs = 1;
    let partner = Partner::fork(move || {
        vec![Box::new(move |times, _| {
            for _ in 0..times {
                until::<PAUSING>(word, theirs);
                word.store(theirs + 1, Ordering::Release);
                theirs += 2;
            }
            times
        })]
    });
    let mut ours = 0;
    Side::new(name, move |times| {
        let busy = partner.begin(0, times);
        let start = Instant::now();
        for _ in 0..times {
            word.store(ours + 1, Ordering::Release);
            ours += 2;
            until::<PAUSING>(word, ours);
        }
        let elapsed = start.elapsed();
        assert_eq!(busy.answer(), times);
        elapsed
    })
}

#[inline(always)]
fn until<const PAUSING: bool>(word: &AtomicU64, number: u64) {
    while word.load(Ordering::Acquire) != number {
        if PAUSING {
            spin_loop();
        }
    }
}
