//! The command line of a test binary, as far as `cargo test` and `cargo nextest` use it.

use super::supervisor::{self, AtATime, Case};

/// What was asked for.
#[derive(Debug, Default)]
struct Arguments {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    list: bool,
    /// No case is ignored, so of the ignored ones there are none.
    only_ignored: bool,
    at_a_time: Option<usize>,
}

/// Options with a value that means nothing here.
const WITH_VALUE: &[&str] = &["--color", "--format", "--logfile", "--shuffle-seed", "-Z"];

impl Arguments {
    fn parse(words: impl Iterator<Item = String>) -> Self {
        // `--option=value` is `--option value`.
        let mut words = words.flat_map(|word| match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => vec![option.to_owned(), value.to_owned()],
            _ => vec![word],
        });
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--exact" => arguments.exact = true,
                "--list" => arguments.list = true,
                "--ignored" => arguments.only_ignored = true,
                "--skip" => arguments.skip.extend(words.next()),
                "--test-threads" => arguments.at_a_time = words.next().and_then(|count| count.parse().ok()),
                option if WITH_VALUE.contains(&option) => drop(words.next()),
                option if option.starts_with('-') => {}
                filter => arguments.filters.push(filter.to_owned()),
            }
        }
        arguments
    }

    fn matches(&self, name: &str) -> bool {
        let hits =
            |pattern: &String| if self.exact { name == pattern } else { name.contains(pattern.as_str()) };
        let chosen = self.filters.is_empty() || self.filters.iter().any(hits);
        chosen && !self.skip.iter().any(hits) && !self.only_ignored
    }
}

/// Lists or runs the cases that the command line asks for. `false` where one has failed.
pub(crate) fn obey(cases: &[Case]) -> bool {
    let arguments = Arguments::parse(std::env::args().skip(1));
    let chosen: Vec<Case> = cases.iter().filter(|case| arguments.matches(case.name)).copied().collect();
    if arguments.list {
        for case in chosen {
            println!("{}: test", case.name);
        }
        return true;
    }
    chosen.is_empty()
        || supervisor::run(&chosen, arguments.at_a_time.map_or_else(AtATime::default, AtATime::of))
}
