//! `breezeway gc` and `breezeway rm`.

use breezeway::Segment;
use serde_json::json;
use support::Watchdog;
use support::scratch::{Name, patch};

use super::child::child;
use super::{breezeway, json, text};

/// A stale segment, one in use, a persistent one, and a damaged one.
fn four(what: &str) -> ([Name; 4], Segment) {
    let names = ["stale", "used", "kept", "damaged"].map(|kind| Name::new(&format!("{what}-{kind}")));
    let [stale, used, kept, damaged] = &names;
    child("create", stale).kill();
    let segment = Segment::create(used, 1 << 16).unwrap();
    drop(Segment::builder().persist(true).create(kept, 1 << 16).unwrap());
    child("create", damaged).kill();
    patch(&damaged.path(), 12, &99_u32.to_ne_bytes());
    (names, segment)
}

fn are_taken(names: &[Name; 4]) -> [bool; 4] {
    names.each_ref().map(Name::is_taken)
}

#[test]
fn gc_removes_only_stale_segments() {
    let _watchdog = Watchdog::start(120);
    let (names, segment) = four("cli-gc");
    let arguments = |options: &[&'static str]| {
        let names = names.iter().map(|name| name.to_string());
        let all = ["gc".to_owned()].into_iter().chain(names);
        all.chain(options.iter().map(|option| option.to_string())).collect::<Vec<String>>()
    };
    let run = |options: &[&'static str]| {
        let arguments = arguments(options);
        text(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let stale = &*names[0];
    assert_eq!(run(&["--dry-run"]), format!("stale: {stale}\n"));
    let dry: serde_json::Value = serde_json::from_str(&run(&["--dry-run", "--json"])).unwrap();
    assert_eq!(dry, json!({ "schema": 1, "dry_run": true, "stale": [stale], "removed": [], "failed": [] }));
    assert_eq!(are_taken(&names), [true; 4]);
    // Without names, gc lists it as well.
    assert!(json(&["gc", "--dry-run", "--json"])["stale"].as_array().unwrap().contains(&json!(stale)));

    assert_eq!(run(&["--yes"]), format!("removed: {stale}\n"));
    assert_eq!(are_taken(&names), [false, true, true, true]);
    drop(segment);
}

#[test]
fn gc_with_nothing_to_do() {
    let name = Name::new("cli-gc-none");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    assert_eq!(text(&["gc", &name]), "nothing is stale\n");
    let done = json(&["gc", &name, "--json"]);
    assert_eq!((&done["stale"], &done["removed"]), (&json!([]), &json!([])));
    drop(segment);
}

#[test]
fn gc_does_not_ask_without_a_terminal() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-gc-pipe");
    child("create", &name).kill();
    breezeway(&["gc", &name]).write_stdin("n\n").assert().success().stderr("");
    assert!(!name.is_taken());
}

/// Regression: a name without a segment kept the others from being removed.
#[test]
fn gc_continues_after_a_failure() {
    let _watchdog = Watchdog::start(120);
    let missing = Name::new("cli-gc-missing");
    for as_json in [false, true] {
        let name = Name::new("cli-gc-found");
        child("create", &name).kill();
        let arguments = ["gc", &missing, &name, "--yes", "--json"];
        let failed = breezeway(&arguments[..if as_json { 5 } else { 4 }]).assert().code(1);
        let failed = failed.stderr(predicates::str::contains(&*missing));
        assert!(!name.is_taken());
        let output = failed.get_output().stdout.clone();
        if as_json {
            let done: serde_json::Value = serde_json::from_slice(&output).unwrap();
            assert_eq!((&done["stale"], &done["removed"]), (&json!([&*name]), &json!([&*name])));
            assert_eq!(done["failed"][0]["name"], *missing);
        } else {
            assert_eq!(String::from_utf8(output).unwrap(), format!("removed: {}\n", &*name));
        }
    }
}

#[test]
fn rm_continues_after_a_failure() {
    let _watchdog = Watchdog::start(120);
    let (names, segment) = four("cli-rm");
    let [stale, used, kept, damaged] = &names;
    let missing = Name::new("cli-rm-missing");
    let failed = breezeway(&["rm", stale, &missing, used]).assert().code(1).stdout("");
    failed.stderr(predicates::str::contains(&*missing));
    assert_eq!(are_taken(&names), [false, false, true, true]);
    // A process that has the segment attached keeps it.
    assert_eq!(segment.participants().unwrap().len(), 1);

    assert_eq!(text(&["rm", kept]), "");
    let output = breezeway(&["rm", damaged, &missing, "--json"]).assert().code(1).get_output().stdout.clone();
    let done: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(
        (&done["schema"], &done["removed"], &done["failed"][0]["name"]),
        (&json!(1), &json!([&**damaged]), &json!(&*missing))
    );
    assert_eq!(are_taken(&names), [false; 4]);
}
