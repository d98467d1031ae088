//! [`Reader`]: the bytes of a message, of which nothing is believed.

use super::failure::CodecFailure;

/// The bytes that are not read yet, and the keys that were.
#[derive(Debug)]
pub(super) struct Reader<'de> {
    rest: &'de [u8],
    keys: Vec<&'de str>,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, keys: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The next byte, which is not read yet.
    #[inline]
    pub(super) fn peek(&self) -> Result<u8, CodecFailure> {
        self.rest.first().copied().ok_or(CodecFailure::Truncated)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, CodecFailure> {
        let (first, rest) = self.rest.split_first().ok_or(CodecFailure::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<&'de [u8], CodecFailure> {
        let length = usize::try_from(length).map_err(|_| CodecFailure::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CodecFailure::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecFailure> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CodecFailure::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, CodecFailure> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CodecFailure::Malformed("a number"))
    }

    pub(super) fn zigzag(&mut self) -> Result<i64, CodecFailure> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// How many elements follow, of which each has at least this many bytes.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, CodecFailure> {
        let count = usize::try_from(self.varint()?).map_err(|_| CodecFailure::Truncated)?;
        let length = count.checked_mul(least).ok_or(CodecFailure::Truncated)?;
        if length > self.rest.len() { Err(CodecFailure::Truncated) } else { Ok(count) }
    }

    pub(super) fn text(&mut self) -> Result<&'de [u8], CodecFailure> {
        let length = self.varint()?;
        self.bytes(length)
    }

    pub(super) fn str(&mut self) -> Result<&'de str, CodecFailure> {
        core::str::from_utf8(self.text()?).map_err(|_| CodecFailure::Malformed("a text"))
    }

    /// The name of a field or a variant.
    #[inline]
    pub(super) fn key(&mut self) -> Result<&'de str, CodecFailure> {
        match self.varint()?.checked_sub(1) {
            Some(number) => {
                let key = usize::try_from(number).ok().and_then(|number| self.keys.get(number));
                key.copied().ok_or(CodecFailure::Malformed("a key"))
            }
            None => {
                let key = self.str()?;
                self.keys.push(key);
                Ok(key)
            }
        }
    }
}
