//! Removing segments that nobody has any more, or that somebody wants to be gone.

use std::io::{self, BufRead, IsTerminal, Write};

use breezeway::{Segment, inspect};

use crate::Failure;
use crate::show;

pub fn gc(dry_run: bool, yes: bool, json: bool) -> Result<(), Failure> {
    let stale: Vec<String> =
        inspect::list()?.into_iter().filter(|report| report.stale).map(|report| report.name).collect();
    let mut removed = Vec::new();
    let is_meant = dry_run || yes || stale.is_empty() || !io::stdin().is_terminal() || confirmed(&stale)?;
    if is_meant {
        for name in stale {
            // Who was faster may have made a new one of this name, which is not stale.
            if dry_run || inspect::remove_stale(&name)? {
                removed.push(name);
            }
        }
    }
    if json {
        return show::print_json(&removed);
    }
    match removed.as_slice() {
        [] => show::print("nothing is removed"),
        names => {
            show::print(&format!("{}{}", if dry_run { "stale: " } else { "removed: " }, names.join(", ")))
        }
    }
}

fn confirmed(names: &[String]) -> Result<bool, Failure> {
    write!(io::stderr(), "remove {}? [y/N] ", names.join(", "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// All of them, even where one fails; the last failure is told at the end.
pub fn rm(names: &[String]) -> Result<(), Failure> {
    let mut failure = Ok(());
    for name in names {
        if let Err(error) = Segment::remove(name) {
            if let Err(earlier) = std::mem::replace(&mut failure, Err(error)) {
                eprintln!("breezeway: {earlier}");
            }
        }
    }
    Ok(failure?)
}
