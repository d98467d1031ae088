//! Child processes of an example: the example again, with a role and the names it needs as arguments.

use std::error::Error;
use std::process::{Child, Command};

pub type Outcome = Result<(), Box<dyn Error>>;

/// A name that two runs of an example do not share: names are this machine's.
#[allow(dead_code)]
pub fn name(what: &str) -> String {
    format!("breezeway-example-{what}-{}", std::process::id())
}

/// Starts a child in a role.
pub fn start(role: &str, name: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).args([role, name]).spawn()
}

/// The role this process was started in, and its name.
pub fn role() -> Option<(String, String)> {
    let mut arguments = std::env::args().skip(1);
    Some((arguments.next()?, arguments.next()?))
}

/// Waits for a child, which must succeed.
pub fn join(mut child: Child) -> Outcome {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("a child failed: {status}").into()) }
}
