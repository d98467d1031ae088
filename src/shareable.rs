//! [`Shareable`]: a type that may live in memory that other processes write; [`AnyBits`]: one that
//! is read from there without a check.

#![allow(unsafe_code)]

use core::mem::{MaybeUninit, size_of};

use bytemuck::{AnyBitPattern, CheckedBitPattern, NoUninit};

/// A type that may live in shared memory.
///
/// Implemented for every `Copy + Send + 'static` type that is [`NoUninit`] and
/// [`CheckedBitPattern`]. `NoUninit` means no padding and no pointers, so every byte means
/// something to another process. `CheckedBitPattern` means that a copy which was read from memory
/// that other processes write can be checked before it is used.
///
/// That is every [`Pod`](bytemuck::Pod) type (numbers, arrays of them, structs that derive it),
/// `bool`, `char`, and fieldless enums and structs that derive the checked traits. Do not implement
/// it by hand: derive bytemuck's traits.
///
/// ```
/// use bytemuck::{Pod, Zeroable};
///
/// #[derive(Clone, Copy, Pod, Zeroable)]
/// #[repr(C)]
/// struct Quote {
///     bid: f64,
///     ask: f64,
///     sequence: u64,
/// }
///
/// let quote = breezeway::Value::<Quote>::new(Quote { bid: 9.5, ask: 9.75, sequence: 1 })?;
/// assert_eq!(quote.get().ask, 9.75);
/// # Ok::<(), breezeway::SegmentError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in shared memory",
    label = "not `Shareable`",
    note = "another process sees only the bytes: no references, no heap, no padding",
    note = "derive `bytemuck::Pod` and `Zeroable` (or `NoUninit` and `CheckedBitPattern`) on a `#[repr(C)]` type"
)]
pub trait Shareable: NoUninit + CheckedBitPattern + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: NoUninit + CheckedBitPattern + Send + 'static> Shareable for T {}

/// A [`Shareable`] type of which every bit pattern is a value.
///
/// Numbers are, and arrays of them, and types that derive [`Pod`](bytemuck::Pod). Whatever bytes a
/// peer wrote are a value of such a type, so [`Value::get`](crate::Value::get) and
/// [`Array::get`](crate::Array::get) return it without a check. `bool`, `char` and enums are not:
/// [`Value::get_checked`](crate::Value::get_checked) and
/// [`Array::get_checked`](crate::Array::get_checked) read them.
///
/// It is implemented for every [`Shareable`] type that is [`AnyBitPattern`].
#[diagnostic::on_unimplemented(
    message = "not every bit pattern is a `{Self}`, so reading one from shared memory needs a check",
    label = "call `get_checked` instead (or `to_vec_checked`, for a whole array)",
    note = "another process can write any bytes; the checked forms return an error if they are no `{Self}`"
)]
pub trait AnyBits: Shareable + AnyBitPattern {}

#[diagnostic::do_not_recommend]
impl<T: Shareable + AnyBitPattern> AnyBits for T {}

/// Reads a `B` from the bytes that `fill` writes. Bytes that `fill` does not write are zero.
#[inline(always)]
pub(crate) fn read_bits<B: AnyBitPattern>(fill: impl FnOnce(&mut [MaybeUninit<u8>])) -> B {
    let mut bits = MaybeUninit::<B>::zeroed();
    // SAFETY: the pointer covers `size_of::<B>()` bytes of `bits`, which nothing else borrows, and
    // `MaybeUninit<u8>` is valid for any bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(bits.as_mut_ptr().cast(), size_of::<B>()) };
    fill(bytes);
    // SAFETY: `B: AnyBitPattern` is valid for any initialised bytes, and all of them are: zeroed
    // above, and `fill` can only replace them by initialised ones (safe code of this crate has no
    // uninitialised bytes to write).
    unsafe { bits.assume_init() }
}

/// Reads a `T` from the bytes that `fill` writes; `None` if they are not a `T`.
#[inline(always)]
pub(crate) fn read<T: Shareable>(fill: impl FnOnce(&mut [MaybeUninit<u8>])) -> Option<T> {
    let bits = read_bits::<T::Bits>(fill);
    if !T::is_valid_bit_pattern(&bits) {
        return None;
    }
    // SAFETY: `CheckedBitPattern` promises that `Bits` has the layout of `Self`, and that a pattern
    // which it accepts is a `Self`.
    Some(unsafe { core::mem::transmute_copy(&bits) })
}
