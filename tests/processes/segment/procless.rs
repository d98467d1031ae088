//! Processes that see no `/proc`, or that of a pid namespace in which they are not.
#![allow(clippy::multiple_unsafe_ops_per_block)]
#![allow(unsafe_code)]

use std::path::Path;
use std::ptr::null;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::sync::Mutex;
use breezeway::{Atomic, Segment, SegmentError, Value};
use support::fork::{Forked, fork};
use support::process::until;
use support::scratch::{Name, Scratch};
use support::{Role, Watchdog, role, say};

const SIZE: u64 = 1 << 16;

/// Longer than any wait here takes. A watchdog bounds the whole.
const LONG: Duration = Duration::from_secs(60);

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn use_everything(proc: &str) {
    if !is_root() {
        eprintln!("not root: nothing can be mounted");
        return;
    }
    let _watchdog = Watchdog::start(60);
    let (theirs, own, scratch) = (Name::new("procless"), Name::new("procless-own"), Scratch::new("procless"));
    let segment = Segment::create(&theirs, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let file = scratch.file("segment");
    let mut child = Role::spawn(procless_role, &[proc, &theirs, &own, file.to_str().unwrap()]);
    assert_eq!(child.hear(), "done");
    assert!(child.join().success());
    assert_eq!(value.get(), 2);
}

#[test]
fn open_and_create_without_proc() {
    use_everything("none");
}

#[test]
fn open_and_create_with_proc_of_other_pid_namespace() {
    use_everything("foreign");
}

/// Mounts something at `/proc`, in a mount namespace of this process's own.
fn mount_at_proc(kind: &std::ffi::CStr) {
    // SAFETY: all strings are NUL-terminated.
    let mounted = unsafe { libc::mount(kind.as_ptr(), c"/proc".as_ptr(), kind.as_ptr(), 0, null()) };
    assert_eq!(mounted, 0, "root may mount");
}

fn leave_mount_namespace() {
    // SAFETY: all strings are NUL-terminated.
    let is_alone = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(c"none".as_ptr(), c"/".as_ptr(), null(), libc::MS_REC | libc::MS_PRIVATE, null())
                == 0
    };
    assert!(is_alone, "root may make namespaces");
}

/// The first process of another pid namespace, whose `/proc` it mounts for this process, too.
fn mount_foreign_proc(is_mounted: &Atomic<bool>) -> Forked {
    // SAFETY: no memory is passed; children made from here on live in a namespace of their own.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0, "root may make namespaces");
    let first = fork(|| {
        mount_at_proc(c"proc");
        is_mounted.store(true, SeqCst);
        std::thread::sleep(LONG);
    });
    until(|| is_mounted.load(SeqCst));
    first
}

fn kill(child: &Forked) {
    // SAFETY: this process's own child; `status` is not asked for.
    unsafe {
        libc::kill(child.pid() as i32, libc::SIGKILL);
        libc::waitpid(child.pid() as i32, std::ptr::null_mut(), 0);
    }
}

#[test]
fn procless_role() {
    let Some(arguments) = role() else { return };
    let [proc, theirs, own, file] = &arguments[..] else { unreachable!("{arguments:?}") };
    let is_mounted = Atomic::new(false).unwrap();
    leave_mount_namespace();
    let first = match &**proc {
        "none" => {
            mount_at_proc(c"tmpfs");
            None
        }
        _ => Some(mount_foreign_proc(&is_mounted)),
    };
    assert!(Path::new("/proc/self/fd").metadata().is_err());

    Segment::create_file(file, SIZE).unwrap().add::<Value<u8>>("value", 3).unwrap();
    assert_eq!(Segment::open_file(file).unwrap().get::<Value<u8>>("value").unwrap().get(), 3);
    let segment = Segment::create(own, SIZE).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let jobs = segment.add::<Queue<u64>>("jobs", 4).unwrap();
    let is_held = segment.add::<Atomic<bool>>("is held", false).unwrap();
    jobs.push(7).unwrap();
    let holder = fork(|| {
        let _held = (mutex.lock().unwrap(), jobs.lease().unwrap());
        is_held.store(true, SeqCst);
        std::thread::sleep(LONG);
    });
    until(|| is_held.load(SeqCst));
    assert_eq!(segment.participants().unwrap().iter().filter(|one| one.alive).count(), 2);
    kill(&holder);
    assert!(mutex.lock_timeout(LONG).unwrap().recovered());
    assert!(jobs.lease_timeout(LONG).unwrap().redelivered());

    // What has no name cannot be opened once more.
    match Segment::new(SIZE) {
        Err(SegmentError::Os { source, .. }) => assert!(source.to_string().contains("/proc"), "{source}"),
        other => panic!("{other:?}"),
    }
    if let Some(first) = first {
        kill(&first);
    }
    let value = Segment::open(theirs).unwrap().get::<Value<u64>>("value").unwrap();
    value.set(2).unwrap();
    say("done");
}
