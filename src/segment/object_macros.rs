//! What handles of all kinds have in common on their surface.

/// The short forms: an object with a segment of its own.
///
/// Bounds come after `where`, and are the methods': a call for a type that does not meet them gets the
/// bound's own message.
macro_rules! single_object {
    ([$($generics:tt)*] $object:ty $(where $($bounds:tt)+)?) => {
        impl<$($generics)*> $object {
            /// Makes a segment of this name with one such object in it.
            ///
            /// # Errors
            /// See [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
            pub fn create(name: &str, initial: impl $crate::Initial<Self>) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::object::create_single(&location, &initial.plan())
            }

            /// Opens the one in the segment of this name.
            ///
            /// # Errors
            /// See [`SegmentBuilder::open`](crate::segment::builder::SegmentBuilder::open), and `TypeMismatch`.
            pub fn open(name: &str) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                $crate::segment::object::open_single(&$crate::segment::location::Location::named(name)?)
            }

            /// Opens the one in the segment of this name, or makes it where there is none or a stale one;
            /// [`Segment::was_created`](crate::Segment::was_created) tells which. What an existing one holds stays.
            ///
            /// # Errors
            /// Those of [`create`](Self::create) and [`open`](Self::open); `TypeMismatch` also for another length.
            pub fn open_or_create(
                name: &str,
                initial: impl $crate::Initial<Self>,
            ) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::object::open_or_create_single(&location, &initial.plan())
            }

            /// Makes one in memory without a name, for this process and those it hands the handle to.
            ///
            /// # Errors
            /// `NoSpace`, `Os`.
            pub fn new(initial: impl $crate::Initial<Self>) -> Result<Self, $crate::SegmentError>
            $(where $($bounds)+)?
            {
                let location = $crate::segment::location::Location::Anonymous;
                $crate::segment::object::create_single(&location, &initial.plan())
            }
        }
    };
}
pub(crate) use single_object;

/// The short forms of an object that is made from nothing.
macro_rules! plain_object {
    ($object:ty) => {
        impl $object {
            /// Makes a segment of this name with one such object in it.
            ///
            /// # Errors
            /// See [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
            pub fn create(name: &str) -> Result<Self, $crate::SegmentError> {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::object::create_single(&location, &())
            }

            /// Opens the one in the segment of this name.
            ///
            /// # Errors
            /// See [`SegmentBuilder::open`](crate::segment::builder::SegmentBuilder::open), and `TypeMismatch`.
            pub fn open(name: &str) -> Result<Self, $crate::SegmentError> {
                $crate::segment::object::open_single(&$crate::segment::location::Location::named(name)?)
            }

            /// Opens the one in the segment of this name, or makes it where there is none or a stale one;
            /// [`Segment::was_created`](crate::Segment::was_created) tells which.
            ///
            /// # Errors
            /// Those of [`create`](Self::create) and [`open`](Self::open).
            pub fn open_or_create(name: &str) -> Result<Self, $crate::SegmentError> {
                let location = $crate::segment::location::Location::named(name)?;
                $crate::segment::object::open_or_create_single(&location, &())
            }

            /// Makes one in memory without a name, for this process and those it hands the handle to.
            ///
            /// # Errors
            /// `NoSpace`, `Os`.
            #[allow(clippy::new_ret_no_self)]
            pub fn new() -> Result<Self, $crate::SegmentError> {
                $crate::segment::object::create_single(&$crate::segment::location::Location::Anonymous, &())
            }
        }

        impl $crate::Initial<$object> for () {
            fn plan(self) {}
        }
    };
}
pub(crate) use plain_object;

/// What every handle can: tell its segment, and travel.
macro_rules! object_handle {
    ([$($generics:tt)*] $object:ty) => {
        impl<$($generics)*> $object {
            /// The segment it lies in.
            pub fn segment(&self) -> &$crate::Segment {
                $crate::segment::object::Object::region(self).segment()
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
