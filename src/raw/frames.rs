//! How messages of any length lie in a ring of bytes: each in one piece, after a header.
//!
//! As in Agrona's ring buffers: a length and a kind before each message, and a pad before the
//! ring's end.
//!
//! ```text
//!  ┌────────────────────────────┬──────────────┬───────────────┐
//!  │ len:32 │ kind:16 │ flags:16 │ len bytes    │ up to 7 unused │   8-aligned
//!  └────────────────────────────┴──────────────┴───────────────┘
//! ```
//!
//! A message that does not fit before the ring's end starts at its beginning, and a frame of kind
//! PAD fills the rest. Both are committed at once, so a consumer that finds a pad finds a message
//! after it. The flags are zero.

use crate::primitive::{AtomicU64, Ordering};

/// Bytes of a header, and the alignment of frames.
pub(crate) const HEADER: u64 = 8;

const MESSAGE: u64 = 1;
const PAD: u64 = 2;
const KIND_AT: u32 = 32;

/// Bytes of the frame of a message of `len` bytes.
#[inline(always)]
pub(crate) const fn frame(len: u64) -> u64 {
    HEADER + len.next_multiple_of(HEADER)
}

/// The longest message that fits into an empty ring of `capacity` bytes, wherever its sides stand:
/// in the worst place, a pad of nearly the message's own length comes before it.
pub(crate) const fn longest(capacity: u64) -> u64 {
    let frame = (capacity + HEADER) / 2 / HEADER * HEADER;
    let longest = frame - HEADER;
    if longest < u32::MAX as u64 { longest } else { u32::MAX as u64 }
}

/// Where a producer puts a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePlacement {
    /// Bytes of the pad before it.
    pub(crate) pad: u64,
    /// Where it starts.
    pub(crate) start: u64,
}

impl FramePlacement {
    /// The placement of a message of `len` bytes in a ring of `capacity` bytes whose producer is at
    /// `at`.
    #[inline(always)]
    pub(crate) fn of(len: u64, at: u64, capacity: u64) -> Self {
        let to_end = capacity - at;
        if frame(len) <= to_end { Self { pad: 0, start: at } } else { Self { pad: to_end, start: 0 } }
    }

    /// Writes the headers of a message of `len` bytes and of its pad. Returns the bytes that frame
    /// and pad take together.
    #[inline(always)]
    pub(crate) fn write(self, ring: &[AtomicU64], at: u64, len: u64) -> u64 {
        let put = |place: u64, header: u64| {
            // ORDER: relaxed; the commit after it is a Release.
            ring[(place / HEADER) as usize].store(header, Ordering::Relaxed);
        };
        if self.pad > 0 {
            put(at, PAD << KIND_AT | (self.pad - HEADER));
        }
        put(self.start, MESSAGE << KIND_AT | len);
        self.pad + frame(len)
    }
}

/// A message that a consumer has found in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundFrame {
    /// Where the message's bytes start.
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Bytes from the consumer's place to the end of the frame.
    pub(crate) taken: u64,
}

/// The message at `at`, in a ring of which `room` bytes are written from there on. `None` if the
/// bytes are no message that fits into them.
#[inline(always)]
pub(crate) fn find(ring: &[AtomicU64], at: u64, room: u64) -> Option<FoundFrame> {
    let capacity = ring.len() as u64 * HEADER;
    let header = |at: u64| ring.get((at / HEADER) as usize).map(|word| word.load(Ordering::Relaxed));
    let first = header(at)?;
    let pad = capacity - at;
    let (at, before, header) = match first >> KIND_AT {
        // A pad reaches exactly to the ring's end, and was committed together with the message
        // after it.
        PAD if u64::from(first as u32) == pad - HEADER && room > pad => (0, pad, header(0)?),
        _ => (at, 0, first),
    };
    let len = u64::from(header as u32);
    // Checked against the written bytes and the ring's end, because another process wrote the
    // header.
    let fits = header >> KIND_AT == MESSAGE && frame(len) <= (room - before).min(capacity - at);
    fits.then_some(FoundFrame { start: at + HEADER, len, taken: before + frame(len) })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn frames_longest_fits_everywhere() {
        for capacity in (16..512).step_by(8) {
            let longest = longest(capacity);
            for at in (0..capacity).step_by(8) {
                let place = FramePlacement::of(longest, at, capacity);
                assert!(place.pad + frame(longest) <= capacity, "{longest} at {at} of {capacity}");
            }
            let too_long = longest + 1;
            let worst = (0..capacity)
                .step_by(8)
                .map(|at| FramePlacement::of(too_long, at, capacity).pad + frame(too_long));
            assert!(worst.max().unwrap() > capacity);
        }
    }

    #[test]
    fn frames_find_returns_what_was_written() {
        let ring: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
        for (len, at) in [(0, 0), (5, 8), (8, 40), (17, 40), (24, 56), (1, 56)] {
            let place = FramePlacement::of(len, at, 64);
            let taken = place.write(&ring, at, len);
            let found = FoundFrame { start: place.start + HEADER, len, taken };
            assert_eq!(find(&ring, at, taken), Some(found));
            assert_eq!(find(&ring, at, taken - 8), None, "a message that is not all there");
        }
    }

    #[test]
    fn frames_find_damaged_header_is_none() {
        let ring: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
        let header = |at: usize, word: u64| {
            ring[at].store(word, Ordering::Relaxed);
            find(&ring, at as u64 * 8, 64)
        };
        assert_eq!(header(0, 0), None);
        assert_eq!(header(0, MESSAGE << KIND_AT | 57), None, "longer than the ring");
        assert_eq!(header(6, MESSAGE << KIND_AT | 9), None, "over the ring's end");
        assert_eq!(header(0, MESSAGE << KIND_AT | u64::from(u32::MAX)), None);
        assert_eq!(header(0, 3 << KIND_AT), None, "of no kind");
        assert_eq!(header(0, 1 << 48 | MESSAGE << KIND_AT), None, "with flags");
        assert_eq!(header(6, PAD << KIND_AT), None, "a pad that ends early");
        assert_eq!(header(7, PAD << KIND_AT), None, "a pad, and no message after it");
    }
}
