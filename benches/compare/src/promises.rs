//! What breezeway promises.

use crate::support::sides::Promise;

pub const PROMISES: [Promise; 0] = [];
