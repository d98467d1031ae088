//! How values become bytes: messages, arguments and results.
//!
//! A format of this crate's own, which describes itself. Each value says what it is, and fields and
//! variants go by their names (once in a message, by number after that). So whatever serde's
//! attributes leave out, rename or mix comes out as it went in: skipped fields and variants,
//! untagged and internally tagged enums, flattened maps, types that ask what there is. Unlike JSON's,
//! `None`, `()` and `Some` are told apart, and numbers and bytes are binary.
//!
//! Values are not encoded or decoded deeper than [`MAX_DEPTH`](tag::MAX_DEPTH), so no value and no message overflows
//! the stack. A decoder trusts nothing: no length is believed before the bytes are there.
//!
//! ```text
//! value   = UNIT | NONE | SOME value | FALSE | TRUE
//!         | U8..U64 varint | I8..I64 zigzag varint | U128, I128, F32, F64 little-endian
//!         | CHAR varint | STR text | BYTES text
//!         | NUMBERS+n count numbers             a Vec or slice of plain numbers, little-endian
//!         | SEQ count value* | SEQ_OPEN value* END
//!         | MAP count (value value)* | MAP_OPEN (value value)* END
//!         | STRUCT count (key value)*
//!         | UNIT_VARIANT key | VARIANT key value       value: of a newtype, a SEQ or a STRUCT
//! key     = 0 text, which is the message's next key | n, its n-th key
//! text    = length bytes
//! ```
//!
//! - [`decoder`], [`deserializer`], [`access`], [`reader`]: from bytes
//! - [`encoder`], [`serializer`], [`compound`], [`sink`]: into bytes
//! - [`numbers`]: vectors of numbers in one piece
//! - [`failure`]: what goes wrong

mod access;
mod compound;
mod decoder;
mod deserializer;
mod encoder;
mod failure;
mod numbers;
mod reader;
mod serializer;
mod sink;
mod tag;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CodecError;
use decoder::Decoder;
use encoder::Encoder;
use failure::CodecFailure;
use reader::Reader;
pub(crate) use sink::Sink;

/// Vectors of more bytes are not copied into an encoding of their own.
const LONG_BYTES: usize = 1024;

/// Room for an encoding, to begin with.
const FIRST_CAPACITY: usize = 128;

/// Encodes a value into a sink.
#[inline]
pub(crate) fn encode_into<T: Serialize + ?Sized, S: Sink>(value: &T, sink: S) -> Result<S, CodecError> {
    let mut encoder = Encoder::new(sink);
    value.serialize(&mut encoder).map_err(CodecError::new)?;
    Ok(encoder.into_sink())
}

/// Encodes a value.
#[inline]
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    encode_into(value, Vec::with_capacity(FIRST_CAPACITY))
}

/// Encodes a value, and tells whether any field was skipped: what the decoder puts in its place may
/// be missing, or another value; see [`check`].
#[inline]
pub(crate) fn to_vec_noting_skips<T: Serialize + ?Sized>(value: &T) -> Result<(Vec<u8>, bool), CodecError> {
    let mut encoder = Encoder::new(Vec::with_capacity(FIRST_CAPACITY));
    value.serialize(&mut encoder).map_err(CodecError::new)?;
    let has_skipped = encoder.has_skipped();
    Ok((encoder.into_sink(), has_skipped))
}

/// Checks that a value comes out of these bytes that is encoded as they are.
#[cold]
pub(crate) fn check<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<(), CodecError> {
    let decoded: T = from_bytes(bytes)?;
    if to_vec(&decoded)? == bytes { Ok(()) } else { Err(CodecError::new(CodecFailure::OtherValue)) }
}

/// Decodes a value from all of the bytes.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder).map_err(CodecError::new)?;
    decoder.end().map_err(CodecError::new)?;
    Ok(value)
}

/// The encoding of a long `Vec<u8>` as its first bytes and the vector's own; `None` for other values.
#[inline]
pub(crate) fn long_bytes<T>(value: &T) -> Option<(Vec<u8>, &[u8])> {
    let bytes: &[u8] = numbers::vec_bytes(value).filter(|bytes| bytes.len() > LONG_BYTES)?;
    let mut head = vec![tag::NUMBERS];
    head.varint(bytes.len() as u64);
    Some((head, bytes))
}

/// Decodes a value from all of the bytes. Those of a `Vec<u8>` become the vector.
#[inline]
pub(crate) fn from_vec<T: DeserializeOwned>(bytes: Vec<u8>) -> Result<T, CodecError> {
    if bytes.len() <= LONG_BYTES || bytes.first() != Some(&tag::NUMBERS) {
        return from_bytes(&bytes);
    }
    let mut reader = Reader::new(bytes.get(1..).unwrap_or_default());
    let length = reader.varint().map_err(CodecError::new)?;
    let head = bytes.len() - reader.len();
    if reader.len() as u64 != length {
        return from_bytes(&bytes);
    }
    numbers::vec_of_tail(bytes, head).or_else(|bytes| from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;

    fn through<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) -> Vec<u8> {
        let bytes = to_vec(&value).unwrap();
        assert_eq!(from_bytes::<T>(&bytes).unwrap(), value);
        // No part of it is a value, and nothing may follow.
        for len in 0..bytes.len().min(100) {
            assert!(from_bytes::<T>(&bytes[..len]).is_err(), "{len} bytes of {value:?}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(from_bytes::<T>(&longer).is_err());
        bytes
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    enum Shape {
        Unit,
        #[serde(skip)]
        #[allow(dead_code)]
        Hidden,
        Newtype(u32),
        Tuple(u8, String),
        Struct {
            a: Option<u8>,
            b: Vec<Shape>,
        },
    }

    fn shapes() -> Vec<Shape> {
        let inner = vec![Shape::Unit, Shape::Newtype(7), Shape::Tuple(1, "x".to_owned())];
        vec![Shape::Struct { a: None, b: inner.clone() }, Shape::Struct { a: Some(3), b: inner }, Shape::Unit]
    }

    #[test]
    fn codec_primitives_come_out_equal() {
        through((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
        through((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
        through((i8::MAX, i16::MAX, i32::MAX, i64::MAX, i128::MAX));
        through((0_u8, 0_i64, -1_i32, true, false, 'ß', '\u{10ffff}', ()));
        through((1.5_f32, f64::MIN_POSITIVE, f64::NEG_INFINITY));
        through(("breeze".to_owned(), String::new(), vec!["a".to_owned(); 3]));
        let nan = to_vec(&f64::NAN).unwrap();
        assert!(from_bytes::<f64>(&nan).unwrap().is_nan());
    }

    #[test]
    fn codec_options_and_units_are_told_apart() {
        through([None, Some(None), Some(Some(None)), Some(Some(Some(1_u8)))]);
        through([None, Some(())]);
        through((Some(()), None::<()>, ()));
    }

    #[test]
    fn codec_enums_structs_and_maps_come_out_equal() {
        through(shapes());
        let map: BTreeMap<(u8, String), Vec<Option<bool>>> =
            (0..9).map(|n| ((n, n.to_string()), vec![Some(n > 3), None])).collect();
        through(map);
    }

    #[test]
    fn codec_numbers_come_out_equal_in_one_piece() {
        assert_eq!(through(vec![7_u8; 1000]).len(), 1 + 2 + 1000);
        assert_eq!(through(vec![1.5_f64; 100]).len(), 1 + 1 + 800);
        through((i8::MIN..i8::MAX).collect::<Vec<i8>>());
        through((0..2000).map(|n| n * 31).collect::<Vec<u64>>());
        through(vec![i16::MIN, -1, 0, i16::MAX]);
        through((vec![u32::MAX; 3], Vec::<u16>::new(), vec![vec![1_i64], vec![]]));
        // By other types than serde's own vector.
        through(VecDeque::from([1_u8, 2, 3]));
        let bytes = to_vec(&[1_u16, 2, 3][..]).unwrap();
        assert_eq!(from_bytes::<VecDeque<u64>>(&bytes).unwrap(), [1, 2, 3]);
        assert_eq!(from_bytes::<[u32; 3]>(&bytes).unwrap(), [1, 2, 3]);
        assert!(from_bytes::<[u32; 4]>(&bytes).is_err());
        assert!(from_bytes::<(u32, u32)>(&bytes).is_err());
        assert!(from_bytes::<Vec<u8>>(&to_vec(&[1_u16, 300][..]).unwrap()).is_err());
        through(serde_json::json!([[1, 2], "x", null, {"a": 1.5, "b": [true]}]));
    }

    /// A list as deep as it is long.
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Nested(Option<Box<Nested>>);

    fn nested(depth: usize) -> Nested {
        (0..depth).fold(Nested(None), |inner, _| Nested(Some(Box::new(inner))))
    }

    #[test]
    fn codec_depth_is_limited_on_both_sides() {
        through(nested(60));
        let error = to_vec(&nested(70)).unwrap_err();
        assert!(error.to_string().contains("nested more than 128 deep"), "{error}");
        // Written by a peer that keeps to no limit.
        let deep = [vec![tag::SOME; 100_000], vec![tag::NONE]].concat();
        for bytes in [deep, vec![tag::SEQ_OPEN; 100_000], [tag::SEQ, 1].repeat(100_000)] {
            assert!(from_bytes::<Nested>(&bytes).is_err());
            assert!(from_bytes::<serde_json::Value>(&bytes).is_err());
            assert!(from_bytes::<serde::de::IgnoredAny>(&bytes).is_err());
        }
    }

    #[test]
    fn codec_damaged_bytes_are_errors() {
        let good = to_vec(&(shapes(), vec![1_u64; 5], serde_json::json!({"a": [1, null]}))).unwrap();
        type Sample = (Vec<Shape>, Vec<u64>, serde_json::Value);
        for at in 0..good.len() {
            for byte in 0..=u8::MAX {
                let mut bad = good.clone();
                bad[at] = byte;
                // No panic, no endless loop, no huge allocation; some are other values.
                let _ = from_bytes::<Sample>(&bad);
                let _ = from_bytes::<serde_json::Value>(&bad);
            }
        }
        for first in 0..=u8::MAX {
            let huge = [&[first][..], &[0xff; 9], &[1]].concat();
            let _ = from_bytes::<Sample>(&huge);
            assert!(from_bytes::<Vec<()>>(&huge).is_err());
            assert!(from_bytes::<Vec<u64>>(&huge).is_err());
            assert!(from_bytes::<String>(&huge).is_err());
        }
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Skipping {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: u8,
    }

    /// What is skipped comes out as 5.
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Lying {
        #[serde(default = "five", skip_serializing_if = "is_small")]
        a: u8,
    }

    fn five() -> u8 {
        5
    }

    fn is_small(number: &u8) -> bool {
        *number < 10
    }

    #[test]
    fn codec_check_refuses_a_skipped_field_with_another_default() {
        let checked = |value: &dyn Fn() -> (Vec<u8>, bool), check: fn(&[u8]) -> bool| {
            let (bytes, has_skipped) = value();
            (has_skipped, check(&bytes))
        };
        let skipping = |a| move || to_vec_noting_skips(&Skipping { a, b: 1 }).unwrap();
        let is_skipping = |bytes: &[u8]| check::<Skipping>(bytes).is_ok();
        assert_eq!(checked(&skipping(None), is_skipping), (true, true));
        assert_eq!(checked(&skipping(Some(1)), is_skipping), (false, true));
        through(Skipping { a: None, b: 1 });
        // 3 is left out, and 5 comes out, which is left out as well: the bytes do not tell.
        let (bytes, has_skipped) = to_vec_noting_skips(&Lying { a: 3 }).unwrap();
        assert!(has_skipped && check::<Lying>(&bytes).is_ok());

        /// What is skipped is missing when it is decoded.
        #[derive(Serialize, Deserialize, Debug)]
        struct Missing {
            #[serde(skip_serializing_if = "is_small")]
            a: u8,
        }
        let (bytes, has_skipped) = to_vec_noting_skips(&Missing { a: 3 }).unwrap();
        assert!(has_skipped && check::<Missing>(&bytes).is_err());
    }
}
