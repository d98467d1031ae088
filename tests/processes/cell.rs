//! [`breezeway::Value`], [`breezeway::Array`] and [`breezeway::Atomic`] between processes, and what a death leaves of them.

mod array;
mod array_death;
mod atomic;
mod value;
