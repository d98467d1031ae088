//! [`ProcessBuilder`]: how to start a process, beyond its function.

use std::ffi::OsStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{CallOutcome, FunctionCall};
use super::child::Child;
use super::control::{ChildSpec, ChildState, ControlFile};
use super::{Process, current, registry, start};
use crate::codec;
use crate::error::SpawnError;
use crate::queue::transit;
use crate::sys::checked_file::CheckedFile;
use crate::sys::clock::Deadline;
use crate::sys::descriptors;
use crate::sys::image::{EXECUTABLE, Image};
use crate::sys::pidfd::ProcessExit;

/// How to start a process; see [`Process::builder`]. One builder may start many processes.
///
/// ```
/// use breezeway::process::{self, Process};
///
/// let greet = |whom: String| format!("{} greets {whom} in {}", process::current_name(), std::env::var("LANG").unwrap());
/// let child = Process::builder().name("Ann").env("LANG", "C").spawn(greet, "Bob".to_owned())?;
/// assert_eq!(child.result()?, "Ann greets Bob in C");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ProcessBuilder {
    command: Command,
    name: Option<String>,
    is_daemon: bool,
}

impl ProcessBuilder {
    pub(super) fn new() -> Self {
        let mut command = Command::new(EXECUTABLE);
        let mut arguments = std::env::args_os();
        // The child's arguments are this program's: only the program's own code reads them.
        if let Some(program) = arguments.next() {
            command.arg0(program);
        }
        command.args(arguments);
        Self { command, name: None, is_daemon: false }
    }

    /// Sets the process's name, which [`current_name`](super::current_name) returns in it and `ps`
    /// shows. The default is `Process-1` for the first child, and `Process-1:2` for that child's
    /// second child.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets whether the process ends with this one, however this one ends. The default is `false`:
    /// this process waits for the child before it exits.
    ///
    /// A daemon may have no children. When this process exits, its daemons get SIGTERM, and SIGKILL
    /// a second later. When this process is killed, its daemons kill themselves at once.
    pub fn daemon(mut self, is_daemon: bool) -> Self {
        self.is_daemon = is_daemon;
        self
    }

    /// Sets a variable of the process's environment. The default environment is this process's.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Removes a variable from the process's environment.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Removes every variable from the process's environment.
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Sets the process's working directory. The default is this process's.
    #[doc(alias = "cwd")]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets the process's standard input, to an open file or the end of a pipe ([`std::io::pipe`]
    /// makes one). The default is this process's standard input.
    pub fn stdin(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    /// Sets the process's standard output, to an open file or the end of a pipe. The default is
    /// this process's standard output.
    pub fn stdout(mut self, output: impl Into<Stdio>) -> Self {
        self.command.stdout(output);
        self
    }

    /// Sets the process's standard error, to an open file or the end of a pipe. The default is this
    /// process's standard error.
    pub fn stderr(mut self, output: impl Into<Stdio>) -> Self {
        self.command.stderr(output);
        self
    }

    /// Starts a process that calls `f` with `args`. Returns once the process has its arguments: the
    /// objects whose handles are in them may then be dropped here.
    ///
    /// # Errors
    /// Those of [`Process::spawn`].
    #[doc(alias = "start")]
    pub fn spawn<A, R>(&mut self, f: fn(A) -> R, args: A) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let call = FunctionCall::of(f).ok_or(SpawnError::NotInExecutable)?;
        // `args` lives until the child has decoded it: the child opens anonymous segments through
        // this process.
        let (started, transits) = transit::collect(|| self.launch(call, &args)?.wait());
        // The child has decoded all that it will: what is still in transit never arrives.
        transits.disconnect();
        let (child, control) = started?;
        Ok(Process::new(child, control))
    }

    /// Starts a process, and does not wait until it has its arguments: the arguments, and the
    /// returned value, must live until then.
    pub(super) fn launch<A: Serialize>(
        &mut self,
        call: FunctionCall,
        args: &A,
    ) -> Result<Launched, SpawnError> {
        const DESCRIBE: &str = "write down what the child is to do";
        let identity = current::identity();
        if identity.is_some_and(|identity| identity.is_daemon) {
            return Err(SpawnError::DaemonicParent);
        }
        if !start::has_constructor_run() {
            return Err(SpawnError::NoEntry);
        }
        let arguments = codec::to_vec(args).map_err(|error| SpawnError::Encode { source: error.into() })?;
        let mut path = identity.map_or(Vec::new(), |identity| identity.path.clone());
        path.push(registry::next_number());
        let name = self.name.clone().unwrap_or_else(|| {
            let numbers: Vec<String> = path.iter().map(u32::to_string).collect();
            format!("Process-{}", numbers.join(":"))
        });
        let spec = ChildSpec {
            build: Image::current().build().to_vec(),
            call,
            name,
            path,
            is_daemon: self.is_daemon,
            parent_name: current::current_name().to_owned(),
        };
        let encoded = codec::to_vec(&spec).map_err(|error| SpawnError::Encode { source: error.into() })?;
        let control = ControlFile::create(&encoded, &arguments).map_err(SpawnError::os(DESCRIBE))?;
        let (ready, ready_writer) = {
            let _standard = descriptors::hold_standard();
            let check = |end| CheckedFile::without_path(end);
            let pipe =
                io::pipe().and_then(|(reader, writer)| Ok((check(reader.into())?, check(writer.into())?)));
            pipe.map_err(SpawnError::os(DESCRIBE))?
        };
        let origin = start::ChildOrigin {
            parent: std::process::id(),
            control: control.address(),
            ready: ready_writer.address(),
        };
        self.command.env(start::ORIGIN_VARIABLE, origin.to_string());
        let mut started = self.command.spawn().map_err(SpawnError::os("start a child process"))?;
        // Before the registry can collect the child: until then its id cannot mean another process.
        let child = Child::open(started.id(), spec.name, spec.is_daemon).map_err(|error| {
            let _ = started.kill();
            let _ = started.wait();
            SpawnError::os("open a child process by pidfd_open")(error)
        })?;
        registry::add(child.clone());
        Ok(Launched { child, control, ready, _ready_writer: ready_writer })
    }
}

/// The longest sleep until the control file is read again.
const RECHECK_INTERVAL: Duration = Duration::from_millis(100);
/// The longest sleep if the program has closed the pipe by which the child wakes this process.
const LOST_PIPE_INTERVAL: Duration = Duration::from_millis(2);

/// A process that was started and may not have its arguments yet.
#[derive(Debug)]
#[must_use]
pub(super) struct Launched {
    child: Child,
    control: ControlFile,
    /// Readable once the child has its arguments, or never will have them.
    ready: CheckedFile,
    /// Held open because the child opens it through this process.
    _ready_writer: CheckedFile,
}

impl Launched {
    /// The process.
    pub(super) fn child(&self) -> &Child {
        &self.child
    }

    /// A descriptor that is readable once [`wait`](Self::wait) would not block for the arguments,
    /// if it was not closed.
    pub(super) fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.ready.current()
    }

    /// Whether the child has its arguments, or never will have them.
    pub(super) fn is_ready(&self) -> bool {
        self.control.has_started().unwrap_or(false)
    }

    /// Waits until the child has its arguments.
    pub(super) fn wait(self) -> Result<(Child, ControlFile), SpawnError> {
        match self.wait_for_start() {
            Ok(()) => Ok((self.child, self.control)),
            Err(error) => {
                // The child has ended, unless the error is the system's: then it is ended here.
                let _ = self.child.kill();
                let _ = self.child.join();
                Err(error)
            }
        }
    }

    fn wait_for_start(&self) -> Result<(), SpawnError> {
        const WAIT: &str = "wait until the child has its arguments";
        let mut has_ended = false;
        while !has_ended && !self.control.has_started().map_err(SpawnError::os(WAIT))? {
            // If the pipe was closed, the control file tells.
            let (ready, longest) = match self.ready.current() {
                Some(ready) => (Some(ready), RECHECK_INTERVAL),
                None => (None, LOST_PIPE_INTERVAL),
            };
            let ended = self.child.wait_with(ready, Deadline::after(longest));
            has_ended = ended.map_err(SpawnError::os(WAIT))?;
        }
        match self.control.state().map_err(SpawnError::os(WAIT))? {
            ChildState::Running
            | ChildState::Answered(
                CallOutcome::Returned(_) | CallOutcome::Panicked(_) | CallOutcome::Unencodable(_),
            ) => Ok(()),
            ChildState::Answered(CallOutcome::Undecodable(message)) => Err(SpawnError::Arguments { message }),
            ChildState::Refused(message) => Err(SpawnError::Refused { message }),
            ChildState::Started => {
                let exit_code = match self.child.wait_for_exit(None) {
                    Ok(Some(ProcessExit::Code(code))) => Some(code),
                    _ => None,
                };
                Err(SpawnError::Died { exit_code })
            }
        }
    }
}
