//! Processes that use a segment without being an ordinary participant of it: forked children,
//! children without permissions, and processes of another pid namespace.
#![allow(clippy::multiple_unsafe_ops_per_block)]
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::SeqCst;

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

/// Thread ids of two namespaces cannot be told apart, and locks know their holders by them.
#[test]
fn open_in_other_pid_namespace_is_refused() {
    let _watchdog = Watchdog::start(60);
    if !is_root() {
        eprintln!("not root: no namespace can be made");
        return;
    }
    let name = Name::new("namespace");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let child = Role::spawn(namespace_role, &[&name, "refused"]);
    assert!(child.join().success());
    drop(segment);

    // Alone, or among its like, it is welcome.
    let child = Role::spawn(namespace_role, &[&name, "alone"]);
    assert!(child.join().success());
}

#[test]
fn namespace_role() {
    let Some(arguments) = role() else { return };
    // SAFETY: no memory is passed; children made from here on live in a namespace of their own.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0, "root may make namespaces");
    fork(|| {
        // /proc is still the outer one, so the child knows its namespace only through the parent's link; mount its own.
        // SAFETY: both strings are NUL-terminated; the mount is in a mount namespace of the child's own.
        let mounted = unsafe {
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    c"none".as_ptr(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null(),
                ) == 0
                && libc::mount(c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr(), 0, std::ptr::null())
                    == 0
        };
        assert!(mounted, "root may mount");
        match arguments[1].as_str() {
            "refused" => {
                let refused = Segment::open(&arguments[0]).map(drop);
                assert!(matches!(refused, Err(SegmentError::ForeignNamespace { .. })), "{refused:?}");
            }
            _ => {
                let value = Value::create(&arguments[0], 1_u8).unwrap();
                assert_eq!(Value::<u8>::open(&arguments[0]).unwrap().get(), value.get());
            }
        }
    })
    .join();
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
