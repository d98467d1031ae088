//! Queues under random operations, and in storms.

mod properties;
mod storm;
