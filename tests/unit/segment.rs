//! [`breezeway::Segment`]: how long segments live, what can be asked of them, and the objects in them.

#[path = "segment/life.rs"]
mod life;
#[path = "segment/objects.rs"]
mod objects;
#[path = "segment/options.rs"]
mod options;
mod support;
