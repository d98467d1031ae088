//! [`Decoder`]: the bytes of a value that is being decoded, and how deep it is in them.

use super::failure::CodecFailure;
use super::reader::Reader;
use super::tag::MAX_DEPTH;

/// Decodes one value.
#[derive(Debug)]
pub(super) struct Decoder<'de> {
    pub(super) reader: Reader<'de>,
    depth: u32,
}

impl<'de> Decoder<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { reader: Reader::new(bytes), depth: 0 }
    }

    /// Checks that all bytes were read.
    pub(super) fn end(&self) -> Result<(), CodecFailure> {
        if self.reader.is_empty() { Ok(()) } else { Err(CodecFailure::TooLong) }
    }

    /// Visits what lies a level deeper.
    pub(super) fn nested<R>(
        &mut self,
        visit: impl FnOnce(&mut Self) -> Result<R, CodecFailure>,
    ) -> Result<R, CodecFailure> {
        if self.depth == MAX_DEPTH {
            return Err(CodecFailure::TooDeep);
        }
        self.depth += 1;
        let visited = visit(self)?;
        self.depth -= 1;
        Ok(visited)
    }
}
