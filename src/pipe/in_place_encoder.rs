//! Encodes a value where it will be read, or into memory of its own if it turns out to be too long.

use serde::Serialize;

use crate::codec::{self, Sink};
use crate::error::CodecError;

/// Takes the encoded bytes. A value is encoded only once, because encoding an end of a queue gives
/// it away.
struct InPlaceEncoder<'a> {
    /// Empty once the bytes have spilled.
    buffer: &'a mut [u8],
    /// Bytes written into `buffer`.
    len: usize,
    spilled: Vec<u8>,
}

/// Where the encoded bytes are.
#[derive(Debug)]
pub(super) enum Encoded {
    /// In the buffer, this many.
    InPlace(usize),
    /// All of them here, because the buffer is too short.
    Spilled(Vec<u8>),
}

/// Encodes a value into a buffer, if it fits.
#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, buffer: &mut [u8]) -> Result<Encoded, CodecError> {
    let encoder = codec::encode_into(value, InPlaceEncoder { buffer, len: 0, spilled: Vec::new() })?;
    Ok(if encoder.has_spilled() { Encoded::Spilled(encoder.spilled) } else { Encoded::InPlace(encoder.len) })
}

impl InPlaceEncoder<'_> {
    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if !self.has_spilled() {
            let buffer = core::mem::take(&mut self.buffer);
            self.spilled.reserve(2 * (self.len + bytes.len()));
            self.spilled.extend_from_slice(&buffer[..self.len]);
        }
        self.spilled.extend_from_slice(bytes);
    }

    fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }
}

impl Sink for InPlaceEncoder<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        match self.buffer.get_mut(self.len) {
            Some(buffer) => {
                *buffer = byte;
                self.len += 1;
            }
            None => self.spill(&[byte]),
        }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.len..self.len + bytes.len()) {
            Some(buffer) => {
                buffer.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.spill(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_into_buffers_of_any_length() {
        let value = (7_u8, "breeze".to_owned(), vec![1_u64, 2, 1 << 40], None::<u8>, String::new());
        let bytes = codec::to_vec(&value).unwrap();
        for len in 0..bytes.len() + 3 {
            let mut buffer = vec![0; len];
            match encode(&value, &mut buffer).unwrap() {
                Encoded::InPlace(count) => assert_eq!((&buffer[..count], count <= len), (&bytes[..], true)),
                Encoded::Spilled(spilled) => assert_eq!((spilled, len < bytes.len()), (bytes.clone(), true)),
            }
        }
    }

    #[test]
    fn encode_unit_into_an_empty_buffer_spills() {
        assert!(matches!(encode(&(), &mut []), Ok(Encoded::Spilled(bytes)) if bytes.len() == 1));
    }
}
