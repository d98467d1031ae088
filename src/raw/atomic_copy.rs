//! Copies between private bytes and shared words, one relaxed atomic word at a time.
//!
//! Unlike in an ordinary copy, a word is never torn, and reading a word that another process writes
//! at that moment is not undefined behaviour. The caller orders the words among each other.

use core::mem::MaybeUninit;

use crate::primitive::{AtomicU64, Ordering};

/// Bytes in a word.
pub(crate) const WORD: usize = 8;

/// Fills `bytes` from the words. Of the last word, only as many bytes are used as there is room
/// for.
///
/// There must be a word for all of `bytes`; further words are not read.
#[inline(always)]
pub(crate) fn load(words: &[AtomicU64], bytes: &mut [MaybeUninit<u8>]) {
    debug_assert!(bytes.len() <= words.len() * WORD);
    let mut pieces = bytes.chunks_exact_mut(WORD);
    let mut source = words.iter();
    for (piece, word) in (&mut pieces).zip(&mut source) {
        piece.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes().map(MaybeUninit::new));
    }
    let rest = pieces.into_remainder();
    if let (false, Some(word)) = (rest.is_empty(), source.next()) {
        let last = word.load(Ordering::Relaxed).to_ne_bytes().map(MaybeUninit::new);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// Writes `bytes` to the words, the last one padded with zeros.
///
/// There must be a word for all of `bytes`; further words are not written.
#[inline(always)]
pub(crate) fn store(words: &[AtomicU64], bytes: &[u8]) {
    debug_assert!(bytes.len() <= words.len() * WORD);
    let mut pieces = bytes.chunks_exact(WORD);
    let mut target = words.iter();
    for (piece, word) in (&mut pieces).zip(&mut target) {
        word.store(word_of(piece), Ordering::Relaxed);
    }
    let rest = pieces.remainder();
    if let (false, Some(word)) = (rest.is_empty(), target.next()) {
        word.store(word_of(rest), Ordering::Relaxed);
    }
}

/// Up to eight bytes as a word, padded with zeros.
#[inline(always)]
pub(crate) fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(word)
}

/// Fills up to eight bytes from the start of a word.
#[inline(always)]
pub(crate) fn bytes_of_word(word: u64, bytes: &mut [MaybeUninit<u8>]) {
    let word = word.to_ne_bytes().map(MaybeUninit::new);
    bytes.copy_from_slice(&word[..bytes.len()]);
}

/// Writes `bytes` from byte `start` of the words on, as fast as the processor copies. No other
/// participant relies on what it reads there meanwhile.
///
/// There must be a word for all of them; those that have none are not written.
#[cfg_attr(loom, allow(unused_variables))]
pub(crate) fn store_owned(words: &[AtomicU64], start: usize, bytes: &[u8]) {
    let length = bytes.len().min((words.len() * WORD).saturating_sub(start));
    debug_assert_eq!(length, bytes.len());
    #[cfg(not(loom))]
    {
        let first = words.as_ptr().cast::<u8>().cast_mut().wrapping_add(start);
        // SAFETY: as many bytes are in the words, which may be written through a shared reference. A
        // participant that reads some of them meanwhile reads single words, and discards them.
        #[allow(unsafe_code)]
        unsafe {
            first.copy_from_nonoverlapping(bytes.as_ptr(), length);
        }
    }
    #[cfg(loom)]
    store(&words[start / WORD..], bytes);
}

/// Appends `length` bytes from the words to `bytes`, as fast as the processor copies. No participant
/// that keeps to the protocol writes them meanwhile.
///
/// There must be a word for all of them; further words are not read.
pub(crate) fn append_owned(words: &[AtomicU64], length: usize, bytes: &mut Vec<u8>) {
    let length = length.min(words.len() * WORD);
    bytes.reserve(length);
    #[cfg(not(loom))]
    {
        let end = bytes.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: as many bytes are in the words, and there is room for them after the last one. If
        // a hostile participant writes them meanwhile, any bytes are as good as others: they are
        // read once, into private memory.
        #[allow(unsafe_code)]
        unsafe {
            end.copy_from_nonoverlapping(words.as_ptr().cast::<u8>(), length);
        }
        // SAFETY: as many bytes were filled after the last one.
        #[allow(unsafe_code)]
        unsafe {
            bytes.set_len(bytes.len() + length);
        }
    }
    #[cfg(loom)]
    append(words, length, bytes);
}

/// Appends `length` bytes from the words to `bytes`.
///
/// There must be a word for all of them; further words are not read.
#[inline(always)]
pub(crate) fn append(words: &[AtomicU64], length: usize, bytes: &mut Vec<u8>) {
    debug_assert!(length <= words.len() * WORD);
    let length = length.min(words.len() * WORD);
    bytes.reserve(length);
    load(words, &mut bytes.spare_capacity_mut()[..length]);
    // SAFETY: `load` has filled this many bytes after the last one, for which there is room.
    #[allow(unsafe_code)]
    unsafe {
        bytes.set_len(bytes.len() + length);
    }
}
