//! [`CodecError`]: what an encoder or a decoder says.

use core::error::Error;
use std::sync::Arc;

/// Why a message could not be encoded or decoded, in the codec's words.
///
/// It holds the codec's own error, whichever type that has: [`get_ref`](Self::get_ref) gives it back. Two are equal if their
/// messages are, since errors of unknown types cannot be compared otherwise.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct CodecError(Arc<dyn Error + Send + Sync>);

impl CodecError {
    /// Wraps a codec's error, or a message.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }

    /// The codec's own error, to downcast.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl PartialEq for CodecError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.to_string() == other.0.to_string()
    }
}

impl Eq for CodecError {}
