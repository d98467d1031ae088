//! [`Encoder`]: the bytes of a value that is being encoded, and the keys in it.

use super::failure::CodecFailure;
use super::sink::Sink;
use super::tag::MAX_DEPTH;

/// Encodes one value.
#[derive(Debug)]
pub(super) struct Encoder<S> {
    sink: S,
    keys: Vec<&'static str>,
    /// The key that is likely to come next: the one after the last.
    next_key: usize,
    depth: u32,
    has_skipped: bool,
}

impl<S: Sink> Encoder<S> {
    pub(super) fn new(sink: S) -> Self {
        Self { sink, keys: Vec::new(), next_key: 0, depth: 0, has_skipped: false }
    }

    pub(super) fn into_sink(self) -> S {
        self.sink
    }

    /// Whether a field was skipped.
    pub(super) fn has_skipped(&self) -> bool {
        self.has_skipped
    }

    pub(super) fn note_skipped(&mut self) {
        self.has_skipped = true;
    }

    pub(super) fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Goes a level deeper.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), CodecFailure> {
        if self.depth == MAX_DEPTH {
            return Err(CodecFailure::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    pub(super) fn key(&mut self, key: &'static str) {
        let is_there = |known: &&'static str| core::ptr::eq(*known, key) || *known == key;
        // Structs of one type have their fields in the same order.
        let hinted = self.keys.get(self.next_key).filter(|known| is_there(known)).map(|_| self.next_key);
        match hinted.or_else(|| self.keys.iter().position(is_there)) {
            Some(number) => {
                self.sink.varint(number as u64 + 1);
                self.next_key = number + 1;
            }
            None => {
                self.sink.varint(0);
                self.text(key.as_bytes());
                self.keys.push(key);
                self.next_key = 0;
            }
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.sink.varint(text.len() as u64);
        self.sink.bytes(text);
    }

    pub(super) fn number(&mut self, tag: u8, number: u64) -> Result<(), CodecFailure> {
        self.sink.byte(tag);
        self.sink.varint(number);
        Ok(())
    }

    pub(super) fn signed(&mut self, tag: u8, number: i64) -> Result<(), CodecFailure> {
        self.number(tag, (number << 1 ^ number >> 63) as u64)
    }

    pub(super) fn fixed(&mut self, tag: u8, bytes: &[u8]) -> Result<(), CodecFailure> {
        self.sink.byte(tag);
        self.sink.bytes(bytes);
        Ok(())
    }
}
