//! A closed `Queue` while another process has a lease of it.

use std::time::{Duration, Instant};

use breezeway::PopError;
use breezeway::queue::Queue;
use support::sandbox::refuse_call;
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["lease", name] => {
            let queue = Queue::<u64>::open(name).unwrap();
            let lease = queue.lease().unwrap();
            say("leased");
            listen();
            lease.ack().unwrap();
        }
        ["pop without membarrier", name] => pop_without_membarrier(name),
        _ => unreachable!("{arguments:?}"),
    }
}

/// The system refuses the heavy barrier, in place of which a consumer of a closed queue pauses: once,
/// and not at each look. So its timeouts hold.
fn pop_without_membarrier(name: &str) {
    refuse_call(libc::SYS_membarrier, libc::EPERM);
    let queue = Queue::<u64>::open(name).unwrap();
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(queue.pop_timeout(Duration::from_millis(10)), Err(PopError::Timeout));
            start.elapsed()
        })
        .collect();
    times.sort();
    // A pause at each look would be 400 ms.
    assert!(times[0] >= Duration::from_millis(10) && times[0] < Duration::from_millis(100), "{times:?}");
    say("timed out");
    assert_eq!(queue.pop(), Err(PopError::Closed));
    say("closed");
}

#[test]
fn pop_timeout_on_closed_queue_without_membarrier_ends_in_time() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("queue-closed-leased");
    let queue = Queue::<u64>::create(&name, 4).unwrap();
    queue.push(1).unwrap();
    let mut holder = Role::spawn(in_a_child, &["lease", &name]);
    assert_eq!(holder.hear(), "leased");
    queue.close();
    let mut popper = Role::spawn(in_a_child, &["pop without membarrier", &name]);
    assert_eq!(popper.hear(), "timed out");
    holder.tell("acknowledge");
    assert_eq!(popper.hear(), "closed");
    assert!(popper.join().success() && holder.join().success());
}
