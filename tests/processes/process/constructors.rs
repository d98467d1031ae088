//! A child starts in a constructor. Constructors of other libraries have run by then, wherever the
//! linker has put them.

#![allow(unsafe_code)]

use core::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicU32, Ordering};

use breezeway::process::Process;
use support::Watchdog;

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(arguments: c_int, _: *const *const c_char, _: *const *const c_char) {
    assert!(arguments > 0);
    RUNS.fetch_add(1, Ordering::Relaxed);
}

#[used]
#[unsafe(link_section = ".init_array")]
static COUNT: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = count;

/// Early, wherever that is.
#[used]
#[unsafe(link_section = ".init_array.00200")]
static COUNT_EARLY: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = count;

/// LLVM's linker puts it behind all that have no number, GNU's before them.
#[used]
#[unsafe(link_section = ".init_array.70000")]
static COUNT_LATE: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = count;

#[test]
fn child_runs_each_constructor_once() {
    let _watchdog = Watchdog::start(60);
    assert_eq!(RUNS.load(Ordering::Relaxed), 3);
    let child = Process::spawn(|()| RUNS.load(Ordering::Relaxed), ()).unwrap();
    assert_eq!(child.result().unwrap(), 3);
}
