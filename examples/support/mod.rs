//! Child processes of an example, without the feature's `Process`: the example's executable again,
//! with a role and the role's argument on the command line.

use std::error::Error;
use std::process::{Child, Command};

pub type Outcome = Result<(), Box<dyn Error>>;

/// Starts a child in a role, with an argument.
pub fn start(role: &str, argument: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).args([role, argument]).spawn()
}

/// The role in which this process was started, and its argument; `None` in the parent.
pub fn role() -> Option<(String, String)> {
    let mut arguments = std::env::args().skip(1);
    Some((arguments.next()?, arguments.next()?))
}

/// Waits for a child; an error if the child has failed.
pub fn join(mut child: Child) -> Outcome {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("a child failed: {status}").into()) }
}
