//! Elements and messages that tell whether they are whole.

use std::fmt::Debug;

use bytemuck::{AnyBitPattern, NoUninit};

/// A message that tells its length and its number.
pub fn message(len: usize, n: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251 + n * 31 + len) as u8).collect()
}

/// A type that repeats a number: of a torn one, the parts disagree.
pub trait Numbered: NoUninit + AnyBitPattern + Send + PartialEq + Debug {
    fn of(number: u64) -> Self;

    /// The number; fewer bits of it in smaller types.
    fn number(self) -> u64;

    fn is_whole(self) -> bool {
        Self::of(self.number()) == self
    }
}

macro_rules! numbered {
    ($($element:ty: $of:expr, $number:expr;)*) => {$(
        impl Numbered for $element {
            fn of(number: u64) -> Self {
                $of(number)
            }

            fn number(self) -> u64 {
                $number(self)
            }
        }
    )*};
}

numbered! {
    u16: |n| n as u16 & 0xff | (n as u16 & 0xff) << 8, |x| u64::from(x & 0xff);
    u64: |n| n & 0xffff_ffff | n << 32, |x| x & 0xffff_ffff;
    [u8; 3]: |n| [n as u8; 3], |x: [u8; 3]| x[0].into();
    [u8; 7]: |n| [n as u8; 7], |x: [u8; 7]| x[0].into();
    [u64; 3]: |n| [n; 3], |x: [u64; 3]| x[0];
    [u64; 512]: |n| [n; 512], |x: [u64; 512]| x[0];
}
