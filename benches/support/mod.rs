//! What the benches share.
//!
//! - [`cpu`]: where a bench runs, and where its partner
//! - [`futex`]: sleeping on a word, without breezeway
//! - [`locks`]: what the mutex is measured against
//! - [`page`]: memory shared with a forked child, without breezeway
//! - [`partner`]: another process, on another CPU, that works on request
//! - [`race`]: two processes at one lock
//! - [`sides`]: measuring several things in turns, and what was promised of their ratios

#![allow(dead_code)] // Each bench uses its part.

use std::time::Duration;

use criterion::Criterion;

pub mod cpu;
pub mod futex;
pub mod locks;
pub mod page;
pub mod partner;
pub mod race;
pub mod sides;

/// Enough for a stable median, and no more than a few seconds a number.
pub fn criterion() -> Criterion {
    cpu::settle();
    Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

/// A name that no other run uses.
pub fn unique(what: &str) -> String {
    format!("breezeway-bench-{what}-{}", std::process::id())
}
