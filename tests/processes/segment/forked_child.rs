//! Processes that use a segment without being an ordinary participant of it: forked children,
//! children without permissions, and processes of another pid namespace.
#![allow(clippy::multiple_unsafe_ops_per_block)]
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, LockError, Segment, SegmentError, Value};
use support::fork::fork;
use support::process::until;
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    // SAFETY: no arguments.
    unsafe { libc::geteuid() == 0 }
}

/// The classic daemon: the creator forks and is gone; the child uses the segment, so far only by reading.
#[test]
fn forked_child_reading_only_keeps_segment_from_stale() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("daemon");
    let mut creator = Role::spawn(daemon_role, &[&name]);
    assert_eq!(creator.hear(), "forked");
    let daemon: u32 = creator.hear().parse().unwrap();
    // The role's process is gone, killed, before anybody looks.
    creator.kill();

    let value = Value::<u64>::open(&name).unwrap();
    assert_eq!(value.get(), 7);
    assert!(!Value::open_or_create(&name, 8_u64).unwrap().segment().was_created());
    drop(value);

    // SAFETY: a process that this test's own made.
    unsafe { libc::kill(daemon as i32, libc::SIGKILL) };
    until(|| matches!(Value::<u64>::open(&name), Err(SegmentError::Stale { .. })));
}

#[test]
fn daemon_role() {
    let Some(arguments) = role() else { return };
    let value = Value::create(&arguments[0], 7_u64).unwrap();
    let daemon = fork(|| {
        while value.get() == 7 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    say("forked");
    say(&daemon.pid().to_string());
    listen();
}

/// Such a child has no proof of life of its own, so it must not take a lock to change anything.
#[test]
fn forked_child_without_permission_returns_not_attached() {
    let _watchdog = Watchdog::start(60);
    if !is_root() {
        eprintln!("not root: there is no right to lose");
        return;
    }
    let name = Name::new("rights");
    let value = Value::create(&name, 7_u64).unwrap();
    let mut child = Role::spawn(rights_role, &[&name]);
    assert_eq!(child.hear(), "seen");
    assert!(child.join().success());
    assert_eq!(value.get(), 8);
    assert_eq!(value.segment().participants().unwrap().iter().filter(|one| one.alive).count(), 1);
}

#[test]
fn rights_role() {
    let Some(arguments) = role() else { return };
    let value = Value::<u64>::open(&arguments[0]).unwrap();
    let array = Array::<[u64; 4]>::new([[1; 4], [2; 4]]).unwrap();
    // SAFETY: no memory is passed; the whole process changes its user.
    assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
    fork(|| {
        assert_eq!(value.set(9), Err(LockError::NotAttached));
        assert!(matches!(value.lock(), Err(LockError::NotAttached)));
        assert!(value.segment().participant_id().is_err());
        assert_eq!(value.get(), 7);
        assert_eq!(array.get(1), Some([2; 4]));
        assert_eq!(array.to_vec(), [[1; 4], [2; 4]]);
    })
    .join();
    value.set(8).unwrap();
    say("seen");
}

/// Two containers, as far as the kernel knows them: both processes have pid 1 in a pid namespace of their own. One holds a
/// lock and a lease; while it lives it keeps them, and once it is killed the other has them.
#[test]
fn processes_of_two_pid_namespaces_share_everything() {
    let _watchdog = Watchdog::start(60);
    if !is_root() {
        eprintln!("not root: no namespace can be made");
        return;
    }
    let name = Name::new("namespaces");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let jobs = segment.add::<Queue<u32>>("jobs", 4).unwrap();
    jobs.push(7).unwrap();

    let mut holder = Role::spawn(namespace_role, &[&name, "holder"]);
    // The child and its parent say something each, in any order.
    let (first, second) = (holder.hear(), holder.hear());
    let pid = if first == "1 holds" { second } else { first }.parse::<i32>().unwrap();
    let mut other = Role::spawn(namespace_role, &[&name, "other"]);
    assert_eq!(other.hear(), "1 waits");
    // This process is of a third namespace.
    assert!(matches!(mutex.lock_timeout(Duration::from_millis(300)), Err(LockError::Timeout)));
    assert_eq!(segment.participants().unwrap().iter().filter(|one| one.alive).count(), 3);

    // SAFETY: the role's own child, by its pid in this namespace.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    assert_eq!(other.hear(), "recovered true, redelivered 7 true");
    assert!(other.join().success());
    holder.kill();
}

#[test]
fn namespace_role() {
    let Some(arguments) = role() else { return };
    let name = arguments[0].clone();
    let is_holder = arguments[1] == "holder";
    // SAFETY: no memory is passed; children made from here on live in a namespace of their own.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0, "root may make namespaces");
    let child = fork(|| {
        // The holder sees the outer namespace's /proc, the other one its own.
        if !is_holder {
            mount_proc();
        }
        let segment = Segment::open(&name).unwrap();
        let mutex = segment.get::<Mutex>("mutex").unwrap();
        let jobs = segment.get::<Queue<u32>>("jobs").unwrap();
        if is_holder {
            let _guard = mutex.lock().unwrap();
            let _lease = jobs.lease().unwrap();
            say(&format!("{} holds", std::process::id()));
            listen();
        } else {
            assert!(matches!(mutex.lock_timeout(Duration::from_millis(300)), Err(LockError::Timeout)));
            assert!(jobs.lease_timeout(Duration::from_millis(300)).is_err());
            say(&format!("{} waits", std::process::id()));
            let guard = mutex.lock().unwrap();
            let lease = jobs.lease().unwrap();
            let (recovered, redelivered) = (guard.recovered(), lease.redelivered());
            say(&format!("recovered {recovered}, redelivered {} {redelivered}", *lease));
            lease.ack().unwrap();
        }
    });
    if is_holder {
        say(&child.pid().to_string());
        listen();
    }
    child.join();
}

/// Mounts a /proc of this process's pid namespace, in a mount namespace of its own.
fn mount_proc() {
    // SAFETY: all strings are NUL-terminated.
    let mounted = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                std::ptr::null(),
                libc::MS_REC | libc::MS_PRIVATE,
                std::ptr::null(),
            ) == 0
            && libc::mount(c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr(), 0, std::ptr::null()) == 0
    };
    assert!(mounted, "root may mount");
}

/// The child locks by itself once the parent has unlocked, and only then drops its copy of the parent's guard.
#[test]
fn guard_copy_in_forked_child_does_not_unlock_childs_lock() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(copied_guard_role, &[]).join().success());
}

#[test]
fn copied_guard_role() {
    if role().is_none() {
        return;
    }
    let (mutex, stage) = (Mutex::new().unwrap(), Atomic::new(0_u32).unwrap());
    let guard = mutex.lock().unwrap();
    // In the parent, the guard goes with the closure that is not called.
    let child = fork(|| {
        let copy = guard;
        let own = mutex.lock().unwrap();
        drop(copy);
        stage.store(1, SeqCst);
        until(|| stage.load(SeqCst) == 2);
        drop(own);
    });
    until(|| stage.load(SeqCst) == 1);
    assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
    stage.store(2, SeqCst);
    child.join();
    assert!(!mutex.lock().unwrap().recovered());
}
