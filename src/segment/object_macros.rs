//! The public methods that handles of all kinds have in common.

/// The short forms of a type that is created from an [`Initial`](super::object::Initial): an object
/// with a segment of its own.
///
/// Bounds come after `where`, and are the methods': a call for a type that does not meet them gets
/// the bound's own message.
macro_rules! single_object {
    ([$($generics:tt)*] $object:ty $(where $($bounds:tt)+)?) => {
        /// The short forms: an object with a segment of its own.
        impl<$($generics)*> $object {
            /// Creates a named segment that holds one such object, made from `initial`.
            ///
            /// A stale segment of this name is replaced.
            ///
            /// # Errors
            /// - [`SegmentError::InvalidName`](crate::SegmentError::InvalidName) if a segment
            ///   cannot have this name
            /// - [`SegmentError::InvalidOption`](crate::SegmentError::InvalidOption) if `initial`
            ///   asks for a number that this type does not allow
            /// - [`SegmentError::AlreadyExists`](crate::SegmentError::AlreadyExists) if the name
            ///   belongs to a segment that is in use or persists, to another user's segment, or to
            ///   another file
            /// - [`SegmentError::NoSpace`](crate::SegmentError::NoSpace) if the file system or the
            ///   memory has not enough bytes left
            /// - [`SegmentError::Busy`](crate::SegmentError::Busy) or
            ///   [`SegmentError::Os`](crate::SegmentError::Os) as for
            ///   [`Segment::create`](crate::Segment::create)
            pub fn create(name: &str, initial: impl $crate::Initial<Self>) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::single::create(&location, &initial.plan())
            }

            /// Opens the object in the named segment that was created for it.
            ///
            /// # Errors
            /// - the errors of [`SegmentBuilder::open`](crate::SegmentBuilder::open)
            /// - [`SegmentError::NoSuchObject`](crate::SegmentError::NoSuchObject) if the segment
            ///   was not created for a single object
            /// - [`SegmentError::TypeMismatch`](crate::SegmentError::TypeMismatch) if the object is
            ///   of another kind or element type
            /// - [`SegmentError::EndpointTaken`](crate::SegmentError::EndpointTaken) if this type
            ///   is an endpoint of a queue, and a living process has it
            pub fn open(name: &str) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                $crate::segment::single::open(&$crate::segment::location::Location::named(name)?)
            }

            /// Opens the object in the segment of this name, or creates both if there is no segment
            /// or a stale one.
            ///
            /// An existing object keeps what it holds.
            /// [`Segment::was_created`](crate::Segment::was_created) of its
            /// [`segment`](Self::segment) tells which.
            ///
            /// # Errors
            /// Those of [`create`](Self::create) and [`open`](Self::open), except `AlreadyExists`,
            /// and `NotFound` of the segment; `TypeMismatch` also if an existing object is of
            /// another length.
            pub fn open_or_create(
                name: &str,
                initial: impl $crate::Initial<Self>,
            ) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::single::open_or_create(&location, &initial.plan())
            }

            /// Creates an object in memory without a name, for this process and those that it sends
            /// a handle to.
            ///
            /// # Errors
            /// - [`SegmentError::InvalidOption`](crate::SegmentError::InvalidOption) if `initial`
            ///   asks for a number that this type does not allow
            /// - [`SegmentError::NoSpace`](crate::SegmentError::NoSpace) if the memory has not
            ///   enough bytes left
            /// - [`SegmentError::Os`](crate::SegmentError::Os) if a system call fails otherwise
            pub fn new(initial: impl $crate::Initial<Self>) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::Anonymous;
                $crate::segment::single::create(&location, &initial.plan())
            }
        }
    };
}
pub(crate) use single_object;

/// The short forms of a type that is created from nothing.
macro_rules! plain_object {
    ($object:ty) => {
        /// The short forms: an object with a segment of its own.
        impl $object {
            /// Creates a named segment that holds one such object.
            ///
            /// A stale segment of this name is replaced.
            ///
            /// # Errors
            /// - [`SegmentError::InvalidName`](crate::SegmentError::InvalidName) if a segment
            ///   cannot have this name
            /// - [`SegmentError::AlreadyExists`](crate::SegmentError::AlreadyExists) if the name
            ///   belongs to a segment that is in use or persists, to another user's segment, or to
            ///   another file
            /// - [`SegmentError::NoSpace`](crate::SegmentError::NoSpace) if the file system or the
            ///   memory has not enough bytes left
            /// - [`SegmentError::Busy`](crate::SegmentError::Busy) or
            ///   [`SegmentError::Os`](crate::SegmentError::Os) as for
            ///   [`Segment::create`](crate::Segment::create)
            pub fn create(name: &str) -> Result<Self, $crate::SegmentError> {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::single::create(&location, &())
            }

            /// Opens the object in the named segment that was created for it.
            ///
            /// # Errors
            /// - the errors of [`SegmentBuilder::open`](crate::SegmentBuilder::open)
            /// - [`SegmentError::NoSuchObject`](crate::SegmentError::NoSuchObject) if the segment
            ///   was not created for a single object
            /// - [`SegmentError::TypeMismatch`](crate::SegmentError::TypeMismatch) if the object is
            ///   of another kind
            pub fn open(name: &str) -> Result<Self, $crate::SegmentError> {
                $crate::segment::single::open(&$crate::segment::location::Location::named(name)?)
            }

            /// Opens the object in the segment of this name, or creates both if there is no segment
            /// or a stale one.
            ///
            /// [`Segment::was_created`](crate::Segment::was_created) of its
            /// [`segment`](Self::segment) tells which.
            ///
            /// # Errors
            /// Those of [`create`](Self::create) and [`open`](Self::open), except `AlreadyExists`,
            /// and `NotFound` of the segment.
            pub fn open_or_create(name: &str) -> Result<Self, $crate::SegmentError> {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::single::open_or_create(&location, &())
            }

            /// Creates an object in memory without a name, for this process and those that it sends
            /// a handle to.
            ///
            /// # Errors
            /// - [`SegmentError::NoSpace`](crate::SegmentError::NoSpace) if the memory has not
            ///   enough bytes left
            /// - [`SegmentError::Os`](crate::SegmentError::Os) if a system call fails otherwise
            #[allow(clippy::new_ret_no_self)]
            pub fn new() -> Result<Self, $crate::SegmentError> {
                $crate::segment::single::create(&$crate::segment::location::Location::Anonymous, &())
            }
        }

        impl $crate::Initial<$object> for () {}

        impl $crate::segment::object::sealed::IntoPlan<$object> for () {
            fn plan(self) {}
        }
    };
}
pub(crate) use plain_object;

/// The methods and traits of every handle: its segment, and serde.
macro_rules! object_handle {
    ([$($generics:tt)*] $object:ty) => {
        impl<$($generics)*> $object {
            /// Returns the segment that the object lies in.
            pub fn segment(&self) -> &$crate::Segment {
                $crate::segment::object::sealed::ObjectImpl::region(self).segment()
            }
        }

        #[cfg(feature = "serde")]
        impl<$($generics)*> serde::Serialize for $object {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
pub(crate) use object_handle;
