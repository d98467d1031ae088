//! Messages as bytes: the encoder, and the decoder of whole messages.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::MessageStore;
use crate::error::{CodecError, PopError, PushError};
use crate::queue::transit::{self, Transits};
use crate::raw::wait::Wait;

/// Encodes a value before any lock is taken, and pushes it, waiting until there is room.
pub(in crate::queue) fn push<T: Serialize>(
    store: &MessageStore,
    value: T,
    wait: Wait,
) -> Result<(), PushError<T>> {
    let (value, message, transits) = encode(store, value)?;
    store.push(&message, wait).map_err(|stop| {
        transits.give_back();
        stop.of_push(value)
    })
}

/// Encodes a value before any lock is taken, and pushes it; the task waits until there is room.
#[cfg(feature = "async")]
pub(in crate::queue) async fn push_async<T: Serialize>(
    store: &MessageStore,
    value: T,
) -> Result<(), PushError<T>> {
    let (value, message, transits) = encode(store, value)?;
    let pushed = crate::reactor::retry_until_ready(
        store,
        |store| store.region().segment(),
        |store, wait| store.push(&message, wait),
    );
    pushed.await.map_err(|stop| {
        transits.give_back();
        stop.of_push(value)
    })
}

/// The value, its encoding, which is no longer than the queue's largest message, and the endpoints
/// that went into it.
fn encode<T: Serialize>(store: &MessageStore, value: T) -> Result<(T, Vec<u8>, Transits), PushError<T>> {
    let max = store.geometry().max_message();
    match transit::collect(|| postcard::to_allocvec(&value)) {
        (Ok(message), transits) if message.len() <= max => Ok((value, message, transits)),
        (Ok(message), transits) => {
            transits.give_back();
            Err(PushError::TooLarge { value, len: message.len(), max })
        }
        (Err(error), transits) => {
            transits.give_back();
            Err(PushError::Encode { value, source: CodecError::new(error) })
        }
    }
}

/// Decodes a message from all of its bytes.
pub(crate) fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<T, PopError> {
    from_bytes(message).map_err(|source| PopError::Decode { source })
}

/// Decodes a value from all of the bytes.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        // Bytes that are left over are as wrong as missing ones.
        Ok(_) => Err(CodecError::new("there are more bytes than the type has")),
        Err(error) => Err(CodecError::new(error)),
    }
}
