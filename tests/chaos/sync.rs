//! The primitives of [`breezeway::sync`] in storms.

mod storm;
