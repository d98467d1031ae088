//! Options of `process::Builder`: environment, streams, folder, name.

use std::io::{Read, Write, stdin};
use std::process::Command;

use breezeway::process::{self, Process, ProcessBuilder};
use breezeway::{SpawnError, TaskError};
use support::scratch::Scratch;
use support::{Watchdog, path_of};

#[test]
fn builder_env_env_remove_env_clear() {
    let _watchdog = Watchdog::start(60);
    let look = |name: String| std::env::var(name).ok();
    let mut builder = Process::builder().env("BREEZEWAY_TEST_COLOUR", "blue");
    let ask = |builder: &mut ProcessBuilder, name: &str| {
        builder.spawn(look, name.to_owned()).unwrap().result().unwrap()
    };
    assert_eq!(ask(&mut builder, "BREEZEWAY_TEST_COLOUR").as_deref(), Some("blue"));
    assert_eq!(ask(&mut builder, "PATH"), std::env::var("PATH").ok());
    // The word that made it a child is not there for its own children.
    assert_eq!(ask(&mut builder, "BREEZEWAY_CHILD"), None);
    builder = builder.env_remove("PATH");
    assert_eq!(ask(&mut builder, "PATH"), None);
    assert_eq!(ask(&mut builder.env_clear(), "BREEZEWAY_TEST_COLOUR"), None);
}

#[test]
fn builder_stdin_stdout_stderr_are_redirected() {
    let _watchdog = Watchdog::start(60);
    let (input, mut to_it) = std::io::pipe().unwrap();
    let (mut from_it, output) = std::io::pipe().unwrap();
    let (mut errors, error) = std::io::pipe().unwrap();
    let talk = |()| {
        let mut text = String::new();
        stdin().read_to_string(&mut text).unwrap();
        // Nothing flushes it but the end.
        print!("heard {text}");
        eprint!("and {}", text.len());
    };
    let child = Process::builder().stdin(input).stdout(output).stderr(error).spawn(talk, ()).unwrap();
    to_it.write_all(b"hello").unwrap();
    drop(to_it);
    assert_eq!(child.join().unwrap(), 0);
    let mut text = String::new();
    from_it.read_to_string(&mut text).unwrap();
    assert_eq!(text, "heard hello");
    text.clear();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(text, "and 5");
}

#[test]
fn write_to_closed_stdout_pipe_returns_broken_pipe() {
    let _watchdog = Watchdog::start(60);
    let write = |()| {
        std::io::stdout().write_all(b"x\n").map_err(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    let (reader, writer) = std::io::pipe().unwrap();
    let mut builder = Process::builder().stdout(writer);
    drop(reader);
    assert_eq!(builder.spawn(write, ()).unwrap().result().unwrap(), Err(true));
}

#[test]
fn builder_current_dir_and_missing_dir_error() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("folder");
    let folder = scratch.file("inner");
    std::fs::create_dir(&folder).unwrap();
    let child =
        Process::builder().current_dir(&folder).spawn(|()| std::env::current_dir().unwrap(), ()).unwrap();
    assert_eq!(child.result().unwrap().canonicalize().unwrap(), folder.canonicalize().unwrap());
    let error = Process::builder().current_dir(scratch.file("none")).spawn(|()| (), ()).unwrap_err();
    assert!(matches!(error, SpawnError::Os { .. }), "{error}");
}

#[test]
fn builder_name_sets_current_name_and_comm() {
    let _watchdog = Watchdog::start(60);
    let look = |()| {
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        (process::current_name().to_owned(), comm.trim_end().to_owned())
    };
    let child = Process::builder().name("a rather long näme").spawn(look, ()).unwrap();
    assert_eq!(child.name(), "a rather long näme");
    let (name, comm) = child.result().unwrap();
    assert_eq!((&*name, &*comm), ("a rather long näme", "a rather long n"));
    assert_eq!(process::current_name(), "MainProcess");
}

#[test]
fn child_args_equal_parent_args() {
    let _watchdog = Watchdog::start(60);
    let child = Process::spawn(|()| std::env::args().collect::<Vec<_>>(), ()).unwrap();
    assert_eq!(child.result().unwrap(), std::env::args().collect::<Vec<_>>());
}

#[test]
fn spawn_without_constructor_returns_no_entry() {
    let _watchdog = Watchdog::start(60);
    // As if the constructor had not run: the word is still there.
    let attempt = |()| {
        // SAFETY: this process has one thread.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var("BREEZEWAY_CHILD", "somebody's")
        };
        matches!(Process::spawn(|()| (), ()), Err(SpawnError::NoEntry))
    };
    assert!(Process::spawn(attempt, ()).unwrap().result().unwrap());
}

/// This program, started with a word that no parent stands behind.
fn started_with(word: &str) -> (Option<i32>, String, String) {
    let output = Command::new("/proc/self/exe")
        .args(["--exact", "--list", path_of(&builder_name_sets_current_name_and_comm)])
        .env("BREEZEWAY_CHILD", word)
        .output()
        .unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), out, error)
}

#[test]
fn stale_child_variable_fails_or_is_ignored() {
    let version = env!("CARGO_PKG_VERSION");
    let me = std::process::id();
    for word in [
        format!("{version} {me} 0 987654 1 1 0 987655 1 1"),
        format!("{version} {me} {me} 987654 1 1 0 987655 1 1"),
        // An open file, but another one than it says.
        format!("{version} {me} 0 0 1 1 0 1 1 1"),
    ] {
        let (code, out, error) = started_with(&word);
        assert_eq!((code, &*out), (Some(1), ""), "`main` does not run");
        assert!(error.contains("found no beginning"), "{error:?}");
    }
    // Another version's: not this constructor's business.
    let (code, out, _) = started_with("99.0.0 1 2 3");
    assert!(code == Some(0) && out.contains("builder_name_sets_current_name_and_comm"), "{out:?}");
}

#[test]
fn error_display_texts() {
    let error = TaskError::WorkerDied { signal: 9 };
    assert_eq!(error.to_string(), "the process was killed by signal 9");
    assert!(SpawnError::DaemonicParent.to_string().contains("daemon(true)"));
}
