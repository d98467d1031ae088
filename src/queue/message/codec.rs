//! Messages as bytes: the encoder, and the decoder of whole messages.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::MessageStore;
use crate::codec;
use crate::error::{PopError, PushError};
use crate::queue::transit::{self, Transits};
use crate::raw::wait::Wait;

/// Encodes a value before any lock is taken, and pushes it, waiting until there is room.
pub(in crate::queue) fn push<T: Serialize + DeserializeOwned>(
    store: &MessageStore,
    value: T,
    wait: Wait,
) -> Result<(), PushError<T>> {
    if let Some((head, body)) = codec::long_bytes(&value) {
        let (len, max) = (head.len() + body.len(), store.geometry().max_message());
        if len > max {
            return Err(PushError::TooLarge { value, len, max });
        }
        return store.push_long(&head, body, wait).map_err(|stop| stop.of_push(value));
    }
    let (value, message, transits) = encode(store, value)?;
    store.push(&message, wait).map_err(|stop| {
        transits.give_back();
        stop.of_push(value)
    })
}

/// Encodes a value before any lock is taken, and pushes it; the task waits until there is room.
#[cfg(feature = "async")]
pub(in crate::queue) async fn push_async<T: Serialize + DeserializeOwned>(
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
fn encode<T: Serialize + DeserializeOwned>(
    store: &MessageStore,
    value: T,
) -> Result<(T, Vec<u8>, Transits), PushError<T>> {
    let max = store.geometry().max_message();
    let (encoded, transits) = transit::collect(|| codec::to_vec_noting_skips(&value));
    let checked = encoded.and_then(|(message, has_skipped)| {
        // Decoding an endpoint would claim it.
        if has_skipped && transits.is_empty() {
            codec::check::<T>(&message)?;
        }
        Ok(message)
    });
    match checked {
        Ok(message) if message.len() <= max => Ok((value, message, transits)),
        Ok(message) => {
            transits.give_back();
            Err(PushError::TooLarge { value, len: message.len(), max })
        }
        Err(source) => {
            transits.give_back();
            Err(PushError::Encode { value, source })
        }
    }
}

/// Decodes a message from all of its bytes.
pub(in crate::queue) fn decode<T: DeserializeOwned>(message: Vec<u8>) -> Result<T, PopError> {
    codec::from_vec(message).map_err(|source| PopError::Decode { source })
}
