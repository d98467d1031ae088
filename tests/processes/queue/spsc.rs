//! [`breezeway::queue::spsc`] between processes.

mod child;
mod endpoints;
mod forked_child;
mod peer_death;
#[cfg(feature = "serde")]
mod serialized;
#[cfg(feature = "serde")]
mod transit;
mod waiting;
