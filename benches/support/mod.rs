//! What the criterion benches share, besides `breezeway-bench`.
//!
//! - [`raw_sync`]: that crate's mutex, behind the trait of the others

#![allow(dead_code)] // Each bench uses its part.

use std::time::Duration;

use breezeway_bench::kernel::affinity;
use criterion::Criterion;

pub mod raw_sync;

/// Enough for a stable median, and no more than a few seconds a number.
pub fn criterion() -> Criterion {
    affinity::settle();
    Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

/// A name that no other run uses.
pub fn unique(what: &str) -> String {
    format!("breezeway-bench-{what}-{}", std::process::id())
}
