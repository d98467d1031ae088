//! `breezeway ls`.

use breezeway::{Segment, Value};
use serde_json::Value as Json;
use support::Watchdog;
use support::scratch::Name;

use super::child::child;
use super::{json, text};

/// The words of a segment's line in the table.
fn line(table: &str, name: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("{table}")).split_whitespace().map(str::to_owned).collect()
}

fn listed(name: &str) -> Option<Json> {
    let json = json(&["ls", "--json"]);
    json["segments"].as_array().unwrap().iter().find(|segment| segment["name"] == name).cloned()
}

#[test]
fn ls_has_a_line_for_each_segment() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-ls");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<Value<u64>>("one", 1).unwrap();
    segment.add::<Value<u64>>("two", 2).unwrap();
    let alive = child("open", &name);
    let dead = child("open", &name);
    dead.kill();

    let table = text(&["ls"]);
    for head in ["name", "bytes", "mode", "age", "creator", "alive", "dead", "objects", "state"] {
        assert!(table.lines().next().unwrap().contains(head), "{table}");
    }
    let words = line(&table, &name);
    assert_eq!(words[1..3], ["65536", "600"]);
    assert_eq!(words[5], std::process::id().to_string(), "{words:?}");
    assert_eq!(words[words.len() - 5..], ["2", "1", "2", "in", "use"], "{words:?}");

    let json = listed(&name).unwrap();
    assert_eq!(
        (&json["length"], &json["mode"], &json["stale"]),
        (&65536.into(), &0o600.into(), &false.into())
    );
    assert_eq!(json["creator"]["pid"], std::process::id());
    assert!(json["creator"]["command"].as_str().unwrap().contains("cli"));
    let lives: Vec<_> = json["participants"].as_array().unwrap().iter().map(|one| &one["alive"]).collect();
    assert_eq!(lives, [true, true, false]);
    drop(alive);
}

#[test]
fn ls_tells_stale_and_persistent() {
    let _watchdog = Watchdog::start(120);
    let (stale, kept) = (Name::new("cli-ls-stale"), Name::new("cli-ls-kept"));
    child("create", &stale).kill();
    drop(Segment::builder().persist(true).create(&kept, 1 << 16).unwrap());
    let table = text(&["ls"]);
    assert_eq!(line(&table, &stale).last().unwrap(), "stale");
    assert_eq!(line(&table, &kept).last().unwrap(), "persistent");
    assert_eq!(listed(&stale).unwrap()["stale"], true);
    let kept = listed(&kept).unwrap();
    assert_eq!((&kept["stale"], &kept["persistent"]), (&false.into(), &true.into()));
}

#[test]
fn ls_skips_removed_segments() {
    let name = Name::new("cli-ls-gone");
    drop(Segment::create(&name, 1 << 16).unwrap());
    assert!(listed(&name).is_none());
}
