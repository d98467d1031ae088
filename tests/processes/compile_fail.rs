//! Code that must not compile, and the compiler's errors.

use std::process::Command;

/// Compilers word things differently: the snapshots are of this one. `TRYBUILD=overwrite` renews them.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn misuse_matches_compiler_error_snapshots() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    if version.stdout.starts_with(COMPILER.as_bytes()) {
        trybuild::TestCases::new().compile_fail("processes/compile_fail/*.rs");
    } else {
        eprintln!("not compared: the snapshots are of {COMPILER}*");
    }
}
