//! The command at a terminal, which `script` (util-linux) provides.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use breezeway::Segment;
use breezeway::sync::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use support::Watchdog;
use support::process::until;
use support::scratch::Name;

use super::child::child;

/// The beginning of a frame: the cursor goes to the top.
const FRAME: &str = "\x1b[1;1H";

/// Runs the command under `script` and types this in. Returns what it printed and its exit status.
pub fn at_a_terminal(arguments: &[&str], typed: &str) -> (String, Option<i32>) {
    heard(script(arguments), typed)
}

fn heard(mut script: Child, typed: &str) -> (String, Option<i32>) {
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let mut printed = String::new();
    script.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    (printed, script.wait().unwrap().code())
}

fn script(arguments: &[&str]) -> Child {
    script_of(&line(arguments))
}

/// The command as a shell reads it; its words need no quoting.
fn line(arguments: &[&str]) -> String {
    let program = assert_cmd::cargo::cargo_bin!("breezeway").display().to_string();
    [&[&*program], arguments].concat().join(" ")
}

fn script_of(line: &str) -> Child {
    // A background job may ignore SIGINT, which the command would inherit.
    let mut script = Command::new("env");
    script.args([
        "--default-signal=INT",
        "script",
        "--quiet",
        "--return",
        "--flush",
        "--command",
        line,
        "/dev/null",
    ]);
    let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    script.expect("`script` of util-linux is needed to test the command at a terminal")
}

#[test]
fn gc_asks_at_a_terminal() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-terminal-gc");
    child("create", &name).kill();
    let question = format!("remove {}? [y/N]", &*name);
    for no in ["n\n", "\n", "nay\n"] {
        let (printed, code) = at_a_terminal(&["gc", &name], no);
        assert!(printed.contains(&question) && printed.contains("nothing is removed"), "{printed}");
        assert_eq!((code, name.is_taken()), (Some(0), true));
    }
    let (printed, code) = at_a_terminal(&["gc", &name], "y\n");
    assert!(printed.contains(&question) && printed.contains("removed: "), "{printed}");
    assert_eq!((code, name.is_taken()), (Some(0), false));
}

#[test]
fn gc_yes_does_not_ask_at_a_terminal() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-terminal-yes");
    child("create", &name).kill();
    let (printed, code) = at_a_terminal(&["gc", &name, "--yes"], "");
    assert!(!printed.contains("[y/N]"), "{printed}");
    assert_eq!((code, name.is_taken()), (Some(0), false));
}

#[test]
fn top_draws_over_its_last_frame_until_interrupted() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-terminal-top");
    let _made = Segment::create(&name, 1 << 16).unwrap();
    let (printed, code) = at_a_terminal(&["top", &name, "--every", "0.01", "--count", "3"], "");
    assert_eq!((printed.matches("\x1b[2J").count(), printed.matches(FRAME).count()), (1, 3), "{printed:?}");
    assert_eq!(printed.matches(&format!("{}: 65536 bytes", &*name)).count(), 3);
    assert_eq!(code, Some(0));

    let mut script = script(&["top", &name, "--every", "0.01"]);
    let mut out = script.stdout.take().unwrap();
    let mut seen = Vec::new();
    until(|| {
        let mut some = [0; 4096];
        let count = out.read(&mut some).unwrap();
        seen.extend_from_slice(&some[..count]);
        String::from_utf8_lossy(&seen).matches(FRAME).count() >= 3
    });
    // Ctrl-C sends this to the command itself.
    let top = child_of(script.id());
    kill_process(Pid::from_raw(top as i32).unwrap(), Signal::INT).unwrap();
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert_eq!(script.wait().unwrap().code(), Some(130));
}

/// Regression: a frame taller than the screen scrolled, and only its end was visible.
#[test]
fn top_fits_its_frame_to_the_screen() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("cli-terminal-tall");
    let made = Segment::builder().objects(64).create(&name, 1 << 16).unwrap();
    for n in 0..60 {
        made.add::<Mutex>(&format!("mutex-{n}"), ()).unwrap();
    }
    let top = line(&["top", &name, "--every", "0.01", "--count", "2"]);
    let total = super::text(&["inspect", &name]).lines().count();
    for (rows, columns) in [(24, 1000), (24, 30), (3, 1000), (1, 10)] {
        let (printed, code) = heard(script_of(&format!("stty rows {rows} cols {columns}; {top}")), "");
        assert_eq!(code, Some(0));
        let last = printed.rsplit(FRAME).next().unwrap().replace("\r\x1b[0J", "");
        let lines: Vec<String> = last.lines().map(str::to_owned).collect();
        let taken = lines.iter().map(|line| line.chars().count().div_ceil(columns).max(1)).sum::<usize>();
        assert!(taken < rows.max(3), "{taken} of {rows} rows: {last}");
        let (more, shown) = lines.split_last().unwrap();
        if columns == 1000 {
            assert_eq!(shown.len(), rows - 2);
            assert!(shown[0].starts_with(&*name), "{shown:?}");
        }
        assert_eq!(*more, format!("… {} more lines", total - shown.len()));
    }
    // A large screen shows all of it.
    let (printed, _) = heard(script_of(&format!("stty rows 1000 cols 1000; {top}")), "");
    assert_eq!(printed.matches("mutex-59").count(), 2, "{printed}");
}

/// The process that `script` runs: the shell itself after an `exec`, or its child.
fn child_of(parent: u32) -> u32 {
    let children = |pid: u32| {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(path).unwrap();
        children.split_whitespace().next().map(|pid| pid.parse().unwrap())
    };
    let child: u32 = children(parent).unwrap();
    children(child).unwrap_or(child)
}
