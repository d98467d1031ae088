//! The examples print what their documentation says.

use std::path::PathBuf;
use std::process::Command;

/// `cargo test` builds the examples; of one test file alone, `cargo build --examples` beforehand does.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name("examples").join(name);
    assert!(path.exists(), "{} is built by `cargo build --examples --all-features`", path.display());
    path
}

/// The lines an example prints.
fn lines(name: &str) -> Vec<String> {
    lines_with(name, &[])
}

/// The lines an example prints, run with arguments.
fn lines_with(name: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(example(name)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn value_array() {
    assert_eq!(lines("value_array"), ["50.0 [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]"]);
}

#[test]
fn queue() {
    assert_eq!(lines("queue"), [r#"[42, "python"]"#]);
}

#[test]
fn producer_consumer() {
    assert_eq!(lines("producer_consumer"), ["1", "2", "3", "4"]);
}

#[cfg(feature = "async")]
#[test]
fn coroutines() {
    let mut lines = lines("coroutines");
    let squares = lines.split_off(6);
    lines.sort();
    let tasks = ["async-executor", "tokio"]
        .into_iter()
        .flat_map(|executor| (1..=3).map(move |task| format!("{executor} {task}")));
    assert!(lines.iter().eq(&tasks.collect::<Vec<_>>()), "{lines:?}");
    assert!(
        squares.iter().eq(&(1..=8).map(|n| format!("{n} squared is {}", n * n)).collect::<Vec<_>>()),
        "{squares:?}"
    );
}

#[test]
fn two_workers() {
    let numbers: Vec<i64> = lines("two_workers").iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 4);
    // What `get_it` did not take of `put_it`'s squares, in their order, and a zero for each that it did.
    let mut squares = [4, 16, 256, 65536].into_iter();
    assert!(
        numbers.iter().filter(|number| **number != 0).all(|number| squares.any(|square| square == *number))
    );
}

#[test]
fn joinable_queue() {
    let mut lines = lines("joinable_queue");
    // What workers print, they may print while the producer learns that all is done: only a job's end comes before that.
    lines.sort();
    assert_eq!(lines, ["all done", "item 1", "item 2", "item 3", "item 4"]);
}

#[test]
fn power() {
    let mut lines = lines("power");
    assert_eq!(lines[0], "65536");
    // In the order in which the processes were done.
    lines[1..].sort();
    assert_eq!(lines[1..], ["1", "43046721", "65536"]);
}

#[test]
fn clock_that_outlives_main() {
    let lines = lines("clock");
    let ticks: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.starts_with("tick")).collect();
    assert_eq!(ticks, ["tick 1", "tick 2", "tick 3", "tick 4", "tick 5"]);
    assert!(lines.iter().any(|line| line == "the end of main"));
}

#[test]
fn clock_that_is_a_daemon() {
    // It would never end: it is as much as open, and its output with it, for as long as there is a clock.
    assert!(lines_with("clock", &["daemon"]).iter().any(|line| line == "the end of main"));
}

#[cfg(feature = "process")]
#[test]
fn pipe() {
    assert_eq!(lines("pipe"), ["1", "2", "3", "4"]);
}

#[cfg(feature = "process")]
#[test]
fn pipe_adder() {
    assert_eq!(lines("pipe_adder"), ["7", "Hello, World!", "Done!"]);
}

#[cfg(feature = "process")]
#[test]
fn greeters() {
    assert_eq!(lines("greeters"), ["put_1: nice to meet you", "put_2: hello"]);
}

#[test]
fn pool() {
    let results = "[1, 65536, 43046721]";
    assert_eq!(lines("pool"), ["map", "callbacks", "tuples"].map(|what| format!("{what}: {results}")));
}

#[test]
fn sleepy_pool() {
    let lines = lines("sleepy_pool");
    let at = |line: &str| lines.iter().position(|other| other == line).unwrap();
    let first_end = at("task 0 is done");
    assert!((0..4).all(|task| at(&format!("task {task} starts")) < first_end), "{lines:?}");
    assert!(at("task 4 starts") > first_end, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with("is done")).count(), 5);
    assert_eq!(lines.last().unwrap(), "All subprocesses done!");
}
