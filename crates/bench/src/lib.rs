//! Measures breezeway beside the hardware, the kernel and the C library; for the command `breezeway
//! bench` and for the repository's benches. It uses breezeway as any other program does.
//!
//! The engine:
//!
//! - [`runner`]: entries that take turns in rounds; [`record`]: what was measured of one
//! - [`report`]: what benches print: medians, ratios, promises
//! - [`peer_process`]: another process on another CPU that works on request
//! - [`ticks`]: the clock of single round trips
//!
//! What can be measured:
//!
//! - [`round_trip`], [`stream`], [`contention`]: there and back, one way, and two processes at one
//!   lock
//! - [`message`]: what travels, and the ends it travels between; [`queues`]: breezeway's
//! - [`locks`]: locks behind one trait
//! - [`kernel`]: the kernel's and the C library's channels and locks
//!
//! The command's part:
//!
//! - [`catalogue`]: the [`case`]s that `breezeway bench` measures
//! - [`measure`]: measuring them by two pairs of processes, which share [`shared_samples`]
//! - [`outcome`]: what is reported of a case; [`machine`]: of the machine
//!
//! # Panics
//! Functions panic if the kernel or the C library refuses what they need, if a process of the
//! measurement has ended, and if a check of what was measured fails.

// A failed check is a bug: it ends the process that found it, and so the measurement. Types that
// hold closures are never printed.
#![allow(clippy::expect_used, missing_debug_implementations)]

pub mod case;
pub mod catalogue;
pub mod contention;
pub mod kernel;
pub mod locks;
pub mod machine;
pub mod measure;
pub mod message;
pub mod outcome;
pub mod peer_process;
pub mod queues;
pub mod record;
pub mod report;
pub mod round_trip;
pub mod runner;
pub mod shared_samples;
pub mod stream;
pub mod ticks;
