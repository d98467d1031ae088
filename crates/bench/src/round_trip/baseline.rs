//! What no queue is faster than: one cache line that goes to and fro between two CPUs, and two futexes between two sleepers.

use std::hint::spin_loop;

use super::Pinger;
use crate::kernel::futex;
use crate::kernel::page::Page;
use crate::peer_process::Job;
use core::sync::atomic::{AtomicU64, Ordering};

/// One cache line. Who waits for it may pause between two looks.
pub struct Line<const PAUSING: bool> {
    word: &'static AtomicU64,
    /// As this process knows it.
    number: u64,
}

impl<const PAUSING: bool> Line<PAUSING> {
    /// The two ends: who asks, and who answers.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    pub fn ends() -> (Self, Self) {
        let word = Page::new().word(0);
        (Self { word, number: 0 }, Self { word, number: 0 })
    }

    #[inline(always)]
    fn raise(&mut self) {
        self.number += 1;
        // ORDER: pairs with the load below.
        self.word.store(self.number, Ordering::Release);
    }

    #[inline(always)]
    fn wait(&mut self) {
        self.number += 1;
        while self.word.load(Ordering::Acquire) != self.number {
            if PAUSING {
                spin_loop();
            }
        }
    }

    /// Answers as often as the other asks.
    pub fn echo(mut self) -> Job {
        Box::new(move |times, _| {
            for _ in 0..=times {
                self.wait();
                self.raise();
            }
            times
        })
    }
}

impl<const PAUSING: bool> Pinger for Line<PAUSING> {
    #[inline(always)]
    fn ask(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.raise();
            self.wait();
            after(n);
        }
    }
}

/// Two flags: one for questions, one for answers.
pub struct Flags {
    ours: Flag,
    theirs: Flag,
}

impl Flags {
    /// The two ends: who asks, and who answers.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    pub fn ends() -> (Self, Self) {
        let page = Page::new();
        let [there, back] = [0, 1].map(|line| Flag { word: page.word(line), number: 0 });
        (Self { ours: there, theirs: back }, Self { ours: back, theirs: there })
    }

    /// Answers as often as the other asks.
    pub fn echo(mut self) -> Job {
        Box::new(move |times, _| {
            for _ in 0..=times {
                self.theirs.wait_until_raised();
                self.ours.raise();
            }
            times
        })
    }
}

impl Pinger for Flags {
    #[inline(always)]
    fn ask(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.ours.raise();
            self.theirs.wait_until_raised();
            after(n);
        }
    }
}

/// A number that is raised, and slept on until it has been.
#[derive(Clone, Copy)]
struct Flag {
    word: &'static AtomicU64,
    /// As this process knows it.
    number: u64,
}

impl Flag {
    fn raise(&mut self) {
        self.number += 1;
        // ORDER: pairs with the load below.
        self.word.store(self.number, Ordering::Release);
        futex::wake_one(self.word);
    }

    fn wait_until_raised(&mut self) {
        while self.word.load(Ordering::Acquire) == self.number {
            futex::wait_forever(self.word, self.number);
        }
        self.number += 1;
        assert_eq!(self.word.load(Ordering::Relaxed), self.number, "raised once");
    }
}
