//! `breezeway top`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use breezeway::Segment;
use breezeway::queue::Queue;
use serde_json::Value as Json;
use support::Watchdog;
use support::scratch::Name;

use super::{breezeway, text};

/// Runs `body` while a thread pushes and pops.
fn while_busy<R>(queue: &Queue<u64>, body: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                queue.push(1).unwrap();
                queue.pop().unwrap();
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
        });
        let result = body();
        done.store(true, Relaxed);
        result
    })
}

#[test]
fn top_rates_come_with_the_second_snapshot() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-top");
    let made = Segment::create(&name, 1 << 16).unwrap();
    let queue = made.add::<Queue<u64>>("jobs", 4).unwrap();
    let top = ["top", &name, "--every", "0.2", "--count", "3"];
    let seen = while_busy(&queue, || text(&top));
    assert_eq!(seen.matches(&format!("{}: 65536 bytes", &*name)).count(), 3, "{seen}");
    assert_eq!(seen.matches("jobs: ").count() - seen.matches("/jobs: ").count(), 3, "{seen}");
    assert_eq!(seen.matches(" pushes a second").count(), 2, "{seen}");
    assert!(!seen.contains('\x1b'), "no terminal, no tricks");
}

#[test]
fn top_json_is_a_line_for_each_snapshot() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-top-json");
    let made = Segment::create(&name, 1 << 16).unwrap();
    let queue = made.add::<Queue<u64>>("jobs", 4).unwrap();
    let top = ["top", &name, "--every", "0.2", "--count", "2", "--json"];
    let seen = while_busy(&queue, || text(&top));
    let looks: Vec<Json> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(looks.len(), 2);
    assert!(looks.iter().all(|look| look["schema"] == 1 && look["segments"][0]["name"] == *name));
    assert!(looks[1]["at"].as_u64().unwrap() > looks[0]["at"].as_u64().unwrap());
    assert_eq!(looks[0]["rates"], serde_json::json!([]));
    let rate = |counter: &str| {
        let rates = looks[1]["rates"].as_array().unwrap();
        let found = rates.iter().find(|rate| rate["object"] == "jobs" && rate["counter"] == counter);
        found.unwrap()["per_second"].as_f64().unwrap()
    };
    assert!(rate("pushes") > 1.0 && rate("pops") > 1.0);
    assert_eq!(rate("repairs"), 0.0);
}

#[test]
fn top_without_a_name_shows_all_segments() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-top-all");
    let _made = Segment::create(&name, 1 << 16).unwrap();
    assert!(text(&["top", "--count", "1"]).contains(&*name));
}

#[test]
fn top_ends_when_its_segment_is_removed() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-top-gone");
    let made = Segment::create(&name, 1 << 16).unwrap();
    let gone = std::thread::scope(|scope| {
        let top = scope.spawn(|| breezeway(&["top", &name, "--every", "0.01"]).assert());
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(made);
        top.join().unwrap()
    });
    gone.code(1).stderr(predicates::str::contains(&*name));
}
