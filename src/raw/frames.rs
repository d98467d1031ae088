//! How messages of any length lie in a ring of bytes: each in one piece, behind a header.
//!
//! ```text
//!  ┌────────────────────────────┬──────────────┬───────────────┐
//!  │ len:32 │ kind:16 │ flags:16 │ len bytes    │ up to 7 unused │   8-aligned
//!  └────────────────────────────┴──────────────┴───────────────┘
//! ```
//!
//! A message that does not fit before the ring's end starts at its beginning; a frame of kind PAD fills what it leaves. Both are
//! committed at once, so a reader that finds a pad finds a message behind it. The flags are zero.

use crate::primitive::{AtomicU64, Ordering};

/// Bytes of a header, and what frames are aligned to.
pub(crate) const HEADER: u64 = 8;

const MESSAGE: u64 = 1;
const PAD: u64 = 2;
const KIND_AT: u32 = 32;

/// Bytes of the frame of a message of `len` bytes.
#[inline(always)]
pub(crate) const fn frame(len: u64) -> u64 {
    HEADER + len.next_multiple_of(HEADER)
}

/// The longest message that fits into an empty ring of so many bytes, wherever its sides stand: in the worst place, a pad of
/// nearly its own length comes before it.
pub(crate) const fn longest(capacity: u64) -> u64 {
    let frame = (capacity + HEADER) / 2 / HEADER * HEADER;
    let longest = frame - HEADER;
    if longest < u32::MAX as u64 { longest } else { u32::MAX as u64 }
}

/// Where a frame is to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePlacement {
    /// Bytes of the pad before it.
    pub(crate) pad: u64,
    /// Where it starts.
    pub(crate) start: u64,
}

impl FramePlacement {
    /// For a message of `len` bytes in a ring of `capacity`, whose producer is at `at`.
    #[inline(always)]
    pub(crate) fn of(len: u64, at: u64, capacity: u64) -> Self {
        let to_end = capacity - at;
        if frame(len) <= to_end { Self { pad: 0, start: at } } else { Self { pad: to_end, start: 0 } }
    }

    /// Writes the headers of the frame, and of the pad, of a message of `len` bytes. Returns the bytes they take in all.
    #[inline(always)]
    pub(crate) fn write(self, ring: &[AtomicU64], at: u64, len: u64) -> u64 {
        let put = |place: u64, header: u64| {
            // ORDER: relaxed; the commit behind it is a Release.
            ring[(place / HEADER) as usize].store(header, Ordering::Relaxed);
        };
        if self.pad > 0 {
            put(at, PAD << KIND_AT | (self.pad - HEADER));
        }
        put(self.start, MESSAGE << KIND_AT | len);
        self.pad + frame(len)
    }
}

/// A message that lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundFrame {
    /// Where its bytes start.
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Bytes from where the consumer is to behind the message.
    pub(crate) taken: u64,
}

/// The message at `at`, in a ring of whose bytes `room` are written from there on. `None` where there is none such.
#[inline(always)]
pub(crate) fn find(ring: &[AtomicU64], at: u64, room: u64) -> Option<FoundFrame> {
    let capacity = ring.len() as u64 * HEADER;
    let header = |at: u64| ring.get((at / HEADER) as usize).map(|word| word.load(Ordering::Relaxed));
    let first = header(at)?;
    let pad = capacity - at;
    let (at, before, header) = match first >> KIND_AT {
        PAD if u64::from(first as u32) == pad - HEADER && room > pad => (0, pad, header(0)?),
        _ => (at, 0, first),
    };
    let len = u64::from(header as u32);
    let fits = header >> KIND_AT == MESSAGE && frame(len) <= (room - before).min(capacity - at);
    fits.then_some(FoundFrame { start: at + HEADER, len, taken: before + frame(len) })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_fits_everywhere() {
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
    fn what_is_written_is_found() {
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
    fn what_nobody_wrote_is_not_found() {
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
        assert_eq!(header(7, PAD << KIND_AT), None, "a pad, and no message behind it");
    }
}
