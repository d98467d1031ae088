//! What no queue is faster than: one cache line that goes to and fro between two CPUs, and two
//! futexes between two sleeping processes.

use std::hint::spin_loop;

use super::Pinger;
use crate::kernel::futex;
use crate::kernel::page::Page;
use crate::peer_process::Job;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// An end of one cache line. With `PAUSING` it pauses between two looks.
pub struct OneLine<const PAUSING: bool> {
    word: &'static AtomicU64,
    /// The number that this end expects or stores next, less one.
    number: u64,
}

impl<const PAUSING: bool> OneLine<PAUSING> {
    /// The pinger's end, and the end that answers.
    pub fn ends() -> (Self, Self) {
        let word = Page::new().word(0);
        (Self { word, number: 0 }, Self { word, number: 0 })
    }

    #[inline(always)]
    fn store_next(&mut self) {
        self.number += 1;
        // ORDER: pairs with the load below.
        self.word.store(self.number, Ordering::Release);
    }

    #[inline(always)]
    fn wait_for_next(&mut self) {
        self.number += 1;
        while self.word.load(Ordering::Acquire) != self.number {
            if PAUSING {
                spin_loop();
            }
        }
    }

    /// The job of the end that answers.
    pub fn echo(mut self) -> Job {
        Box::new(move |times, _| {
            for _ in 0..=times {
                self.wait_for_next();
                self.store_next();
            }
            times
        })
    }
}

impl<const PAUSING: bool> Pinger for OneLine<PAUSING> {
    #[inline(always)]
    fn ping(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.store_next();
            self.wait_for_next();
            after(n);
        }
    }
}

/// An end of a pair of futexes, one for each direction.
pub struct FutexPair {
    outgoing: FutexCounter,
    incoming: FutexCounter,
}

impl FutexPair {
    /// The pinger's end, and the end that answers.
    pub fn ends() -> (Self, Self) {
        let page = Page::new();
        let [there, back] = [0, 1].map(|line| FutexCounter { word: page.futex_word(line), number: 0 });
        (Self { outgoing: there, incoming: back }, Self { outgoing: back, incoming: there })
    }

    /// The job of the end that answers.
    pub fn echo(mut self) -> Job {
        Box::new(move |times, _| {
            for _ in 0..=times {
                self.incoming.wait_for_increment();
                self.outgoing.increment();
            }
            times
        })
    }
}

impl Pinger for FutexPair {
    #[inline(always)]
    fn ping(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.outgoing.increment();
            self.incoming.wait_for_increment();
            after(n);
        }
    }
}

/// A counter that one process increments and the other sleeps on.
#[derive(Clone, Copy)]
struct FutexCounter {
    word: &'static AtomicU32,
    /// The counter's value as this process knows it.
    number: u32,
}

impl FutexCounter {
    fn increment(&mut self) {
        self.number = self.number.wrapping_add(1);
        // ORDER: pairs with the load below.
        self.word.store(self.number, Ordering::Release);
        futex::wake_one(self.word);
    }

    fn wait_for_increment(&mut self) {
        while self.word.load(Ordering::Acquire) == self.number {
            futex::wait(self.word, self.number, None);
        }
        self.number = self.number.wrapping_add(1);
        assert_eq!(self.word.load(Ordering::Relaxed), self.number, "incremented once");
    }
}
