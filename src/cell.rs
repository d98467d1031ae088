//! Typed cells: values in shared memory.
//!
//! - [`Array`]: a fixed number of elements with one lock
//! - [`Atomic`]: an integer or `bool` without a lock
//! - [`Value`]: one value that is written under a lock and read without it

mod array;
mod atomic;
#[cfg(feature = "async")]
mod futures;
mod value;

pub use array::{Array, ArrayGuard, Journaled};
pub use atomic::{Atomic, AtomicInteger, AtomicPrimitive};
pub use value::{Value, ValueGuard};
