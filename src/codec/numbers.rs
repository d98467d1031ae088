//! Vectors and slices of plain numbers, in one piece: an element at a time they take ten times as
//! long.
//!
//! serde hands a `Vec` over by `collect_seq`, and asks for one with a visitor of its own. Both are
//! recognised by their types; a type that is not is handled an element at a time.

#![allow(unsafe_code)]

use core::any::TypeId;
use core::fmt;
use core::mem::{ManuallyDrop, transmute_copy};

use bytemuck::Pod;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use super::failure::CodecFailure;

const _: () = assert!(cfg!(target_endian = "little"), "numbers are little-endian in memory");

/// A number that is encoded in one piece with its neighbours.
pub(super) trait Number: Pod + for<'de> Deserialize<'de> {
    /// The kind's number in a tag.
    const KIND: u8;
}

/// Calls a macro for each number's type.
macro_rules! for_each_number {
    ($with:ident) => {
        $with!(u8, 0);
        $with!(u16, 1);
        $with!(u32, 2);
        $with!(u64, 3);
        $with!(i8, 4);
        $with!(i16, 5);
        $with!(i32, 6);
        $with!(i64, 7);
        $with!(f32, 8);
        $with!(f64, 9);
    };
}
pub(super) use for_each_number;

macro_rules! number {
    ($number:ident, $kind:literal) => {
        impl Number for $number {
            const KIND: u8 = $kind;
        }
    };
}
for_each_number!(number);

/// The numbers of `all`, if it is a `&Vec<N>` or a `&[N]`.
#[inline]
pub(super) fn as_slice<I, N: Number>(all: &I) -> Option<&[N]> {
    let of = typeid::of::<I>();
    if of == TypeId::of::<&'static Vec<N>>() {
        // SAFETY: `I` is a `&Vec<N>`, of whatever lifetime; it is borrowed for as long as the
        // result, and outlives it.
        let numbers: &Vec<N> = unsafe { transmute_copy(all) };
        return Some(numbers);
    }
    if of == TypeId::of::<&'static [N]>() {
        // SAFETY: as above, with a `&[N]`.
        return Some(unsafe { transmute_copy(all) });
    }
    None
}

/// Whether `V` is the visitor with which serde decodes a `Vec<N>`.
#[inline]
pub(super) fn is_visitor_of<V, N: Number>() -> bool {
    match Vec::<N>::deserialize(VisitorProbe) {
        Err(ProbedVisitor(Some(found))) => found == typeid::of::<V>(),
        _ => false,
    }
}

/// A vector of the numbers in these bytes, as the result of a visitor that is serde's own for it.
pub(super) fn visited<'de, V: Visitor<'de>, N: Number>(bytes: &[u8]) -> Result<V::Value, CodecFailure> {
    if typeid::of::<V::Value>() != TypeId::of::<Vec<N>>() {
        return Err(CodecFailure::Malformed("the visitor of a vector"));
    }
    let count = bytes.len() / size_of::<N>();
    let mut numbers = Vec::<N>::with_capacity(count);
    let start = numbers.as_mut_ptr().cast::<u8>();
    // SAFETY: there is room for as many bytes.
    unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), count * size_of::<N>()) };
    // SAFETY: as many numbers were filled, of which any bytes are one.
    unsafe { numbers.set_len(count) };
    let numbers = ManuallyDrop::new(numbers);
    // SAFETY: `V::Value` is `Vec<N>`, which has no lifetime; it is moved, and not dropped here.
    Ok(unsafe { transmute_copy(&numbers) })
}

/// The bytes of a value that is a `Vec<u8>`.
#[inline]
pub(super) fn vec_bytes<T>(value: &T) -> Option<&[u8]> {
    if typeid::of::<T>() != TypeId::of::<Vec<u8>>() {
        return None;
    }
    // SAFETY: `T` is `Vec<u8>`.
    let bytes: &Vec<u8> = unsafe { &*core::ptr::from_ref(value).cast() };
    Some(bytes)
}

/// The bytes after the first `head` as a `T`, if that is a `Vec<u8>`; else all of them back.
pub(super) fn vec_of_tail<T>(mut bytes: Vec<u8>, head: usize) -> Result<T, Vec<u8>> {
    if typeid::of::<T>() != TypeId::of::<Vec<u8>>() {
        return Err(bytes);
    }
    bytes.drain(..head);
    let bytes = ManuallyDrop::new(bytes);
    // SAFETY: `T` is `Vec<u8>`, which has no lifetime; it is moved, and not dropped here.
    Ok(unsafe { transmute_copy(&bytes) })
}

/// Tells which visitor a type asks with for a sequence.
struct VisitorProbe;

/// The visitor's type, as the error of the probe.
#[derive(Debug)]
struct ProbedVisitor(Option<TypeId>);

impl fmt::Display for ProbedVisitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe decodes nothing")
    }
}

impl core::error::Error for ProbedVisitor {}

impl Error for ProbedVisitor {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl<'de> Deserializer<'de> for VisitorProbe {
    type Error = ProbedVisitor;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedVisitor> {
        Err(ProbedVisitor(None))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedVisitor> {
        Err(ProbedVisitor(Some(typeid::of::<V>())))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}
