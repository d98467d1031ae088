//! Typed cells: what processes share.
//!
//! - [`Array`]: a fixed number of elements under one lock
//! - [`Atomic`]: an integer or bool without a lock
//! - [`Value`]: one value under a lock, read without it

mod array;
mod array_guard;
mod atomic;
mod elements;
mod value;

pub use array::Array;
pub use array_guard::ArrayGuard;
pub use atomic::{Atomic, AtomicInteger, AtomicPrimitive};
pub use elements::Journaled;
pub use value::{Value, ValueGuard};
