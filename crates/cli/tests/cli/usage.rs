//! Wrong arguments, failures, help, and generated pages.

use std::fs;

use predicates::prelude::*;
use support::scratch::{Name, Scratch};

use super::{breezeway, text};

#[test]
fn exit_status_2_for_wrong_arguments() {
    for arguments in [
        &[][..],
        &["paint"],
        &["inspect"],
        &["rm"],
        &["ls", "--loud"],
        &["top", "--every", "0"],
        &["top", "--every", "-1"],
        &["top", "--every", "soon"],
        &["top", "--count", "many"],
        &["generate"],
    ] {
        breezeway(arguments).assert().code(2).stdout("").stderr(predicate::str::contains("--help"));
    }
}

#[test]
fn exit_status_1_with_the_reason_for_failures() {
    let name = Name::new("cli-none");
    for command in ["inspect", "top", "rm", "gc"] {
        let failed = breezeway(&[command, &name]).assert().code(1).stdout("");
        failed.stderr(predicate::str::starts_with("breezeway: ").and(predicate::str::contains(&*name)));
    }
    breezeway(&["inspect", "a/b"]).assert().code(1).stderr(predicate::str::contains("slash"));
    fs::write(name.path(), "no segment").unwrap();
    for command in ["inspect", "rm"] {
        breezeway(&[command, &name])
            .assert()
            .code(1)
            .stderr(predicate::str::contains("not a breezeway segment"));
    }
    assert!(name.is_taken());
}

#[test]
fn help_has_examples() {
    for arguments in [&["--help"][..], &["help"], &["-h"]] {
        let help = text(arguments);
        for word in ["Examples:", "breezeway inspect plant", "top", "gc", "rm", "generate"] {
            assert!(help.contains(word), "{help}");
        }
    }
    assert!(text(&["--help"]).contains("Exit status:"));
    for command in ["ls", "inspect", "top", "watch", "gc", "rm", "generate"] {
        assert!(text(&[command, "--help"]).contains("Example"), "{command}");
    }
    assert_eq!(text(&["--version"]).trim_end(), concat!("breezeway ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn generate_writes_manual_pages_and_completions() {
    let scratch = Scratch::new("cli-generate");
    let folder = scratch.file("made/for it");
    text(&["generate", folder.to_str().unwrap()]);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|_| panic!("{name}"));
    for name in ["breezeway.bash", "_breezeway", "breezeway.fish"] {
        let completions = read(name);
        for word in ["inspect", "dry-run", "top"] {
            assert!(completions.contains(word), "{name} lacks {word}");
        }
    }
    assert!(read("breezeway.1").contains(".TH"));
    assert!(read("breezeway-top.1").contains("breezeway top plant"));
    assert_eq!(read("breezeway-watch.1"), ".so man1/breezeway-top.1\n");
    assert!(read("breezeway-gc.1").contains("dry"));
    let blocked = scratch.file("file");
    fs::write(&blocked, "").unwrap();
    breezeway(&["generate", blocked.to_str().unwrap()])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("cannot write into"));
}
