//! Measuring: what shared memory takes, and what the hardware, the kernel and the C library take for the same work.
//!
//! This is what `breezeway bench` and the crate's own benches share (feature `bench`). It is public for them, and promises nothing to
//! anybody else. Everything here uses the crate as any other program does.
//!
//! What happens:
//!
//! - [`catalogue`]: what `breezeway bench` measures: each [`case`], with who does it
//! - [`measure`]: measuring it, in interleaved rounds; and [`outcome`], what it comes to
//! - [`machine`]: where that is
//! - [`round_trip`], [`stream`], [`race`]: there and back, one way, and two at one lock
//!
//! And with what:
//!
//! - [`kernel`]: the kernel and the C library, directly
//! - [`locks`]: locks behind one trait
//! - [`message`]: what travels, and the two ends it travels between; [`ours`], those of breezeway's queues
//! - [`peer`]: another process, on another CPU, that works on request
//! - [`sides`]: several things in turns, and what was promised of their ratios
//! - [`ticks`]: the clock of single round trips

// What is measured is checked, and what the checks find is a bug: it ends the process that found it, and with that the
// measurement. Its types hold closures, which nobody prints.
#![allow(clippy::expect_used, missing_debug_implementations)]

pub mod case;
pub mod catalogue;
pub mod kernel;
pub mod locks;
pub mod machine;
pub mod measure;
pub mod message;
pub mod queues;
pub mod outcome;
pub mod peer_process;
pub mod contention;
pub mod round_trip;
pub mod runner;
pub mod stream;
pub mod ticks;
