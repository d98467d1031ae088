//! Which sides are measured: all, or those whose name has the pattern in it. The others are not even made.

use breezeway_bench::runner::{self, Entry};

pub struct Selection {
    only: Option<String>,
    pub sides: Vec<Entry<'static>>,
}

impl Selection {
    pub fn from_arguments() -> Self {
        Self { only: runner::argument("--only"), sides: Vec::new() }
    }

    /// Whether it is to be measured.
    pub fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|pattern| name.contains(pattern))
    }

    /// Makes a side, if it is to be measured.
    pub fn add(&mut self, name: &'static str, side: impl FnOnce(&'static str) -> Entry<'static>) {
        if self.has(name) {
            self.sides.push(side(name));
        }
    }
}
