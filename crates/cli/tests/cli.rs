//! The `breezeway` command, as it is installed: run as a process of its own, on segments of real processes.

mod cli {
    pub mod child;
    mod counting;
    mod damage;
    mod huge;
    mod inspecting;
    mod listing;
    mod names;
    mod terminal;
    mod tidying;
    mod usage;
    mod watching;

    use serde_json::Value as Json;

    /// The command, not run yet.
    pub fn breezeway(arguments: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("breezeway");
        command.args(arguments).timeout(std::time::Duration::from_secs(120));
        command
    }

    /// What it prints, where it does what it is asked for.
    pub fn text(arguments: &[&str]) -> String {
        let output = breezeway(arguments).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    }

    /// The same for a program.
    pub fn json(arguments: &[&str]) -> Json {
        let json: Json = serde_json::from_str(&text(arguments)).unwrap();
        assert_eq!(json["schema"], 1);
        json
    }

    /// All that `inspect` says of a segment.
    pub fn segment(name: &str) -> Json {
        json(&["inspect", name, "--json"])["segment"].clone()
    }

    /// What it says of the object of this name.
    pub fn object(segment: &str, name: &str) -> Json {
        let segment = self::segment(segment);
        let objects = segment["objects"].as_array().unwrap();
        objects.iter().find(|object| object["name"] == name).unwrap().clone()
    }

    /// Some fields of its facts.
    pub fn facts(segment: &str, object: &str, names: &[&str]) -> Json {
        let facts = &self::object(segment, object)["facts"];
        names.iter().map(|name| facts[name].clone()).collect()
    }
}
