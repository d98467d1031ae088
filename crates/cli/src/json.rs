//! Reports for programs: JSON objects with the number of their schema.

use std::io::{self, Write};

use serde::Serialize;

use crate::{Failure, show};

/// Raised when a field is removed or changes its meaning.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<T> {
    schema: u32,
    #[serde(flatten)]
    body: T,
}

/// Prints one object, indented.
pub fn print(body: impl Serialize) -> Result<(), Failure> {
    let text = escaped(&serde_json::to_string_pretty(&Document { schema: SCHEMA, body })?);
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Escapes what is unsafe at a terminal. Such characters occur only inside strings, but for line
/// ends, which JSON has only between its tokens.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c != '\n' && show::is_unsafe_at_terminal(c) => text += &format!("\\u{:04x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text
}

/// Prints one of many objects, on one line.
pub fn print_line(body: impl Serialize) -> Result<(), Failure> {
    let text = escaped(&serde_json::to_string(&Document { schema: SCHEMA, body })?);
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
