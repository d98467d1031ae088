//! What several kinds of queues have in common on their surface.

use crate::error::SegmentError;

/// What is corrupt about a value whose bytes are not one.
pub(super) const NOT_A_VALUE: &str = "a value in a queue";

/// The capacities that a queue can have.
pub(super) fn check_capacity(capacity: usize) -> Result<(), SegmentError> {
    if capacity == 0 {
        return Err(SegmentError::InvalidOption { option: "capacity", allowed: "1 or more" });
    }
    Ok(())
}

/// What both ends of a queue with one producer and one consumer can.
macro_rules! end_forms {
    ([$($generics:tt)*] $object:ty, $other:literal, $units:literal) => {
        impl<$($generics)*> $object {
            /// Closes the queue: nothing more can be pushed, and what is in it can still be taken out. `false` where it was closed.
            /// A push that is under way while the consumer closes may still arrive.
            pub fn close(&self) -> bool {
                self.end.close()
            }

            /// Whether the queue is closed.
            pub fn is_closed(&self) -> bool {
                self.end.is_closed()
            }

            #[doc = concat!("Whether a living process has the ", $other, "'s end right now.")]
            pub fn is_connected(&self) -> bool {
                self.end.is_connected()
            }

            #[doc = concat!("Lets go of this end, so that another process can open it. The ", $other, " waits for that one.")]
            pub fn release(self) {
                self.end.release();
            }

            #[doc = concat!($units, " in the queue.")]
            pub fn len(&self) -> usize {
                self.end.len(self.capacity() as u64) as usize
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The segment it lies in.
            pub fn segment(&self) -> &$crate::Segment {
                self.end.region().segment()
            }
        }

        /// Sends the end away: from then on it belongs to the process that reads it, and is of no use here.
        #[cfg(feature = "serde")]
        impl<$($generics)*> serde::Serialize for $object {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !self.end.pledge() {
                    return Err(serde::ser::Error::custom("this end of the queue is another process's"));
                }
                $crate::segment::reference::serialize(self, serializer)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de, $($generics)*> serde::Deserialize<'de> for $object {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::segment::reference::deserialize(deserializer)
            }
        }
    };
}
pub(super) use end_forms;
