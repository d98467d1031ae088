//! Messages as bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::MessageStore;
use crate::error::{PopError, PushError};
use crate::raw::wait::Wait;

/// Encodes a value before any lock is taken, and pushes it.
pub(in crate::queue) fn push<T: Serialize>(
    store: &MessageStore,
    value: T,
    wait: Wait,
) -> Result<(), PushError<T>> {
    let (value, message) = encode(store, value)?;
    store.push(&message, wait).map_err(|stop| stop.of_push(value))
}

/// The same for a task.
#[cfg(feature = "async")]
pub(in crate::queue) async fn push_async<T: Serialize>(
    store: &MessageStore,
    value: T,
) -> Result<(), PushError<T>> {
    let (value, message) = encode(store, value)?;
    let pushed = crate::reactor::retry_until_ready(
        store,
        |store| store.region().segment(),
        |store, wait| store.push(&message, wait),
    );
    pushed.await.map_err(|stop| stop.of_push(value))
}

fn encode<T: Serialize>(store: &MessageStore, value: T) -> Result<(T, Vec<u8>), PushError<T>> {
    let message = match postcard::to_allocvec(&value) {
        Ok(message) => message,
        Err(error) => return Err(PushError::Encode { value, source: error.into() }),
    };
    let (len, max) = (message.len(), store.layout().max_message());
    if len > max {
        return Err(PushError::TooLarge { value, len, max });
    }
    Ok((value, message))
}

pub(crate) fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<T, PopError> {
    match postcard::take_from_bytes(message) {
        Ok((value, [])) => Ok(value),
        // Bytes that are left over are as wrong as missing ones.
        Ok(_) => Err(PopError::Decode { source: "the message is longer than its type".into() }),
        Err(error) => Err(PopError::Decode { source: error.into() }),
    }
}
