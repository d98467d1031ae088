//! What programs read: an object that says by which schema.

use std::io::{self, Write};

use serde::Serialize;

use crate::{Failure, show};

/// Raised where a field is taken away, or changes its meaning.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<T> {
    schema: u32,
    #[serde(flatten)]
    body: T,
}

/// For one answer.
pub fn print(body: impl Serialize) -> Result<(), Failure> {
    let text = escaped(&serde_json::to_string_pretty(&Document { schema: SCHEMA, body })?);
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// JSON of the same meaning that is harmless at a terminal, too. What is not can only be in strings; but for the ends of lines,
/// which JSON has between its words and never in strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c != '\n' && show::is_harmful(c) => text += &format!("\\u{:04x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text
}

/// For one of many.
pub fn print_line(body: impl Serialize) -> Result<(), Failure> {
    let text = escaped(&serde_json::to_string(&Document { schema: SCHEMA, body })?);
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
