//! [`CodecFailure`]: what goes wrong in the encoder or the decoder.

use core::fmt;

use thiserror::Error;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum CodecFailure {
    #[error("the value is nested more than {} deep", super::tag::MAX_DEPTH)]
    TooDeep,
    #[error("a type announced another number of elements or fields than it has")]
    OtherCount,
    #[error("the value would come out as another one, because a field that was skipped has another default")]
    OtherValue,
    #[error("the bytes end in the middle of a value")]
    Truncated,
    #[error("there are more bytes than the type has")]
    TooLong,
    #[error("the bytes are no encoding of a value ({0})")]
    Malformed(&'static str),
    /// The type's own message.
    #[error("{0}")]
    Custom(String),
}

impl serde::ser::Error for CodecFailure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

impl serde::de::Error for CodecFailure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}
