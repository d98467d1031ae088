//! What travels, and the two ends it travels between.

use std::hint::spin_loop;
use std::thread::yield_now;

/// A message that carries a number in every word of it.
pub trait Message: bytemuck::Pod + PartialEq + Send {
    fn numbered(n: u64) -> Self;
}

/// 8 bytes.
impl Message for u64 {
    #[inline(always)]
    fn numbered(n: u64) -> Self {
        n
    }
}

/// 64 bytes, as much as a cache line.
impl Message for [u64; 8] {
    #[inline(always)]
    fn numbered(n: u64) -> Self {
        [n; 8]
    }
}

/// The end that messages go into. It waits while there is no room.
pub trait Sender<M> {
    fn send(&mut self, message: M);
}

/// The end that they come out of. It waits while there are none.
pub trait Receiver<M> {
    fn receive(&mut self) -> M;
}

/// Attempts in a row before the first that gives the CPU away.
const EAGER_ATTEMPTS: u32 = 100;

/// How everybody waits whose queue has no way of its own to wait, or is not to use it.
#[inline(always)]
pub fn persist<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    let mut attempts = 0;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        attempts += 1;
        if attempts < EAGER_ATTEMPTS {
            spin_loop();
        } else {
            yield_now();
        }
    }
}
