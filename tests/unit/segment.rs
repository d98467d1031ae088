//! [`breezeway::Segment`]: how long segments live, what can be asked of them, and the objects in them.

mod life;
mod objects;
mod options;
