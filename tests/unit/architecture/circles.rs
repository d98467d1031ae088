//! Imports between the files of `src` go one way: no two files need each other, directly or through
//! others.
//!
//! What counts as an import is a path in a `use`, or in the code, that leads to another file; names
//! that a module re-exports lead to the file that has them. `mod` and a `pub use` of a file's own
//! child do not count: with them a module presents its children. Unit tests and loom models do not
//! count either.

use std::collections::{BTreeMap, BTreeSet};

use super::{MODEL, Source, sources};

/// Circles that stand, each with a folder that all its files are of, and the reason.
const STANDING: &[(&str, &str)] = &[
    (
        "process/pool",
        "promises, iterators and the scheduler name each other; the pool is to be built on the crate's own primitives",
    ),
    ("reactor", "the waiter thread locks the reactor that starts it; waiting as futures is to be rebuilt"),
];

/// A file by its module path; the crate's root is the empty one.
type Module = Vec<String>;

fn module(words: &[&str]) -> Module {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn module_of(source: &Source) -> Module {
    let path = source.path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    if path == "lib" { Module::new() } else { module(&path.split('/').collect::<Vec<_>>()) }
}

/// A path that was found in a file.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    words: Vec<String>,
    is_public: bool,
}

/// The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let inner = &rest[..rest.rfind('}').unwrap()];
    let (mut depth, mut branches) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(String::new());
                continue;
            }
            _ => {}
        }
        branches.last_mut().unwrap().push(c);
    }
    let branches = branches.iter().filter(|branch| !branch.trim().is_empty());
    branches.flat_map(|branch| expand(&format!("{}{}", prefix.trim(), branch.trim()))).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn import(path: &str, is_public: bool) -> Import {
    let words = path.trim_start_matches('$').split("::").map(|word| word.trim().to_owned());
    Import { words: words.filter(|word| !word.is_empty()).collect(), is_public }
}

/// The paths in a file's code: those of each `use`, and all others of at least two words.
fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let use_at = statement.match_indices("use ").map(|(at, _)| at).find(|at| {
            let before = &statement[..*at];
            before.is_empty() || before.ends_with([' ', '\n'])
        });
        match use_at {
            Some(at) if statement.ends_with(';') => {
                let (before, tree) = (&statement[..at], &statement[at + "use ".len()..statement.len() - 1]);
                let visibility = before.trim_end();
                let restricted = visibility.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
                let is_public =
                    visibility.ends_with("pub") || restricted.is_some_and(|(word, _)| word.ends_with("pub"));
                found.extend(expand(tree).iter().map(|path| import(path, is_public)));
                rest.push_str(before);
            }
            _ => rest.push_str(statement),
        }
    }
    let mut at = 0;
    while let Some(colons) = rest[at..].find("::").map(|found| at + found) {
        let start = rest[..colons].rfind(|c: char| !is_word(c)).map_or(0, |start| start + 1);
        let is_path = |c: char| is_word(c) || c == ':';
        let end = rest[colons..].find(|c: char| !is_path(c)).map_or(rest.len(), |end| colons + end);
        found.push(import(&rest[start..end], false));
        at = end.max(colons + 2);
    }
    found
}

struct Files {
    imports: BTreeMap<Module, Vec<Import>>,
}

impl Files {
    fn read() -> Self {
        let files = sources("src").into_iter().filter(|source| !source.path.contains(MODEL));
        Self { imports: files.map(|source| (module_of(&source), imports(&source.code))).collect() }
    }

    /// The file that a path leads to from another, and the words that remain of it.
    fn resolve<'a>(&self, from: &Module, import: &'a Import) -> Option<(Module, &'a [String])> {
        let mut words = import.words.as_slice();
        let mut file = match words.first()?.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            child if self.is_child(from, child) => return Some(self.descend(from.clone(), words)),
            _ => return None,
        };
        words = &words[1..];
        while words.first().is_some_and(|word| word == "super") {
            file.pop()?;
            words = &words[1..];
        }
        Some(self.descend(file, words))
    }

    fn is_child(&self, parent: &Module, name: &str) -> bool {
        let mut child = parent.clone();
        child.push(name.to_owned());
        self.imports.contains_key(&child)
    }

    fn descend<'a>(&self, mut file: Module, mut words: &'a [String]) -> (Module, &'a [String]) {
        while let Some((word, rest)) = words.split_first().filter(|(word, _)| self.is_child(&file, word)) {
            file.push(word.clone());
            words = rest;
        }
        (file, words)
    }

    /// The file that has a name which this one re-exports.
    fn origin(&self, file: Module, name: Option<&String>) -> Module {
        let Some(name) = name else { return file };
        let exported = self.imports[&file].iter().filter(|import| import.is_public);
        let found = exported.filter(|import| import.words.last() == Some(name));
        let found = found.filter_map(|import| self.resolve(&file, import)).map(|(origin, _)| origin);
        match found.into_iter().find(|origin| *origin != file) {
            Some(origin) => self.origin(origin, Some(name)),
            None => file,
        }
    }

    fn edges(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of = |file: &Module, imports: &[Import]| {
            let presents = |import: &Import, target: &Module| {
                import.is_public && target.len() > file.len() && target.starts_with(file)
            };
            let targets = imports.iter().filter_map(|import| {
                let (target, rest) = self.resolve(file, import)?;
                (!presents(import, &target)).then(|| self.origin(target, rest.first()))
            });
            targets.filter(|target| target != file).collect()
        };
        self.imports.iter().map(|(file, imports)| (file.clone(), of(file, imports))).collect()
    }
}

/// Every file that leads back to itself, with a shortest way.
fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    edges.keys().filter_map(|file| way_back(edges, file)).collect()
}

fn way_back(edges: &BTreeMap<Module, BTreeSet<Module>>, file: &Module) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut reached = vec![file];
    let mut at = 0;
    while let Some(here) = reached.get(at).copied() {
        for next in &edges[here] {
            if next == file {
                let mut way = vec![file.clone(), here.clone()];
                let mut step = here;
                while let Some(before) = came_from.get(step) {
                    way.push((*before).clone());
                    step = before;
                }
                way.reverse();
                return Some(way);
            }
            if next != file && !came_from.contains_key(next) {
                came_from.insert(next, here);
                reached.push(next);
            }
        }
        at += 1;
    }
    None
}

#[test]
fn imports_between_files_have_no_circles() {
    let circles = circles(&Files::read().edges());
    let is_in = |circle: &[Module], folder: &str| {
        let folder = module(&folder.split('/').collect::<Vec<_>>());
        circle.iter().all(|file| file.starts_with(&folder))
    };
    let wrong = circles.iter().filter(|circle| !STANDING.iter().any(|(folder, _)| is_in(circle, folder)));
    let in_words =
        |circle: &Vec<Module>| circle.iter().map(|file| file.join("/")).collect::<Vec<_>>().join(" -> ");
    let wrong: Vec<String> = wrong.map(in_words).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (folder, reason) in STANDING {
        let stands = circles.iter().any(|circle| is_in(circle, folder));
        assert!(stands, "{folder} has no circle any more ({reason}): take it off the list");
    }
}

/// The enforcer is enforced: what it looks for, it finds.
#[test]
fn circles_are_found_through_other_files() {
    let edge = |from: &str, to: &[&str]| (module(&[from]), to.iter().map(|to| module(&[to])).collect());
    let edges = BTreeMap::from([edge("a", &["b"]), edge("b", &["c"]), edge("c", &["a"]), edge("d", &["a"])]);
    let found = circles(&edges);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], ["a", "b", "c", "a"].map(|file| module(&[file])));
}

#[test]
fn circles_imports_finds_every_form() {
    let code =
        "use super::{a, b::{C, D as E}};\npub(crate) use crate::f::G;\nfn h() { i::j(); $crate::k::l!() }";
    let found = |path: &str, is_public| import(path, is_public);
    assert_eq!(
        imports(code),
        [
            found("super::a", false),
            found("super::b::C", false),
            found("super::b::D", false),
            found("crate::f::G", true),
            found("i::j", false),
            found("crate::k::l", false),
        ]
    );
}
