//! The cost of starting a process that calls a function, beside that of starting this same program.

use std::process::Command;

use breezeway::process::Process;
use breezeway_bench::report::{self, Bound::AtMost, Promise};
use breezeway_bench::runner::Entry;

/// The argument with which this program ends at once.
const END: &str = "end-at-once";

const BARE: &str = "this program, which ends at once";
const OURS: &str = "Process::spawn and join";

const PROMISES: [Promise; 1] =
    [Promise { what: "Process, to the bare program", of: OURS, to: &[BARE], bound: AtMost(1.5) }];

fn main() {
    if std::env::args().nth(1).is_some_and(|argument| argument == END) {
        return;
    }
    let bare = || assert!(Command::new("/proc/self/exe").arg(END).status().expect("a process").success());
    let ours = || assert_eq!(Process::spawn(|()| (), ()).expect("a process").join().expect("its end"), 0);
    let mut entries = [Entry::looped(BARE, bare), Entry::looped(OURS, ours)];
    if report::run(&mut entries) {
        report::print(&entries);
        report::print_promises(&entries, &PROMISES);
    }
}
