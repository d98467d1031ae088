//! What programs read: an object that says by which schema.

use std::io::{self, Write};

use serde::Serialize;

use crate::Failure;

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
    let text = serde_json::to_string_pretty(&Document { schema: SCHEMA, body })?;
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// For one of many.
pub fn print_line(body: impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(&Document { schema: SCHEMA, body })?;
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
