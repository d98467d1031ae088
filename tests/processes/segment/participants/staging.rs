//! Staging files of processes that died while they created a segment. The private name tells which
//! process it belongs to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use breezeway::{Segment, Value};
use support::scratch::{Name, Scratch};
use support::{Role, Watchdog, in_own_process, listen, role, say};

use super::SIZE;

/// Child: is there.
#[test]
fn bystander() {
    if role().is_some() {
        say("here");
        listen();
    }
}

/// The pid namespace that this and every child process is in.
fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").unwrap().ino()
}

/// When a process was started: the 22nd field of its status, behind its name in brackets.
fn start_of(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap().parse().unwrap()
}

/// A private name of a segment that a process is making.
fn private_name(pidns: u64, pid: u32, start: u64) -> String {
    format!(".breezeway-{pidns:x}-{pid}-{start:x}-0")
}

/// Puts what processes would leave in a folder, lets `make` make a segment there, and looks what has stayed.
fn sweep(folder: &Path, make: impl Fn()) {
    let _watchdog = Watchdog::start(60);
    let mut bystander = Role::spawn(self::bystander, &[]);
    assert_eq!(bystander.hear(), "here");
    let (here, alive) = (pid_namespace(), bystander.pid());
    let mut doomed = Role::spawn(self::bystander, &[]);
    assert_eq!(doomed.hear(), "here");
    let (dead, died) = (doomed.pid(), start_of(doomed.pid()));
    doomed.kill();

    let goes = [
        private_name(here, dead, died),
        private_name(here, dead, died).replace("-0", "-1f"),
        // The pid is in use again, by a later process.
        private_name(here, alive, start_of(alive) - 1),
    ];
    let stays = [
        private_name(here, alive, start_of(alive)),
        private_name(here, std::process::id(), start_of(std::process::id())).replace("-0", "-fffffff"),
        // Whose pids those are nobody here can know.
        private_name(here + 1, dead, died),
        // Somebody else's business.
        format!(".breezeway-{here:x}-{dead}"),
        format!(".breezeway-{here:x}-nobody{}-{died:x}-0", std::process::id()),
        format!("breezeway-{here:x}-{dead}-{died:x}-0"),
        // Another test run must not make these.
        format!(".breezeway-of-nobody-{}", std::process::id()),
    ];
    let leavings = Leavings(goes.iter().chain(&stays).map(|name| folder.join(name)).collect());
    leavings.0.iter().for_each(|path| fs::write(path, "unfinished").unwrap());
    make();
    for (name, is_there) in goes.iter().map(|name| (name, false)).chain(stays.iter().map(|name| (name, true)))
    {
        assert_eq!(folder.join(name).exists(), is_there, "{name}");
    }
}

/// Files to be gone at the end.
struct Leavings(Vec<std::path::PathBuf>);

impl Drop for Leavings {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

#[test]
fn create_sweeps_staging_of_dead_processes() {
    // A process sweeps a folder once.
    if !in_own_process(create_sweeps_staging_of_dead_processes) {
        return;
    }
    let name = Name::new("sweep");
    sweep(Path::new("/dev/shm"), || drop(Segment::create(&name, SIZE).unwrap()));
}

#[test]
fn open_or_create_object_sweeps_staging_of_dead() {
    // A process sweeps a folder once.
    if !in_own_process(open_or_create_object_sweeps_staging_of_dead) {
        return;
    }
    let name = Name::new("sweep");
    sweep(Path::new("/dev/shm"), || drop(Value::<u64>::open_or_create(&name, 1).unwrap()));
}

#[test]
fn create_file_sweeps_staging_of_dead_in_its_folder() {
    // A process sweeps a folder once.
    if !in_own_process(create_file_sweeps_staging_of_dead_in_its_folder) {
        return;
    }
    let scratch = Scratch::new("sweep");
    sweep(&scratch.file(""), || drop(Segment::create_file(scratch.file("segment"), SIZE).unwrap()));
}

#[test]
fn create_file_leaves_no_staging_file() {
    let scratch = Scratch::new("tidy");
    Segment::create_file(scratch.file("segment"), SIZE).unwrap();
    assert!(Segment::create_file(scratch.file("segment"), SIZE).is_err());
    assert!(Segment::create_file(scratch.file("too long for there is no such space"), 1 << 62).is_err());
    let left: Vec<_> =
        fs::read_dir(scratch.file("")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["segment"]);
}

#[test]
fn create_file_sweeps_a_folder_once() {
    if !in_own_process(create_file_sweeps_a_folder_once) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("once");
    let mut doomed = Role::spawn(bystander, &[]);
    assert_eq!(doomed.hear(), "here");
    let orphan = scratch.file(&private_name(pid_namespace(), doomed.pid(), start_of(doomed.pid())));
    doomed.kill();
    let create = |name| Segment::create_file(scratch.file(name), SIZE).unwrap();
    for name in ["first", "second"] {
        fs::write(&orphan, "unfinished").unwrap();
        create(name);
        assert_eq!(orphan.exists(), name == "second", "after the {name} segment");
    }
    support::fork::fork(|| drop(create("third"))).join();
    assert!(!orphan.exists(), "a forked child is a process of its own");
}

#[test]
fn create_leaves_another_users_staging_file() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("passed by: only root can give a file away");
        return;
    }
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("theirs");
    let mut doomed = Role::spawn(bystander, &[]);
    assert_eq!(doomed.hear(), "here");
    let orphan = scratch.file(&private_name(pid_namespace(), doomed.pid(), start_of(doomed.pid())));
    doomed.kill();
    fs::write(&orphan, "unfinished").unwrap();
    std::os::unix::fs::chown(&orphan, Some(65_534), Some(65_534)).unwrap();
    Segment::create_file(scratch.file("segment"), SIZE).unwrap();
    assert!(orphan.exists());
}
