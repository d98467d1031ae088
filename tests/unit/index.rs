//! The index in `tests/README.md` is complete, and names only what exists.

use std::fs;
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(tests().join("README.md")).unwrap()
}

/// What stands between backticks in a text, with `a/{b,c}` as `a/b` and `a/c`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split('`').skip(1).step_by(2) {
        match word.split_once('{') {
            Some((start, inner)) => {
                let (inner, end) = inner.split_once('}').unwrap();
                words.extend(inner.split(',').map(|part| format!("{start}{part}{end}")));
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// The cells of the index's rows.
fn rows() -> Vec<Vec<String>> {
    let readme = readme();
    let (_, index) = readme.split_once("| module |").expect("the index has a head");
    let rows = index.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::to_owned).collect()).collect()
}

/// The words in some columns of the index.
fn column(number: usize) -> Vec<String> {
    rows().iter().flat_map(|row| words(&row[number])).collect()
}

/// The names of the files in a folder, without their ends.
fn names_in(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn models_below(folder: &Path, found: &mut Vec<String>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            models_below(&path, found);
        } else if path.ends_with("model.rs") {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn readme_index_names_existing_files() {
    for word in [column(1), column(2)].concat() {
        let path = tests().join(word.trim_end_matches("/*"));
        assert!(path.is_dir() || path.with_extension("rs").is_file(), "there is no {word}");
    }
    let cases = names_in(&tests().join("kill/cases"));
    let targets = names_in(&tests().join("../fuzz/fuzz_targets"));
    for word in column(3) {
        assert!(cases.contains(&word), "there is no kill case {word}");
    }
    for word in column(4) {
        let is_model = tests().join("..").join(&word).is_file();
        assert!(is_model || targets.contains(&word), "there is no {word}");
    }
}

#[test]
fn readme_index_is_complete() {
    let named = [column(1), column(2), column(3), column(4)].concat();
    let is_named = |path: &str| {
        named.iter().any(|word| {
            let word = word.trim_end_matches("/*");
            path == word || path.starts_with(&format!("{word}/"))
        })
    };
    for binary in ["unit", "processes", "chaos"] {
        for module in names_in(&tests().join(binary)).iter().filter(|name| *name != "main") {
            let folder = tests().join(binary).join(module);
            let module = format!("{binary}/{module}");
            let is_whole = is_named(&module);
            if !is_whole && folder.is_dir() {
                for inner in names_in(&folder) {
                    assert!(is_named(&format!("{module}/{inner}")), "{module}/{inner} is not in the index");
                }
            } else {
                assert!(is_whole, "{module} is not in the index");
            }
        }
    }
    // What several cases use.
    const SHARED: [&str; 7] =
        ["numbered", "queue_ledger", "settle", "small_segment", "spsc_fixture", "spsc_kinds", "stop_case"];
    for case in names_in(&tests().join("kill/cases")) {
        assert!(
            named.contains(&case) || SHARED.contains(&case.as_str()),
            "the kill case {case} is not in the index"
        );
    }
    for target in names_in(&tests().join("../fuzz/fuzz_targets")) {
        assert!(named.contains(&target), "the fuzz target {target} is not in the index");
    }
    let mut models = Vec::new();
    models_below(&tests().join("../src"), &mut models);
    for model in models.iter().filter(|model| !model.ends_with("raw/model.rs")) {
        assert!(named.iter().any(|word| model.ends_with(word)), "the model {model} is not in the index");
    }
}
