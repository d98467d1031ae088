//! Which entries are measured: all, or those whose name contains the text after `--only`.

use breezeway_bench::report;
use breezeway_bench::runner::Entry;

pub struct Selection {
    only: Option<String>,
    pub entries: Vec<Entry<'static>>,
}

impl Selection {
    pub fn from_arguments() -> Self {
        Self { only: report::argument("--only"), entries: Vec::new() }
    }

    /// Whether the entry of this name is selected.
    pub fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|pattern| name.contains(pattern))
    }

    /// Makes an entry if it is selected.
    pub fn add(&mut self, name: &'static str, make: impl FnOnce(&'static str) -> Entry<'static>) {
        if self.has(name) {
            self.entries.push(make(name));
        }
    }
}
