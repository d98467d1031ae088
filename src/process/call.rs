//! A call of one of the program's functions, which any process of the same executable can make.
//!
//! The function travels as its offset in the executable, with the offset of the code that knows its
//! types. Both sides check that the offsets lie in the executable's code; the code that sends a
//! call to another process checks that the process runs the same build.

#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::sys::image::Image;

/// A function and the types of its argument and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionCall {
    /// The offset of [`invoke`] for these types.
    invoke: u64,
    /// The offset of the function.
    function: u64,
}

/// What a call has led to, encoded for the way back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// The result, encoded.
    Returned(Vec<u8>),
    /// The panic's message.
    Panicked(String),
    /// The arguments could not be decoded, or an object in them not attached; the decoder's
    /// message.
    Undecodable(String),
    /// The result could not be encoded; the encoder's message.
    Unencodable(String),
}

/// Decodes the arguments, calls `begun`, then calls the function.
type Invoke = fn(function: *const (), arguments: &[u8], begun: &mut dyn FnMut()) -> CallOutcome;

impl FunctionCall {
    /// The call of this function; `None` if the function lies outside of the executable.
    pub(crate) fn of<A: DeserializeOwned, R: Serialize>(function: fn(A) -> R) -> Option<Self> {
        let image = Image::current();
        let invoke: Invoke = invoke::<A, R>;
        Some(Self {
            invoke: image.offset_of((invoke as *const ()).expose_provenance())?,
            function: image.offset_of((function as *const ()).expose_provenance())?,
        })
    }

    /// The call as words, for a slot of the task ring.
    pub(super) fn to_words(self) -> [u64; 2] {
        [self.invoke, self.function]
    }

    /// The call of which [`to_words`](Self::to_words) has made these words.
    pub(super) fn from_words([invoke, function]: [u64; 2]) -> Self {
        Self { invoke, function }
    }

    /// Makes the call. Calls `begun` once the arguments are decoded, and not if they cannot be.
    /// `None` if the offsets do not lie in this executable's code.
    ///
    /// # Safety
    /// [`of`](Self::of) has made the call in a process of this build.
    pub(crate) unsafe fn run(self, arguments: &[u8], begun: &mut dyn FnMut()) -> Option<CallOutcome> {
        let image = Image::current();
        let invoke = core::ptr::with_exposed_provenance::<()>(image.address_of(self.invoke)?);
        let function = core::ptr::with_exposed_provenance::<()>(image.address_of(self.function)?);
        // SAFETY: `of` stored the offset of an `invoke`, and the build is the same.
        let invoke = unsafe { core::mem::transmute::<*const (), Invoke>(invoke) };
        Some(invoke(function, arguments, begun))
    }
}

/// Makes a call for types that it knows. `function` is a `fn(A) -> R`: only [`FunctionCall::run`]
/// calls this, with the two offsets that [`FunctionCall::of`] has put together.
fn invoke<A: DeserializeOwned, R: Serialize>(
    function: *const (),
    arguments: &[u8],
    begun: &mut dyn FnMut(),
) -> CallOutcome {
    // SAFETY: see above; `of` has stored this function with the `invoke` of its types.
    let function = unsafe { core::mem::transmute::<*const (), fn(A) -> R>(function) };
    // Unwind-safe: after a panic only the answer is used.
    let arguments = match catch_unwind(AssertUnwindSafe(|| decode(arguments))) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(message)) => return CallOutcome::Undecodable(message),
        Err(panic) => return CallOutcome::Undecodable(message(panic)),
    };
    begun();
    match catch_unwind(AssertUnwindSafe(|| codec::to_vec(&function(arguments)))) {
        Ok(Ok(result)) => CallOutcome::Returned(result),
        Ok(Err(error)) => CallOutcome::Unencodable(error.to_string()),
        Err(panic) => CallOutcome::Panicked(message(panic)),
    }
}

/// Decodes a value from all of the bytes; the error is the decoder's message.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    codec::from_bytes(bytes).map_err(|error| error.to_string())
}

/// The message of a panic.
pub(crate) fn message(panic: Box<dyn Any + Send>) -> String {
    let message = match panic.downcast::<String>() {
        Ok(message) => return *message,
        Err(panic) => panic.downcast_ref::<&'static str>().map(|message| (*message).to_owned()).ok_or(panic),
    };
    message.unwrap_or_else(|panic| {
        // Leaked, because its drop might panic.
        core::mem::forget(panic);
        "the panic has no message".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(call: FunctionCall, arguments: &[u8]) -> (Option<CallOutcome>, bool) {
        let mut has_begun = false;
        // SAFETY: made in this very process.
        let answer = unsafe { call.run(arguments, &mut || has_begun = true) };
        (answer, has_begun)
    }

    fn encoded(number: u32) -> Vec<u8> {
        codec::to_vec(&number).unwrap()
    }

    #[test]
    fn function_call_run_outcomes() {
        let half = FunctionCall::of(|x: u32| if x.is_multiple_of(2) { x / 2 } else { panic!("{x} is odd") })
            .unwrap();
        assert_eq!(run(half, &encoded(84)), (Some(CallOutcome::Returned(encoded(42))), true));
        assert_eq!(run(half, &encoded(3)), (Some(CallOutcome::Panicked("3 is odd".to_owned())), true));
        assert!(matches!(run(half, &[]), (Some(CallOutcome::Undecodable(_)), false)));
        assert!(matches!(
            run(half, &[encoded(2), encoded(2)].concat()),
            (Some(CallOutcome::Undecodable(_)), false)
        ));
        let boxed = FunctionCall::of(|()| -> () { std::panic::panic_any(7) }).unwrap();
        assert_eq!(
            run(boxed, &codec::to_vec(&()).unwrap()),
            (Some(CallOutcome::Panicked("the panic has no message".to_owned())), true)
        );
    }

    #[test]
    fn function_call_run_outside_the_code() {
        let call = FunctionCall::of(|x: u32| x).unwrap();
        assert_eq!(run(FunctionCall { invoke: 0, ..call }, &encoded(1)), (None, false));
        assert_eq!(run(FunctionCall { function: u64::MAX, ..call }, &encoded(1)), (None, false));
    }
}
