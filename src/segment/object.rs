//! [`Object`]: the types that can lie in a segment, and what each of them brings.

pub(crate) use super::region::{Region, Shape};

/// The name of the object in a segment of its own.
pub(crate) const ROOT: &str = "root";

/// A type that can lie in a segment: [`Value`](crate::Value), [`Array`](crate::Array),
/// [`Atomic`](crate::Atomic), a lock of [`sync`](crate::sync), a queue of
/// [`queue`](mod@crate::queue).
///
/// Only this crate implements it. [`Segment::add`](crate::Segment::add),
/// [`get`](crate::Segment::get) and [`get_or_add`](crate::Segment::get_or_add) take it as their
/// type parameter.
pub trait Object: sealed::ObjectImpl {}

/// A value that an object of type `O` can be created from.
///
/// A value for a [`Value`](crate::Value) or an [`Atomic`](crate::Atomic); a length, a range, an
/// iterator of std, a slice, an array or a vector for an [`Array`](crate::Array); a capacity for a
/// queue; `()` for most locks. Only this crate implements it.
#[diagnostic::on_unimplemented(
    message = "`{O}` cannot be made from `{Self}`",
    note = "a `Value` takes a value of its type, which is `Shareable`: derive `bytemuck::Pod` and `Zeroable` on a `#[repr(C)]` type",
    note = "an `Array` takes a length, a slice, an array, a vector, a range or another of std's iterators; collect others into a vector"
)]
pub trait Initial<O: Object>: sealed::IntoPlan<O> {}

pub(crate) mod sealed {
    use super::super::region::{Region, Shape};
    use crate::error::SegmentError;
    use crate::layout::fingerprint::Fingerprint;

    /// Keeps a public trait this crate's.
    pub trait Sealed {}

    /// What a type brings to be an [`Object`](super::Object).
    pub trait ObjectImpl: Sized {
        /// What an object is built from; every [`Initial`](super::Initial) makes one.
        type Plan;

        /// The kind and the element type.
        fn fingerprint() -> Fingerprint;

        /// Checks that there can be an object of this plan.
        fn check(_: &Self::Plan) -> Result<(), SegmentError> {
            Ok(())
        }

        /// The shape that a plan asks for.
        fn shape(plan: &Self::Plan) -> Shape;

        /// The shape in a segment for this many participants.
        fn fit(shape: Shape, _participants: u32) -> Shape {
            shape
        }

        /// Bytes that an object of this shape takes; `None` if they exceed a `u64`, or if there can
        /// be no such object.
        fn length(shape: Shape) -> Option<u64>;

        /// Writes a new object into bytes that are zero and that no other thread or process knows
        /// of yet.
        fn build(plan: &Self::Plan, region: &Region);

        /// A handle to the object in a region, which is as long as its shape asks for.
        fn attach(region: Region) -> Result<Self, SegmentError>;

        /// A handle that was serialised by another process, or by this one, to the object in a
        /// region.
        fn adopt(region: Region) -> Result<Self, SegmentError> {
            Self::attach(region)
        }

        /// Where the handle's object lies.
        fn region(&self) -> &Region;
    }

    /// What a type brings to be an [`Initial`](super::Initial).
    pub trait IntoPlan<O: ObjectImpl> {
        /// The plan of an object that is created from this.
        fn plan(self) -> O::Plan;
    }
}
