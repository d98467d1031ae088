//! The beginning of a child: a constructor of the program's, which runs before `main` does, and instead of it.
//!
//! A child is the same executable, started anew with a word in its environment. The constructor finds the word, takes it away,
//! does what the word leads to, and ends the process. A process without the word, it lets pass.

#![allow(unsafe_code)]

use core::ffi::{c_char, c_int};
use std::ffi::OsStr;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::call::CallOutcome;
use super::control::{ChildSpec, ControlFile};
use super::current::{self, ChildIdentity, ParentProcess};
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::image::{Constructor, Image};
use crate::sys::{child, pidfd};

/// Where a child finds its [`ChildOrigin`].
pub(super) const ORIGIN_VARIABLE: &str = "BREEZEWAY_CHILD";

/// Told apart from those of other versions of this crate in one program: each has a constructor of its own.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The exit code of a function that panicked, or did not come to run, or whose result nobody can have.
const FAILURE_EXIT_CODE: i32 = 1;

/// Where a child finds everything else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChildOrigin {
    /// The process that started it, whose descriptors the others are.
    pub(super) parent: u32,
    /// The control file.
    pub(super) control: i32,
    /// A pipe, to tell that the arguments are there.
    pub(super) ready: i32,
}

impl fmt::Display for ChildOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION} {} {} {}", self.parent, self.control, self.ready)
    }
}

impl ChildOrigin {
    /// `None`: it is meant for another version.
    fn parse(word: &OsStr) -> Option<Self> {
        let mut parts = word.to_str()?.split(' ');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let mut number = || parts.next()?.parse().ok();
        let (parent, control, ready): (i32, _, _) = (number()?, number()?, number()?);
        Some(Self { parent: u32::try_from(parent).ok()?, control, ready })
    }
}

// It is not called by name, and a section that is read by address must not be left out.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: Constructor = child_constructor;

/// Not 0 when the constructor has run: it will in a child, too.
static HAS_CONSTRUCTOR_RUN: AtomicU32 = AtomicU32::new(0);

/// Whether a child would find its beginning. One that did not would run `main`, start the same child again, and so on.
pub(super) fn has_constructor_run() -> bool {
    // A process that still has the word is one that did not.
    HAS_CONSTRUCTOR_RUN.load(Ordering::Relaxed) != 0 && std::env::var_os(ORIGIN_VARIABLE).is_none()
}

extern "C" fn child_constructor(
    count: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) {
    // ORDER: relaxed; the process has one thread.
    HAS_CONSTRUCTOR_RUN.store(1, Ordering::Relaxed);
    let Some(origin) = std::env::var_os(ORIGIN_VARIABLE).and_then(|word| ChildOrigin::parse(&word)) else {
        return;
    };
    if child::is_privileged() {
        // Nor is it `main`'s turn: the parent, if there is one, waits for a child.
        abort_start("it has more rights than who started it");
    }
    // SAFETY: no other thread uses the environment: before the executable's own constructors there is none of its threads.
    unsafe { std::env::remove_var(ORIGIN_VARIABLE) };
    // SAFETY: this one is run now and does not return, so nobody else runs them.
    for constructor in unsafe { Image::current().constructors_behind(child_constructor) } {
        constructor(count, arguments, environment);
    }
    child::ignore_broken_pipes();
    match run_child(&origin) {
        Ok(code) => std::process::exit(code),
        Err(error) => abort_start(error),
    }
}

/// Ends a child that cannot even tell its parent why.
fn abort_start(reason: impl fmt::Display) -> ! {
    let _ = writeln!(io::stderr(), "breezeway: a child process found no beginning: {reason}");
    std::process::exit(FAILURE_EXIT_CODE)
}

/// A child's whole life, up to its exit code.
fn run_child(origin: &ChildOrigin) -> io::Result<i32> {
    let control = ControlFile::open(origin.parent, origin.control)?;
    let path = format!("/proc/{}/fd/{}", origin.parent, origin.ready);
    let mut ready = Some(OpenOptions::new().write(true).open(path)?);
    let mut notify_parent = || {
        if let Some(mut ready) = ready.take() {
            // A parent that is gone need not be told.
            let _ = ready.write_all(&[1]);
        }
    };
    let spec = control.spec()?;
    let call = spec.call;
    let outcome = match become_child(origin, spec) {
        Ok(()) => {
            let arguments = control.arguments()?;
            let mut begun = || {
                let _ = control.set_running();
                notify_parent();
            };
            // SAFETY: the parent has made the call, and runs the same build, as `become_child` has checked.
            unsafe { call.run(&arguments, &mut begun) }.ok_or("the function lies outside of the executable")
        }
        Err(reason) => Err(reason),
    };
    let code = match &outcome {
        Ok(CallOutcome::Returned(_)) => 0,
        _ => FAILURE_EXIT_CODE,
    };
    if let Ok(CallOutcome::Unencodable(message)) = &outcome {
        let _ = writeln!(io::stderr(), "breezeway: the function's result could not be encoded: {message}");
    }
    let written = match &outcome {
        Ok(outcome) => control.set_outcome(outcome),
        Err(reason) => control.set_refused(reason),
    };
    notify_parent();
    written?;
    Ok(code)
}

/// Makes this process what the head says.
fn become_child(origin: &ChildOrigin, spec: ChildSpec) -> Result<(), &'static str> {
    if spec.build != Image::current().build() {
        return Err("it runs another build of the program than its parent");
    }
    let gone = "its parent is gone";
    let parent = pidfd::open(origin.parent).map_err(|_| "it could not open its parent")?.ok_or(gone)?;
    // Behind the opening: what was opened is the parent, and no later process of that id.
    if child::parent_id() != origin.parent {
        return Err(gone);
    }
    child::set_name(&spec.name);
    let identity = current::set_identity(ChildIdentity {
        pid: std::process::id(),
        name: spec.name,
        path: spec.path,
        is_daemon: spec.is_daemon,
        parent: ParentProcess { pid: origin.parent, name: spec.parent_name, pidfd: parent },
    });
    if identity.is_daemon {
        exit_with_parent(&identity.parent)
            .map_err(|_| "the thread that would end the daemon with its parent could not be started")?;
    }
    Ok(())
}

/// Kills this process when its parent has ended, however that did.
///
/// Not the kernel's signal at a parent's death: that comes at the end of the thread that has started the child.
fn exit_with_parent(parent: &'static ParentProcess) -> io::Result<()> {
    let watch = || {
        // Whom the system does not tell is not to outlive its parent by that.
        let _ = pidfd::wait([parent.pidfd.as_fd()], None);
        child::die();
    };
    std::thread::Builder::new().name("breezeway".to_owned()).stack_size(64 << 10).spawn(watch)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_travels_as_a_word() {
        let origin = ChildOrigin { parent: 7, control: 8, ready: 9 };
        assert_eq!(ChildOrigin::parse(origin.to_string().as_ref()), Some(origin));
        for word in
            ["", "7 8 9", "0.0.0 7 8 9", VERSION, &format!("{VERSION} -7 8 9"), &format!("{VERSION} 7 8")]
        {
            assert_eq!(ChildOrigin::parse(word.as_ref()), None);
        }
    }

    #[test]
    fn the_constructor_has_run() {
        assert!(has_constructor_run());
    }
}
