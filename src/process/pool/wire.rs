//! The encoding of tasks and results, in a slot of the task ring or in the overflow file.
//!
//! A task is a chunk of items for one function, each of them `{length:32 | encoding}`. Its result
//! has, in the order of the items, `{outcome:8 | length:32 | bytes}` for each.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::task_ring::SlotHeader;
use crate::codec;
use crate::error::TaskError;
use crate::process::call::{self, CallOutcome, FunctionCall};
use crate::queue::transit::PendingTransits;

const RETURNED: u8 = 0;
const PANICKED: u8 = 1;
const UNDECODABLE: u8 = 2;
const UNENCODABLE: u8 = 3;

/// In the last word of a header: the contents lie in the overflow file.
const IS_OVERFLOW: u64 = 1 << 63;

/// Where the contents of a task or a result lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLocation {
    /// In the slot.
    Inline,
    /// In the overflow file, at this offset.
    Overflow(u64),
}

/// The header of contents of this length; a task's header names the function.
pub(super) fn encode_header(call: Option<FunctionCall>, len: usize, location: BodyLocation) -> SlotHeader {
    let [invoke, function] = call.map_or([0; 2], FunctionCall::to_words);
    match location {
        BodyLocation::Inline => [invoke, function, len as u64, 0],
        BodyLocation::Overflow(offset) => [invoke, function, len as u64, offset | IS_OVERFLOW],
    }
}

/// The function, the length and the location in a header.
pub(super) fn decode_header(header: SlotHeader) -> (FunctionCall, u64, BodyLocation) {
    let [invoke, function, len, location] = header;
    let location = if location & IS_OVERFLOW == 0 {
        BodyLocation::Inline
    } else {
        BodyLocation::Overflow(location & !IS_OVERFLOW)
    };
    (FunctionCall::from_words([invoke, function]), len, location)
}

/// Appends an item to a task, and the endpoints in it to the task's.
pub(super) fn add_item<A: Serialize>(
    task: &mut Vec<u8>,
    transits: &mut PendingTransits,
    item: &A,
) -> Result<(), TaskError> {
    let error = |source| TaskError::Encode { source };
    let start = task.len();
    let mut bytes = core::mem::take(task);
    bytes.extend([0; 4]);
    let encoded = transits.collect(|| codec::encode_into(item, bytes));
    *task = encoded.map_err(|source| error(source.into()))?;
    let len = u32::try_from(task.len() - start - 4).map_err(|source| error(source.into()))?;
    task[start..start + 4].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

fn split_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// In a worker: calls the function with each item of a task, and appends the results.
///
/// # Safety
/// [`FunctionCall::of`] has made the call in a process of this build.
#[allow(unsafe_code)]
pub(super) unsafe fn run_task(call: FunctionCall, mut items: &[u8], results: &mut Vec<u8>) {
    while let Some((item, rest)) = split_length(items) {
        items = rest;
        // SAFETY: as the caller promises.
        match unsafe { call.run(item, &mut || {}) } {
            Some(CallOutcome::Returned(bytes)) => add_result(results, RETURNED, &bytes),
            Some(CallOutcome::Panicked(message)) => add_result(results, PANICKED, message.as_bytes()),
            Some(CallOutcome::Undecodable(message)) => add_result(results, UNDECODABLE, message.as_bytes()),
            Some(CallOutcome::Unencodable(message)) => add_result(results, UNENCODABLE, message.as_bytes()),
            None => add_result(results, UNDECODABLE, b"the function lies outside of the executable"),
        }
    }
}

fn add_result(results: &mut Vec<u8>, what: u8, bytes: &[u8]) {
    match u32::try_from(bytes.len()) {
        Ok(len) => {
            results.push(what);
            results.extend(len.to_le_bytes());
            results.extend(bytes);
        }
        Err(_) => add_result(results, UNENCODABLE, b"4 GiB and more"),
    }
}

/// The results that a worker leaves in place of those that it cannot pass on.
pub(super) fn refuse(items: usize, message: &str) -> Vec<u8> {
    let mut results = Vec::new();
    (0..items).for_each(|_| add_result(&mut results, UNENCODABLE, message.as_bytes()));
    results
}

/// The number of items of a task.
pub(super) fn count(mut items: &[u8]) -> usize {
    let mut count = 0;
    while let Some((_, rest)) = split_length(items) {
        items = rest;
        count += 1;
    }
    count
}

/// In the pool: splits the next result off; `None` if the bytes are none.
pub(super) fn next_result<'a>(results: &mut &'a [u8]) -> Option<Result<&'a [u8], TaskError>> {
    let (what, rest) = results.split_first()?;
    let (bytes, rest) = split_length(rest)?;
    *results = rest;
    let text = || String::from_utf8_lossy(bytes).into_owned();
    Some(match *what {
        RETURNED => Ok(bytes),
        PANICKED => Err(TaskError::TaskPanicked(text())),
        UNDECODABLE => Err(TaskError::Arguments(text())),
        UNENCODABLE => Err(TaskError::Unencodable(text())),
        _ => return None,
    })
}

/// Decodes a result. A panic of the decoder is an error, too.
pub(super) fn decode<R: DeserializeOwned>(outcome: Result<&[u8], TaskError>) -> Result<R, TaskError> {
    let bytes = outcome?;
    match catch_unwind(AssertUnwindSafe(|| call::decode(bytes))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(message)) => Err(TaskError::Undecodable { source: message.into() }),
        Err(panic) => Err(TaskError::Undecodable { source: call::message(panic).into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_task_outcomes() {
        let mut task = Vec::new();
        for item in ["a", "bb", ""] {
            add_item(&mut task, &mut PendingTransits::default(), &item).unwrap();
        }
        assert_eq!(count(&task), 3);
        let call =
            FunctionCall::of(|text: String| if text.is_empty() { panic!("empty") } else { text.len() })
                .unwrap();
        let mut results = Vec::new();
        // SAFETY: made in this very process.
        #[allow(unsafe_code)]
        unsafe {
            run_task(call, &task, &mut results)
        };
        let mut rest = &*results;
        let mut next = || decode::<usize>(next_result(&mut rest).unwrap());
        assert_eq!((next().unwrap(), next().unwrap()), (1, 2));
        assert!(matches!(next(), Err(TaskError::TaskPanicked(message)) if message == "empty"));
        assert!(rest.is_empty());
    }

    #[test]
    fn next_result_damaged() {
        let mut results = Vec::new();
        add_result(&mut results, RETURNED, &[7; 20]);
        for len in 0..results.len() {
            assert!(next_result(&mut &results[..len]).is_none());
            let _ = count(&results[..len]);
        }
        results[0] = 9;
        assert!(next_result(&mut &*results).is_none());
    }

    #[test]
    fn header_round_trip() {
        let call = FunctionCall::of(|x: u8| x).unwrap();
        for location in [BodyLocation::Inline, BodyLocation::Overflow(0), BodyLocation::Overflow(1 << 62)] {
            assert_eq!(decode_header(encode_header(Some(call), 12, location)), (call, 12, location));
        }
    }
}
