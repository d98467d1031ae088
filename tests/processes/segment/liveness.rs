//! A process that lives is never taken for dead: whatever becomes of its descriptors, however it forks, and on whatever file
//! system the segment lies. And one that is stopped while it opens a segment keeps no other from the care for the dead.
#![allow(clippy::multiple_unsafe_ops_per_block)]
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, Segment, Value};
use support::fork::fork;
use support::process::until;
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

const SHORT: Duration = Duration::from_millis(400);

fn is_root() -> bool {
    // SAFETY: no arguments.
    unsafe { libc::geteuid() == 0 }
}

/// A queue with one message, which a child takes by a lease and keeps.
fn leased(verb: &str, name: &Name) -> (Queue<u64>, Role) {
    let queue = Queue::<u64>::create(name, 8).unwrap();
    queue.push(7).unwrap();
    let mut holder = Role::spawn(holder_role, &[verb, name]);
    assert_eq!(holder.hear(), "ready");
    (queue, holder)
}

fn assert_holder_lives(queue: &Queue<u64>) {
    assert_eq!(queue.pop_timeout(SHORT), Err(PopError::Timeout));
    let all = queue.segment().participants().unwrap();
    assert!(all.len() == 2 && all.iter().all(|one| one.alive), "{all:?}");
    assert_eq!(queue.segment().reap().unwrap(), 0);
}

fn close_descriptors() {
    // SAFETY: to whom the descriptors belong is told by nobody: that is the case.
    assert_eq!(unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) }, 0);
}

#[test]
fn holder_role() {
    let Some(arguments) = role() else { return };
    let queue = Queue::<u64>::open(&arguments[1]).unwrap();
    let lease = queue.lease().unwrap();
    match &*arguments[0] {
        "close" => close_descriptors(),
        "fork barely" => {
            // Without the handlers of the C library: the child drops copies of everything.
            let value = Value::create(&format!("{}-value", arguments[1]), 1_u8).unwrap();
            // SAFETY: the child drops what it has copies of, and ends.
            let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
            if child == 0 {
                drop(lease);
                drop((queue, value));
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) };
            }
            let mut status = 1;
            // SAFETY: `status` is a local.
            assert_eq!(i64::from(unsafe { libc::waitpid(child as i32, &mut status, 0) }), child);
            assert_eq!(status, 0);
            assert!(value.segment().is_linked(), "the child is not the creator");
            say("ready");
            listen();
            return;
        }
        "fork with few descriptors" => {
            let few = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
            // SAFETY: `few` is a local.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &few) }, 0);
            fork(|| {
                let taken = queue.lease_timeout(SHORT).map(|lease| *lease);
                assert_eq!(taken, Err(PopError::NotAttached), "it cannot prove that it is another process");
            })
            .join();
        }
        _ => unreachable!("{arguments:?}"),
    }
    say("ready");
    listen();
    lease.ack().unwrap();
    say("acknowledged");
}

#[test]
fn closing_all_descriptors_costs_the_holder_nothing() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("closefrom");
    let (queue, mut holder) = leased("close", &name);
    assert_holder_lives(&queue);
    holder.tell("go on");
    assert_eq!(holder.hear(), "acknowledged");
    assert!(holder.join().success());
    assert_eq!(queue.try_pop(), Err(PopError::Empty));

    let name = Name::new("closefrom-killed");
    let (queue, holder) = leased("close", &name);
    holder.kill();
    assert!(queue.lease().unwrap().redelivered());
}

#[test]
fn fork_without_handlers_gives_nothing_back() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("bare-fork");
    let (queue, holder) = leased("fork barely", &name);
    assert_holder_lives(&queue);
    holder.kill();
    assert!(queue.lease().unwrap().redelivered());
    let _ = Segment::remove(&format!("{}-value", &*name));
}

#[test]
fn fork_with_few_descriptors_robs_no_parent() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("few");
    let (queue, mut holder) = leased("fork with few descriptors", &name);
    assert_holder_lives(&queue);
    holder.tell("go on");
    assert_eq!(holder.hear(), "acknowledged");
}

/// Its descriptor's number belongs to other files by the time it asks who lives.
#[test]
fn reused_descriptor_numbers_answer_for_no_peer() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("reused");
    let queue = Queue::<u64>::create(&name, 8).unwrap();
    queue.push(7).unwrap();
    let lease = queue.lease().unwrap();
    let mut careless = Role::spawn(careless_role, &[&name]);
    assert_eq!(careless.hear(), "[Err(Timeout), Err(Timeout), Err(Timeout)]");
    lease.ack().unwrap();
    let all = queue.segment().participants().unwrap();
    assert!(all.len() == 2 && all.iter().all(|one| one.alive), "{all:?}");
    careless.kill();
}

#[test]
fn careless_role() {
    let Some(arguments) = role() else { return };
    let queue = Queue::<u64>::open(&arguments[0]).unwrap();
    close_descriptors();
    let files: Vec<File> = (0..10).map(|_| File::open("/dev/null").unwrap()).collect();
    let popped: Vec<_> = (0..3).map(|_| queue.pop_timeout(SHORT)).collect();
    say(&format!("{popped:?}"));
    listen();
    drop(files);
}

#[test]
fn thousand_named_values_need_one_descriptor_each() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("thousand");
    let mut child = Role::spawn(thousand_role, &[&name]);
    assert_eq!(child.hear(), "1000 values");
    assert!(child.join().success());
}

#[test]
fn thousand_role() {
    let Some(arguments) = role() else { return };
    let limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    // SAFETY: `limit` is a local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let values: Vec<_> =
        (0..1000_u64).map(|n| Value::create(&format!("{}-{n}", arguments[0]), n).unwrap()).collect();
    assert!(values.iter().zip(0..).all(|(value, n)| value.get() == n));
    say(&format!("{} values", values.len()));
}

/// On overlayfs a mapping refers to another file than the one that is locked.
#[test]
fn overlayfs_keeps_the_living_and_tells_the_dead() {
    let _watchdog = Watchdog::start(60);
    if !is_root() {
        eprintln!("not root: nothing can be mounted");
        return;
    }
    let mut child = Role::spawn(overlay_role, &[]);
    assert_eq!(child.hear(), "true");
    assert!(child.join().success());
}

#[test]
fn overlay_role() {
    let Some(_) = role() else { return };
    // SAFETY: all strings are NUL-terminated; the mounts are in a mount namespace of this process's own.
    let mounted = unsafe {
        let none = std::ptr::null();
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                none,
                libc::MS_REC | libc::MS_PRIVATE,
                none.cast(),
            ) == 0
            && libc::mount(c"tmpfs".as_ptr(), c"/mnt".as_ptr(), c"tmpfs".as_ptr(), 0, none.cast()) == 0
    };
    assert!(mounted, "root may mount");
    for folder in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir(format!("/mnt/{folder}")).unwrap();
    }
    let options = c"lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work";
    // SAFETY: as above.
    let overlaid = unsafe {
        libc::mount(
            c"overlay".as_ptr(),
            c"/mnt/merged".as_ptr(),
            c"overlay".as_ptr(),
            0,
            options.as_ptr().cast(),
        )
    };
    if overlaid != 0 {
        eprintln!("this kernel has no overlayfs");
        return say("true");
    }
    let segment = Segment::create_file("/mnt/merged/segment", 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>("queue", 4).unwrap();
    queue.push(7).unwrap();
    let is_leased = segment.add::<Value<u8>>("is leased", 0).unwrap();
    let child = fork(|| {
        let queue = Segment::open_file("/mnt/merged/segment").unwrap().get::<Queue<u64>>("queue").unwrap();
        let _lease = queue.lease().unwrap();
        is_leased.set(1).unwrap();
        std::thread::sleep(Duration::from_secs(60));
    });
    until(|| is_leased.get() == 1);
    let alive = || segment.participants().unwrap().iter().filter(|one| one.alive).count();
    assert_eq!((queue.pop_timeout(SHORT), alive()), (Err(PopError::Timeout), 2));
    // SAFETY: this process's own child.
    unsafe { libc::kill(child.pid() as i32, libc::SIGKILL) };
    say(&queue.lease().unwrap().redelivered().to_string());
}

/// Locks a byte of a segment's file, as a process that is stopped in the middle of something has it locked.
fn lock_byte(file: &File, kind: i32, byte: i64) {
    let mut record =
        libc::flock { l_type: kind as _, l_whence: libc::SEEK_SET as _, l_start: byte, l_len: 1, l_pid: 0 };
    // SAFETY: `record` is a local.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &mut record) }, 0);
}

fn file_of(name: &Name) -> File {
    File::options().read(true).write(true).open(name.path()).unwrap()
}

const CLAIMS: i64 = 0x2_0000;
const REGISTRATIONS: i64 = 0x3_0000;

/// One is stopped while it opens the segment, and one while it looks whether the id is vacant that the holder has got since.
#[test]
fn stopped_opener_delays_no_repair() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("reaper");
    let (queue, holder) = leased("close", &name);
    let file = file_of(&name);
    lock_byte(&file, libc::F_WRLCK, 0);
    lock_byte(&file, libc::F_WRLCK, REGISTRATIONS + 2);
    holder.kill();
    let lease = queue.lease().unwrap();
    assert!(lease.redelivered());
    lease.ack().unwrap();
    assert_eq!(queue.segment().participants().unwrap().len(), 1);
}

/// Others repair after the same participant, and its id has no next owner before the stopped process is done.
#[test]
fn stopped_repairer_keeps_the_id_and_delays_no_repair() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("claimed");
    let (queue, holder) = leased("close", &name);
    let file = file_of(&name);
    lock_byte(&file, libc::F_RDLCK, CLAIMS + 2);
    holder.kill();
    let lease = queue.lease().unwrap();
    assert!(lease.redelivered());
    drop(lease);
    assert_eq!(queue.segment().participants().unwrap().len(), 1, "the id is free");

    let next = || {
        let mut holder = Role::spawn(holder_role, &["close", &name]);
        assert_eq!(holder.hear(), "ready");
        let ids: Vec<_> = queue.segment().participants().unwrap().iter().map(|one| one.id).collect();
        holder.kill();
        ids
    };
    assert_eq!(next(), [1, 3], "and stays without an owner");
    assert_eq!(queue.segment().reap().unwrap(), 1);
    drop(file);
    // Not at once: a child that another test is spawning may have a copy of the descriptor.
    until(|| {
        let ids = next();
        assert_eq!(queue.segment().reap().unwrap(), 1);
        ids == [1, 2]
    });
}
