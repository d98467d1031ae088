//! [`breezeway::Value`], [`breezeway::Array`] and [`breezeway::Atomic`] between processes, and
//! after the death of one.

mod array;
mod array_death;
mod atomic;
mod value;
