//! Creating segments where the process may not do everything: limits of files and of memory, system calls that a sandbox
//! refuses, closed standard descriptors.

#![allow(unsafe_code)]

use std::fs;
use std::path::Path;

use breezeway::queue::Queue;
use breezeway::{Array, Segment, SegmentError, Value};
use rustix::process::{Resource, Rlimit, setrlimit};
use support::scratch::{Name, Scratch, stages_of};
use support::{Role, Watchdog, in_own_process, listen, role, say};

const MIB: u64 = 1 << 20;

#[test]
fn create_beyond_file_size_limit_returns_os_error() {
    if !in_own_process(create_beyond_file_size_limit_returns_os_error) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let (name, scratch) = (Name::new("fsize"), Scratch::new("fsize"));
    setrlimit(Resource::Fsize, Rlimit { current: Some(MIB), maximum: Some(MIB) }).unwrap();
    let path = scratch.file("segment");
    for made in [Segment::create(&name, 4 * MIB), Segment::create_file(&path, 4 * MIB), Segment::new(4 * MIB)]
    {
        let Err(SegmentError::Os { source, .. }) = made else { panic!("{made:?}") };
        assert_eq!(source.raw_os_error(), Some(libc::EFBIG));
    }
    assert!(!name.is_taken() && stages_of(&[std::process::id()]).is_empty());
    assert_eq!(fs::read_dir(scratch.file("")).unwrap().count(), 0);
    // What the limit allows works.
    Segment::create(&name, MIB).unwrap();
}

/// A memory cgroup of its own. Dropped, it is gone, once its processes are.
struct MemoryGroup {
    path: std::path::PathBuf,
}

impl MemoryGroup {
    /// `None` without the rights.
    fn new(limit: u64) -> Option<Self> {
        let is_v1 = Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists();
        let (root, file) = if is_v1 {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            ("/sys/fs/cgroup", "memory.max")
        };
        let path = Path::new(root).join(support::unique("memory"));
        fs::create_dir(&path).ok()?;
        let group = Self { path };
        fs::write(group.path.join(file), limit.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// Child: creates segments that are larger than its memory cgroup.
#[test]
fn member_of_memory_group() {
    let Some(arguments) = role() else { return };
    if fs::write(Path::new(&arguments[0]).join("cgroup.procs"), "0").is_err() {
        return say("no rights");
    }
    let refused = [
        Array::<u8>::new(512 << 20).map(drop),
        Segment::create(&arguments[1], 512 * MIB).map(drop),
        Segment::create_file(format!("/dev/shm/{}", arguments[1]), 512 * MIB).map(drop),
    ];
    for made in refused {
        assert!(matches!(made, Err(SegmentError::NoSpace { needed }) if needed >= 512 * MIB), "{made:?}");
    }
    Segment::create(&arguments[1], 32 * MIB).unwrap();
    say("done");
}

#[test]
fn create_beyond_memory_cgroup_returns_no_space() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("cgroup");
    let Some(group) = MemoryGroup::new(128 * MIB) else {
        return eprintln!("passed by: no memory cgroup can be made here");
    };
    let mut member = Role::spawn(member_of_memory_group, &[group.path.to_str().unwrap(), &name]);
    match &*member.hear() {
        "no rights" => eprintln!("passed by: no process can join a cgroup here"),
        said => assert_eq!(said, "done"),
    }
    assert!(member.join().success());
}

/// Has a system call fail with this error from now on, in all threads that this one starts; `false` without the rights.
fn forbid(call: libc::c_long, error: i32) -> bool {
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | error as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program lives through the call.
    unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0 }
}

/// Child: reads a handle and changes its value.
#[cfg(feature = "serde")]
#[test]
fn receiver() {
    let Some(arguments) = role() else { return };
    let value: Value<u64> = serde_json::from_str(&arguments[0]).unwrap();
    value.set(value.get() + 1).unwrap();
    say("done");
    listen();
}

#[test]
fn create_anonymous_without_memfd_create_works() {
    if !in_own_process(create_anonymous_without_memfd_create_works) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    for error in [libc::EPERM, libc::ENOSYS] {
        if !forbid(libc::SYS_memfd_create, error) {
            return eprintln!("passed by: no system call can be forbidden here");
        }
        let queue = Queue::<u64>::new(4).unwrap();
        queue.push(1).unwrap();
        assert_eq!(queue.pop().unwrap(), 1);
        assert_eq!(stages_of(&[std::process::id()]), [""; 0]);
        #[cfg(feature = "serde")]
        {
            let value = Value::<u64>::new(7).unwrap();
            let mut child = Role::spawn(receiver, &[&serde_json::to_string(&value).unwrap()]);
            assert_eq!(child.hear(), "done");
            assert_eq!(value.get(), 8);
        }
    }
}

#[test]
fn wait_without_membarrier_works() {
    if !in_own_process(wait_without_membarrier_works) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    if !forbid(libc::SYS_membarrier, libc::EPERM) {
        return eprintln!("passed by: no system call can be forbidden here");
    }
    let queue = Queue::<u64>::new(4).unwrap();
    std::thread::scope(|scope| {
        let popper = scope.spawn(|| queue.pop());
        std::thread::sleep(std::time::Duration::from_millis(50));
        queue.push(1).unwrap();
        assert_eq!(popper.join().unwrap(), Ok(1));
    });
}

#[cfg(feature = "process")]
#[test]
fn spawn_without_pidfd_open_fails_naming_the_call() {
    use breezeway::process::Process;
    use std::error::Error;
    if !in_own_process(spawn_without_pidfd_open_fails_naming_the_call) {
        return;
    }
    let _watchdog = Watchdog::start(60);
    if !forbid(libc::SYS_pidfd_open, libc::EPERM) {
        return eprintln!("passed by: no system call can be forbidden here");
    }
    let error = Process::spawn(|()| 7, ()).map(drop).unwrap_err();
    assert!(error.to_string().contains("pidfd_open") && error.source().is_some(), "{error:?}");
    Queue::<u64>::new(4).unwrap().push(1).unwrap();
}

fn close_standard_descriptors() {
    for fd in 0..3 {
        // SAFETY: a later read or write of the descriptor is an error, and nothing else.
        unsafe { libc::close(fd) };
    }
}

/// Whether something is open at one of the descriptors 0 to 2.
fn has_standard_descriptors() -> bool {
    // SAFETY: takes numbers.
    (0..3).any(|fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0)
}

#[cfg(feature = "process")]
fn make_value_and_print(name: String) -> u64 {
    let value = Value::create(&name, 7u64).unwrap();
    value.segment().persist(true);
    println!("hello");
    eprintln!("hello");
    value.get()
}

/// Child: works without standard descriptors, and tells by its exit code.
#[test]
fn closed_standard_descriptors() {
    let Some(arguments) = role() else { return };
    close_standard_descriptors();
    let works = std::panic::catch_unwind(|| {
        let scratch = Scratch::new("closed");
        let named = Value::create(&arguments[0], 1u64).unwrap();
        let again = Value::<u64>::open(&arguments[0]).unwrap();
        let file = Segment::create_file(scratch.file("segment"), MIB).unwrap();
        let queue = Queue::<u64>::new(4).unwrap();
        #[cfg(feature = "serde")]
        let _received: Queue<u64> = serde_json::from_str(&serde_json::to_string(&queue).unwrap()).unwrap();
        assert!(!has_standard_descriptors());
        println!("this goes nowhere");
        assert_eq!((again.get(), file.objects().unwrap().len(), queue.len()), (1, 0, 0));
        drop(named);
        #[cfg(feature = "process")]
        {
            let name = &arguments[1];
            let child = breezeway::process::Process::spawn(make_value_and_print, name.clone()).unwrap();
            assert!(!has_standard_descriptors());
            assert_eq!(child.result().unwrap(), 7);
            assert_eq!(Value::<u64>::open(name).unwrap().get(), 7);
        }
    });
    std::process::exit(if works.is_ok() { 0 } else { 3 });
}

#[test]
fn create_and_open_leave_standard_descriptors_closed() {
    let _watchdog = Watchdog::start(60);
    let (name, childs) = (Name::new("closed"), Name::new("closed"));
    assert_eq!(Role::spawn(closed_standard_descriptors, &[&name, &childs]).join().code(), Some(0));
}
