//! The public surface that several kinds of queues share.

use crate::error::SegmentError;
use crate::segment::object::Shape;

/// What [`PopError::Corrupt`](crate::PopError::Corrupt) says of a value whose bytes are not a `T`.
pub(super) const NOT_A_VALUE: &str = "a value in a queue";

/// Checks that a queue can have this capacity.
pub(super) fn check_capacity(capacity: usize) -> Result<(), SegmentError> {
    if capacity == 0 {
        return Err(SegmentError::InvalidOption { option: "capacity", allowed: "1 or more" });
    }
    Ok(())
}

/// The shape of a queue of this capacity.
pub(super) fn shape(capacity: usize) -> Shape {
    Shape { count: capacity as u64, aux: 0 }
}

/// The methods and serde impls that both endpoints of a queue with one producer and one consumer
/// have.
macro_rules! endpoint_handle {
    ([$($generics:tt)*] $object:ty, $other:literal, $units:literal) => {
        impl<$($generics)*> $object {
            /// Closes the queue: later pushes fail, and pops fail once the queue is empty. Returns
            /// `false` if it was closed already.
            ///
            /// A push that is under way while the consumer closes the queue may still be delivered.
            pub fn close(&self) -> bool {
                self.end.close()
            }

            /// Whether the queue is closed.
            pub fn is_closed(&self) -> bool {
                self.end.is_closed()
            }

            #[doc = concat!("Whether a living process holds the ", $other, " right now.")]
            pub fn is_connected(&self) -> bool {
                self.end.is_connected()
            }

            #[doc = concat!(
                "Releases this endpoint, so that another process can open it. The ",
                $other,
                " waits for that process."
            )]
            pub fn release(self) {
                self.end.release();
            }

            #[doc = concat!($units, " in the queue.")]
            pub fn len(&self) -> usize {
                self.end.len() as usize
            }

            /// Whether the queue is empty.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The segment that the queue lies in.
            pub fn segment(&self) -> &$crate::Segment {
                self.end.region().segment()
            }
        }

        /// Sends the endpoint away: it belongs to the process that deserialises it, and this copy
        /// can no longer be used. That holds also if the bytes never arrive: see
        /// [`spsc`]($crate::queue::spsc#sending-an-endpoint).
        #[cfg(feature = "serde")]
        impl<$($generics)*> serde::Serialize for $object {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Some(transit) = self.end.mark_in_transit() else {
                    return Err(serde::ser::Error::custom("this end of the queue is another process's"));
                };
                let serialized = $crate::segment::reference::serialize(self, serializer);
                match &serialized {
                    Ok(_) => $crate::queue::transit::note(transit),
                    Err(_) => transit.give_back(),
                }
                serialized
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
pub(super) use endpoint_handle;

/// Makes a handle with an endpoint `end` and a constructor `claim_endpoint(region, sent)` an
/// object.
macro_rules! endpoint_object {
    ([$($generics:tt)*] $object:ty, $fingerprint:path, $shape:path, $length:path) => {
        impl<$($generics)*> $crate::Object for $object {}

        impl<$($generics)*> $crate::segment::object::sealed::ObjectImpl for $object {
            type Plan = usize;

            fn fingerprint() -> $crate::layout::fingerprint::Fingerprint {
                $fingerprint()
            }

            fn check(capacity: &usize) -> Result<(), $crate::SegmentError> {
                $crate::queue::queue_macros::check_capacity(*capacity)
            }

            fn shape(capacity: &usize) -> $crate::segment::object::Shape {
                $shape(*capacity)
            }

            fn length(shape: $crate::segment::object::Shape) -> Option<u64> {
                $length(shape)
            }

            fn build(_: &usize, _: &$crate::segment::object::Region) {
                // All zeros is an empty queue with vacant endpoints.
            }

            fn attach(region: $crate::segment::object::Region) -> Result<Self, $crate::SegmentError> {
                Self::claim_endpoint(region, false)
            }

            fn adopt(region: $crate::segment::object::Region) -> Result<Self, $crate::SegmentError> {
                Self::claim_endpoint(region, true)
            }

            fn region(&self) -> &$crate::segment::object::Region {
                self.end.region()
            }
        }

        impl<$($generics)*> $crate::Initial<$object> for usize {}

        impl<$($generics)*> $crate::segment::object::sealed::IntoPlan<$object> for usize {
            fn plan(self) -> usize {
                self
            }
        }
    };
}
pub(super) use endpoint_object;

/// Makes a queue over a message store an object, of the kind that has its name.
#[cfg(feature = "serde")]
macro_rules! message_queue_object {
    ($object:ident) => {
        impl<T: Serialize + DeserializeOwned> $crate::Object for $object<T> {}

        impl<T: Serialize + DeserializeOwned> $crate::segment::object::sealed::ObjectImpl for $object<T> {
            type Plan = Limits;

            fn fingerprint() -> $crate::layout::fingerprint::Fingerprint {
                $crate::layout::fingerprint::Fingerprint::of::<T>($crate::layout::fingerprint::Kind::$object)
            }

            fn check(plan: &Limits) -> Result<(), $crate::SegmentError> {
                plan.check()
            }

            fn shape(plan: &Limits) -> $crate::segment::object::Shape {
                plan.shape()
            }

            fn length(shape: $crate::segment::object::Shape) -> Option<u64> {
                MessageStore::length(shape)
            }

            fn build(_plan: &Limits, region: &$crate::segment::object::Region) {
                MessageStore::build(region);
            }

            fn attach(region: $crate::segment::object::Region) -> Result<Self, $crate::SegmentError> {
                Ok(Self { store: Arc::new(MessageStore::attach(region)?), of: PhantomData })
            }

            fn region(&self) -> &$crate::segment::object::Region {
                self.store.region()
            }
        }

        /// The number of messages; see [`Limits::messages`].
        impl<T: Serialize + DeserializeOwned> $crate::Initial<$object<T>> for usize {}

        impl<T: Serialize + DeserializeOwned> $crate::segment::object::sealed::IntoPlan<$object<T>> for usize {
            fn plan(self) -> Limits {
                Limits::messages(self)
            }
        }

        impl<T: Serialize + DeserializeOwned> $crate::Initial<$object<T>> for Limits {}

        impl<T: Serialize + DeserializeOwned> $crate::segment::object::sealed::IntoPlan<$object<T>> for Limits {
            fn plan(self) -> Limits {
                self
            }
        }

        $crate::segment::object_macros::single_object!([T: Serialize + DeserializeOwned] $object<T>);
        $crate::segment::object_macros::object_handle!([T: Serialize + DeserializeOwned] $object<T>);

        impl<T> Clone for $object<T> {
            fn clone(&self) -> Self {
                Self { store: Arc::clone(&self.store), of: PhantomData }
            }
        }
    };
}
#[cfg(feature = "serde")]
pub(super) use message_queue_object;
