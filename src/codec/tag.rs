//! The first byte of each value, and how deep values may lie in each other.

/// How deep values may lie in each other.
pub(super) const MAX_DEPTH: u32 = 128;

pub(super) const UNIT: u8 = 0x00;
pub(super) const NONE: u8 = 0x01;
pub(super) const SOME: u8 = 0x02;
pub(super) const FALSE: u8 = 0x03;
pub(super) const TRUE: u8 = 0x04;
pub(super) const U8: u8 = 0x05;
pub(super) const U16: u8 = 0x06;
pub(super) const U32: u8 = 0x07;
pub(super) const U64: u8 = 0x08;
pub(super) const U128: u8 = 0x09;
pub(super) const I8: u8 = 0x0a;
pub(super) const I16: u8 = 0x0b;
pub(super) const I32: u8 = 0x0c;
pub(super) const I64: u8 = 0x0d;
pub(super) const I128: u8 = 0x0e;
pub(super) const F32: u8 = 0x0f;
pub(super) const F64: u8 = 0x10;
pub(super) const CHAR: u8 = 0x11;
pub(super) const STR: u8 = 0x12;
pub(super) const BYTES: u8 = 0x13;
pub(super) const SEQ: u8 = 0x14;
pub(super) const SEQ_OPEN: u8 = 0x15;
pub(super) const MAP: u8 = 0x16;
pub(super) const MAP_OPEN: u8 = 0x17;
pub(super) const STRUCT: u8 = 0x18;
pub(super) const UNIT_VARIANT: u8 = 0x19;
pub(super) const VARIANT: u8 = 0x1a;
/// And the number of the kind of numbers; see [`numbers`](super::numbers).
pub(super) const NUMBERS: u8 = 0x20;
/// In the place of a value after the last one, where they are not counted.
pub(super) const END: u8 = 0xff;
