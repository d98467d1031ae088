//! How a message lies in a ring of bytes: in one frame, or in several.
//!
//! ```text
//!  WHOLE  ┌─────────────────────────┬────────┐
//!         │ the message             │ kind:8 │
//!         └─────────────────────────┴────────┘
//!  FIRST  ┌─────────────────────────┬──────────┬────────┐
//!         │ the message's beginning │ total:64 │ kind:8 │   followed by
//!         └─────────────────────────┴──────────┴────────┘
//!  MORE   ┌─────────────────────────┬────────┐
//!         │ more of it              │ kind:8 │            as often as it takes
//!         └─────────────────────────┴────────┘
//! ```
//!
//! A frame of kind WHOLE or FIRST before `total` bytes have arrived means that the message before
//! it was given up. A frame of kind MORE without a beginning is the rest of a message whose
//! beginning a dead receiver took out. The kind comes last so that messages begin at multiples of
//! 8.

const WHOLE: u8 = 1;
const FIRST: u8 = 2;
const MORE: u8 = 3;

/// Bytes that a frame of kind WHOLE or MORE needs beyond the message's.
pub(super) const TRAILER_LEN: usize = 1;
/// Bytes that a frame of kind FIRST needs beyond the message's.
pub(super) const FIRST_TRAILER_LEN: usize = 9;

/// A frame, and the part of a message in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Whole(&'a [u8]),
    First { total: u64, bytes: &'a [u8] },
    More(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The frame that follows the first `sent` bytes of a message, of at most `longest` bytes.
    #[inline]
    pub(super) fn of(message: &'a [u8], sent: usize, longest: usize) -> Self {
        let rest = &message[sent..];
        if sent > 0 {
            return Self::More(&rest[..rest.len().min(longest - TRAILER_LEN)]);
        }
        if message.len() + TRAILER_LEN <= longest {
            return Self::Whole(message);
        }
        Self::First { total: message.len() as u64, bytes: &message[..longest - FIRST_TRAILER_LEN] }
    }

    /// The part of a message that is in the frame.
    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        let (Self::Whole(bytes) | Self::More(bytes) | Self::First { bytes, .. }) = self;
        bytes
    }

    /// Parses a frame; `None` if the bytes are none.
    #[inline]
    pub(super) fn parse(frame: &'a [u8]) -> Option<Self> {
        let (kind, bytes) = frame.split_last()?;
        match *kind {
            WHOLE => Some(Self::Whole(bytes)),
            FIRST => {
                let (bytes, total) = bytes.split_last_chunk()?;
                Some(Self::First { total: u64::from_le_bytes(*total), bytes })
            }
            MORE => Some(Self::More(bytes)),
            _ => None,
        }
    }

    /// The length of the frame in bytes.
    pub(super) fn len(self) -> usize {
        let trailer = match self {
            Self::Whole(_) | Self::More(_) => TRAILER_LEN,
            Self::First { .. } => FIRST_TRAILER_LEN,
        };
        self.bytes().len() + trailer
    }

    /// Writes the frame into a buffer of its length.
    #[inline]
    pub(super) fn write(self, buffer: &mut [u8]) {
        let (body, trailer) = buffer.split_at_mut(self.bytes().len());
        body.copy_from_slice(self.bytes());
        match self {
            Self::Whole(_) => write_whole_trailer(trailer),
            Self::More(_) => trailer.copy_from_slice(&[MORE]),
            Self::First { total, .. } => {
                let (length, kind) = trailer.split_at_mut(FIRST_TRAILER_LEN - TRAILER_LEN);
                length.copy_from_slice(&total.to_le_bytes());
                kind.copy_from_slice(&[FIRST]);
            }
        }
    }
}

/// Writes the trailer after a message that was encoded into its frame.
#[inline]
pub(super) fn write_whole_trailer(trailer: &mut [u8]) {
    trailer.copy_from_slice(&[WHOLE]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_parse_round_trip() {
        let message = [7, 8, 9];
        for len in 0..=message.len() {
            let bytes = &message[..len];
            for frame in [Frame::Whole(bytes), Frame::First { total: 1 << 40, bytes }, Frame::More(bytes)] {
                let mut buffer = vec![0; frame.len()];
                frame.write(&mut buffer);
                assert_eq!(Frame::parse(&buffer), Some(frame));
            }
        }
    }

    #[test]
    fn frame_of_covers_the_message() {
        let message: Vec<u8> = (0..100).collect();
        for len in 0..=message.len() {
            for longest in FIRST_TRAILER_LEN + 1..len + 20 {
                let (message, mut came) = (&message[..len], Vec::new());
                loop {
                    let frame = Frame::of(message, came.len(), longest);
                    assert!(frame.len() <= longest);
                    assert_eq!(matches!(frame, Frame::More(_)), !came.is_empty());
                    came.extend_from_slice(frame.bytes());
                    if came.len() == len {
                        break;
                    }
                }
                assert_eq!(came, message);
            }
        }
    }

    #[test]
    fn frame_parse_damaged() {
        for bytes in [&[][..], &[0], &[4], &[255], &[1, 0], &[FIRST], &[0, 0, 0, 0, 0, 0, 0, FIRST]] {
            assert_eq!(Frame::parse(bytes), None, "{bytes:?}");
        }
    }
}
