//! [`breezeway::queue::spsc`] between processes.

mod child;
mod ends;
mod forked;
mod peers;
#[cfg(feature = "serde")]
mod sent;
mod waiting;
