//! Messages that show whether they are torn.

use breezeway::Shareable;
use bytemuck::AnyBitPattern;

/// A message that contains its number in each part. The number itself is in the first four bytes.
pub(crate) trait Numbered: Shareable + AnyBitPattern + PartialEq {
    fn of(number: u32) -> Self;

    /// Whether each part has the same number.
    fn is_whole(&self) -> bool;

    /// The number of a whole message.
    fn number(&self) -> u32 {
        assert!(self.is_whole(), "a message is whole: {:x?}", bytemuck::bytes_of(self));
        u32::from_ne_bytes(bytemuck::bytes_of(self)[..4].try_into().unwrap())
    }
}

impl Numbered for u64 {
    fn of(number: u32) -> Self {
        bytemuck::cast([number, !number])
    }

    fn is_whole(&self) -> bool {
        let [number, check]: [u32; 2] = bytemuck::cast(*self);
        number == !check
    }
}

impl<const N: usize> Numbered for [u32; N] {
    fn of(number: u32) -> Self {
        core::array::from_fn(|n| number.wrapping_add(0x0101_0101_u32.wrapping_mul(n as u32)))
    }

    fn is_whole(&self) -> bool {
        *self == Self::of(self[0])
    }
}
