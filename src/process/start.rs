//! How a child starts: a constructor of the program runs before `main`, and in a child instead of
//! it.
//!
//! A child is the same executable, started anew with an environment variable. The constructor reads
//! the variable, removes it, runs the child's function, and ends the process. In a process without
//! the variable it returns.

#![allow(unsafe_code)]

use core::ffi::{c_char, c_int};
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc;

use super::call::CallOutcome;
use super::control::{ChildSpec, ControlFile};
use super::current::{self, ChildIdentity, ParentProcess};
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::image::{Constructor, Image};
use crate::sys::keeper::FileAddress;
use crate::sys::pidfd::ProcessFd;
use crate::sys::{child, descriptors, poll};

/// The environment variable that holds a child's [`ChildOrigin`].
pub(super) const ORIGIN_VARIABLE: &str = "BREEZEWAY_CHILD";

/// Tells this crate's children from those of other versions in one program, each of which has a
/// constructor of its own.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The exit code of a child whose function panicked, did not run, or returned a result that cannot
/// be delivered.
const FAILURE_EXIT_CODE: i32 = 1;

/// Where a child finds its request: files of its parent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChildOrigin {
    /// The id of the process that started the child, which has the descriptors.
    pub(super) parent: u32,
    /// The control file.
    pub(super) control: FileAddress,
    /// A pipe, to tell the parent that the child has its arguments.
    pub(super) ready: FileAddress,
}

impl fmt::Display for ChildOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION} {}", self.parent)?;
        for file in [&self.control, &self.ready] {
            write!(f, " {} {} {} {}", file.thread, file.number, file.device, file.inode)?;
        }
        Ok(())
    }
}

impl ChildOrigin {
    /// Parses the environment variable; `None` if it is another version's.
    fn parse(word: &OsStr) -> Option<Self> {
        let mut parts = word.to_str()?.split(' ');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let parent = u32::try_from(parts.next()?.parse::<i32>().ok()?).ok()?;
        let mut file = || {
            let (thread, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let (device, inode) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(FileAddress { pid: parent, thread, number, device, inode })
        };
        Some(Self { parent, control: file()?, ready: file()? })
    }
}

// No code calls it by name, and the linker must keep it: the C library finds it by the section.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: Constructor = child_constructor;

/// Not 0 if the constructor has run in this process, so that it runs in a child, too.
static HAS_CONSTRUCTOR_RUN: AtomicU32 = AtomicU32::new(0);

/// Whether the constructor would run in a child. Without it a child would run `main`, which would
/// start such a child again, and so on.
pub(super) fn has_constructor_run() -> bool {
    // The constructor removes the variable, so a process that has it is a child without
    // constructor.
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
        // The environment is not trusted; `main` does not run either, because a parent may wait.
        abort_start("it has more rights than who started it");
    }
    // SAFETY: no other thread uses the environment: the executable starts none before its
    // constructors.
    unsafe { std::env::remove_var(ORIGIN_VARIABLE) };
    // SAFETY: this constructor does not return, so the C library does not run the later ones.
    for constructor in unsafe { Image::current().constructors_behind(child_constructor) } {
        constructor(count, arguments, environment);
    }
    child::open_standard_descriptors();
    child::ignore_broken_pipes();
    match run_child(&origin) {
        Ok(code) => std::process::exit(code),
        Err(error) => abort_start(error),
    }
}

/// Ends a child that has no control file to tell its parent the reason by.
fn abort_start(reason: impl fmt::Display) -> ! {
    let _ = writeln!(io::stderr(), "breezeway: a child process found no beginning: {reason}");
    std::process::exit(FAILURE_EXIT_CODE)
}

/// Runs a child's function and writes its result. Returns the exit code.
fn run_child(origin: &ChildOrigin) -> io::Result<i32> {
    let control = ControlFile::open(origin.control.clone())?;
    // The parent finds out by the control file, too: it need not have the pipe any more.
    let mut ready = origin.ready.open_pipe_to_write().ok().map(File::from);
    let mut notify_parent = || {
        if let Some(mut ready) = ready.take() {
            // Fails if the parent is gone, which is no error of the child.
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
            // SAFETY: the parent has made the call, and runs the same build, as `become_child` has
            // checked.
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

/// Gives this process the name, the parent and the daemon's thread that its parent asks for.
fn become_child(origin: &ChildOrigin, spec: ChildSpec) -> Result<(), &'static str> {
    if spec.build != Image::current().build() {
        return Err("it runs another build of the program than its parent");
    }
    let gone = "its parent is gone";
    let parent = ProcessFd::open(origin.parent).map_err(|_| "it could not open its parent")?;
    // Checked after the opening: the pidfd is the parent's, not that of a later process of this id.
    if child::parent_id() != origin.parent {
        return Err(gone);
    }
    child::set_name(&spec.name);
    let identity = current::set_identity(ChildIdentity {
        pid: std::process::id(),
        name: spec.name,
        path: spec.path,
        is_daemon: spec.is_daemon,
        parent: ParentProcess { pid: origin.parent, name: spec.parent_name, process: parent },
    });
    if identity.is_daemon {
        exit_with_parent(&identity.parent)
            .map_err(|_| "the thread that would end the daemon with its parent could not be started")?;
    }
    Ok(())
}

/// Kills this process when its parent has ended, however the parent ended.
///
/// The kernel's parent-death signal does not do this: it comes at the end of the thread that
/// started the child.
fn exit_with_parent(parent: &'static ParentProcess) -> io::Result<()> {
    let (ready, begun) = mpsc::channel();
    let watch = move || {
        child::block_signals();
        // The thread's own descriptor, which no other thread can close. Where the system refuses a
        // table of its own, the process's common one, which is checked.
        let own = descriptors::leave_table().then(|| ProcessFd::open(parent.pid)).and_then(Result::ok);
        // Checked after the opening, as above.
        let has_parent = child::parent_id() == parent.pid;
        let _ = ready.send(());
        // If the waits fail, the daemon ends rather than outlive its parent.
        while has_parent && child::parent_id() == parent.pid {
            let is_over = match own.as_ref().map(ProcessFd::descriptor) {
                Some(Ok(own)) => poll::wait_any([own], None).is_ok(),
                _ => parent.process.wait(None).unwrap_or(true),
            };
            if is_over {
                break;
            }
        }
        child::die();
    };
    std::thread::Builder::new().name("breezeway".to_owned()).stack_size(64 << 10).spawn(watch)?;
    // The function does not begin before the thread has what it needs.
    let _ = begun.recv();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_origin_parse_round_trip() {
        let file = |thread, number| FileAddress { pid: 7, thread, number, device: 1 << 40, inode: u64::MAX };
        let origin = ChildOrigin { parent: 7, control: file(8, 9), ready: file(0, 10) };
        assert_eq!(ChildOrigin::parse(origin.to_string().as_ref()), Some(origin));
        for word in [
            "",
            "7 8 9",
            "0.0.0 7 8 9 1 1 0 9 1 1",
            VERSION,
            &format!("{VERSION} -7 8 9 1 1 0 9 1 1"),
            &format!("{VERSION} 7 8 9 1 1 0 9 1"),
        ] {
            assert_eq!(ChildOrigin::parse(word.as_ref()), None);
        }
    }

    #[test]
    fn has_constructor_run_in_a_test() {
        assert!(has_constructor_run());
    }
}
