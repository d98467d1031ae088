//! Names chosen to deceive the reader.

use std::fs;

use breezeway::sync::Mutex;
use breezeway::{Segment, Value};
use support::scratch::{Name, Scratch};
use support::{Watchdog, unique};

use super::child::child;
use super::terminal::at_a_terminal;
use super::{breezeway, json, segment, text};

const LENGTH: u64 = 1 << 16;

#[test]
fn inspect_names_do_not_move_the_cursor() {
    let name = Name::new("cli-cursor");
    let made = Segment::create(&name, LENGTH).unwrap();
    made.add::<Value<u64>>("red \x1b[31m", 1).unwrap();
    let text = text(&["inspect", &name]);
    assert!(text.contains("red \u{fffd}[31m: ") && !text.contains('\x1b'), "{text:?}");
}

/// Regression: `gc` wrote names raw in its question.
#[test]
fn gc_names_do_not_move_the_cursor_in_the_question() {
    let _watchdog = Watchdog::start(120);
    let start = unique("cli-question");
    let name = Name::exactly(format!("{start}\x1b[2K\nremove nothing"));
    child("create", &name).kill();
    let (printed, _) = at_a_terminal(&["gc"], "n\n");
    assert!(printed.contains(&format!("{start}\u{fffd}[2K\u{fffd}remove nothing")), "{printed:?}");
    assert!(!printed.contains('\x1b'), "{printed:?}");
    assert!(text(&["gc", "--dry-run"]).contains(&format!("{start}\u{fffd}[2K\u{fffd}remove nothing")));
    let removed = text(&["gc", &name, "--yes"]);
    assert_eq!(removed, format!("removed: {start}\u{fffd}[2K\u{fffd}remove nothing\n"));
}

#[test]
fn errors_names_do_not_move_the_cursor() {
    let scratch = Scratch::new("cli-complaint");
    let folder = scratch.file("red \x1b[31m\nbreezeway: forged");
    fs::write(&folder, "").unwrap();
    let failed = breezeway(&["generate", folder.to_str().unwrap()]).assert().code(1);
    let told = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    assert!(told.contains("red \u{fffd}[31m\u{fffd}breezeway: forged") && !told.contains('\x1b'), "{told:?}");
    assert_eq!(told.lines().count(), 1, "{told:?}");
}

/// Regression: a newline in a name began a row in `ls` and a fact in `inspect`.
#[test]
fn ls_and_inspect_names_begin_no_lines() {
    let start = unique("cli-forged");
    let name = Name::exactly(format!("{start}\nforged 65536 600 \u{2066}\u{202e}\u{2028}"));
    let shown = format!("{start}\u{fffd}forged 65536 600 \u{fffd}\u{fffd}\u{fffd}");
    let made = Segment::create(&name, LENGTH).unwrap();
    made.add::<Mutex>("lock\n    held by            nobody", ()).unwrap();

    let list = text(&["ls"]);
    assert!(list.lines().any(|line| line.trim_start().starts_with(&shown)), "{list}");
    assert!(!list.lines().any(|line| line.trim_start().starts_with("forged")), "{list}");
    for text in [text(&["inspect", &name]), text(&["top", &name, "--count", "1"])] {
        assert!(text.starts_with(&format!("{shown}: 65536 bytes at /dev/shm/{shown}, ")), "{text}");
        assert!(text.contains("\nlock\u{fffd}    held by            nobody: "), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("    held by  ")).count(), 1, "{text}");
    }
}

#[test]
fn json_names_are_escaped_and_exact() {
    let name = Name::exactly(unique("cli-json") + "\u{9b}31m \x7f \u{202e}\n");
    let _made = Segment::create(&name, LENGTH).unwrap();
    assert_eq!(segment(&name)["name"], *name);
    assert!(json(&["ls", "--json"])["segments"].as_array().unwrap().iter().any(|one| one["name"] == *name));
    for arguments in [&["inspect", &*name, "--json"][..], &["top", &name, "--count", "1", "--json"]] {
        let text = text(arguments);
        assert!(text.contains("\\u009b31m \\u007f \\u202e\\n"), "{text}");
        assert!(!text.trim_end().contains(['\u{9b}', '\x7f', '\u{202e}']), "{text:?}");
    }
}
