//! Elements that tell whether they are whole.

use std::fmt::Debug;

use breezeway::Shareable;
use bytemuck::AnyBitPattern;

/// A type that repeats a number: of a torn one, the parts disagree.
pub trait Numbered: Shareable + AnyBitPattern + PartialEq + Debug {
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
