//! [`breezeway::Segment`]: lifetimes, options, and the objects in a segment.

mod life;
mod objects;
mod options;
