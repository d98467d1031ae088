//! Typed cells: what processes share.
//!
//! - [`Array`]: a fixed number of elements under one lock
//! - [`Atomic`]: an integer or bool without a lock
//! - [`Value`]: one value under a lock, read without it

mod array;
mod atomic;
#[cfg(feature = "async")]
mod futures;
mod value;

pub use array::{Array, ArrayGuard, Journaled};
pub use atomic::{Atomic, AtomicInteger, AtomicPrimitive};
pub use value::{Value, ValueGuard};
