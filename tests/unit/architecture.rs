//! The floors of the building: imports go strictly downward, files stay short, and each tool has its one room.

mod circles;

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the crate's root by floor. A module may name those of lower floors and its own children.
const FLOORS: &[&[&str]] = &[
    &["error", "layout", "primitive", "shareable"],
    &["codec", "sys"],
    &["raw"],
    &["segment"],
    &["reactor"],
    &["cell", "queue", "sync"],
    &["pipe"],
    &["process"],
    &["inspect"],
];

/// Within the ground floor the order is this one.
const GROUND: &[&str] = &["primitive", "error", "shareable", "layout"];

/// What loom plays: files of this name, and folders.
const MODEL: &str = "/model";

/// Lines of code a file may have (tests in it not counted). `tests/` may be a little longer.
const LONGEST_SOURCE: usize = 400;
const LONGEST_TEST: usize = 500;

struct Source {
    /// Relative to the package's root.
    path: String,
    /// Without comments and strings' contents, and without the unit tests at its end.
    code: String,
    lines: usize,
}

impl Source {
    fn room(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap();
        inner.split(['/', '.']).next().unwrap()
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    assert!(!paths.is_empty(), "{folder} has sources");
    paths.into_iter().map(|path| read(root, &path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let code: Vec<&str> = text.lines().take_while(|line| *line != "#[cfg(test)]").collect();
    let uncommented = code.iter().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    Source { path, lines: code.len(), code: uncommented }
}

/// What `use crate::…`, `crate::…` and `$crate::architecture::…` name first.
fn crate_paths(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut word)),
                    _ if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            names.push(word);
        } else {
            names.push(rest.to_owned());
        }
    }
    let first_word = |name: &String| {
        let name = name.trim_start();
        name.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_owned()
    };
    names.iter().map(first_word).filter(|name| !name.is_empty()).collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn imports_go_strictly_downward() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let room = source.room();
        if room == "lib" {
            continue; // The roof: it presents what is below.
        }
        let here = floor(room).unwrap_or_else(|| panic!("{} stands on no floor", source.path));
        for name in crate_paths(&source.code) {
            let Some(there) = floor(&name) else {
                continue; // A name that the root re-exports; macros spell public types that way.
            };
            let ground = |name: &str| GROUND.iter().position(|room| *room == name);
            let downward =
                name == room || there < here || (there == 0 && here == 0 && ground(&name) < ground(room));
            if !downward {
                wrong.push(format!("{} (floor {here}) names crate::{name} (floor {there})", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_exceed_line_limits() {
    let limit = |folder: &'static str, longest: usize| {
        sources(folder).into_iter().filter(move |source| source.lines > longest)
    };
    let long: Vec<String> = limit("src", LONGEST_SOURCE)
        .chain(limit("tests", LONGEST_TEST))
        .chain(limit("benches", LONGEST_TEST))
        .map(|source| format!("{} has {} lines", source.path, source.lines))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn dependencies_are_used_only_in_their_modules() {
    let rooms: &[(&[&str], &[&str])] = &[
        (&["libc::", "rustix::"], &["src/sys/"]),
        (&["shared_memory::"], &["src/segment/named.rs"]),
        (&["memmap2::"], &["src/segment/backing.rs"]),
        (&["sync::atomic", "loom::"], &["src/primitive.rs", MODEL]),
        (&["raw_sync::Timeout", "raw_sync::locks"], &["src/sync/raw_sync.rs"]),
    ];
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (words, allowed) in rooms {
            let used = words.iter().filter(|word| source.code.contains(**word));
            let is_model = allowed.contains(&MODEL) && source.path.contains(MODEL);
            if !is_model && !allowed.iter().any(|room| source.path.starts_with(room)) {
                wrong.extend(used.map(|word| format!("{} uses {word}", source.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_named_mod_rs() {
    let wrong: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(sources)
        .map(|source| source.path)
        .filter(|path| path.ends_with("mod.rs"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The enforcer is enforced: what it looks for, it finds.
#[test]
fn crate_paths_finds_every_import_form() {
    let code = "use crate::{error::A, sys::{b, c}};\nuse crate::raw::mutex;\n$crate::segment::x()";
    assert_eq!(crate_paths(code), ["error", "sys", "raw", "segment"]);
}
