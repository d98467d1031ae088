//! [`breezeway::Value`], [`breezeway::Array`] and [`breezeway::Atomic`] in one process.

mod array;
mod array_elements;
mod atomic;
mod value;
