//! The command `breezeway` as it is installed: run as a process of its own, on segments of real
//! processes.

mod bench;
mod child;
mod counters;
mod damage;
mod huge;
mod inspect;
mod ls;
mod names;
mod removal;
mod terminal;
mod top;
mod usage;

use serde_json::Value as Json;

/// The command with these arguments, not run yet.
fn breezeway(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("breezeway");
    command.args(arguments).timeout(std::time::Duration::from_secs(120));
    command
}

/// What the command prints when it succeeds.
fn text(arguments: &[&str]) -> String {
    let output = breezeway(arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// The JSON that the command prints when it succeeds.
fn json(arguments: &[&str]) -> Json {
    let json: Json = serde_json::from_str(&text(arguments)).unwrap();
    assert_eq!(json["schema"], 1);
    json
}

/// The JSON that `inspect` prints of a segment.
fn segment(name: &str) -> Json {
    json(&["inspect", name, "--json"])["segment"].clone()
}

/// The JSON that `inspect` prints of an object.
fn object(segment: &str, name: &str) -> Json {
    let segment = self::segment(segment);
    let objects = segment["objects"].as_array().unwrap();
    objects.iter().find(|object| object["name"] == name).unwrap().clone()
}

/// Some of an object's facts.
fn facts(segment: &str, object: &str, names: &[&str]) -> Json {
    let facts = &self::object(segment, object)["facts"];
    names.iter().map(|name| facts[name].clone()).collect()
}
