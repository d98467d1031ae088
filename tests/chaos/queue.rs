//! Queues under operations at random, and in storms.

mod properties;
mod storm;
