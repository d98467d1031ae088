//! Waiting for several pipes at once, in one process.

use std::io::Write;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use breezeway::pipe::{self, Receiver, Sender, Waitable, wait};
use support::Watchdog;
use support::numbered::message;
use support::waiting::ticks_of;

use super::SOON;

/// So many pipes.
fn pipes(count: usize) -> (Vec<Sender<u8>>, Vec<Receiver<u8>>) {
    (0..count).map(|_| pipe::builder().capacity(64).simplex().unwrap()).unzip()
}

fn all(many: &mut [Receiver<u8>]) -> Vec<&mut dyn Waitable> {
    many.iter_mut().map(|one| one as &mut dyn Waitable).collect()
}

#[test]
fn wait_returns_indices_of_ready_pipes() {
    let (mut tx, mut rx) = pipes(4);
    assert!(wait(&mut all(&mut rx), Duration::ZERO).is_empty());
    tx[2].send(7).unwrap();
    tx[0].send(8).unwrap();
    assert_eq!(wait(&mut all(&mut rx), None), [0, 2]);
    // Until it has been received.
    assert_eq!(wait(&mut all(&mut rx), SOON), [0, 2]);
    assert_eq!((rx[2].recv().unwrap(), rx[0].recv().unwrap()), (7, 8));
    assert!(wait(&mut all(&mut rx), Duration::ZERO).is_empty());
    drop(tx.remove(3));
    assert_eq!(wait(&mut all(&mut rx), None), [3]);
    rx[1].close();
    assert_eq!(wait(&mut all(&mut rx), None), [1, 3]);
}

#[test]
fn wait_ignores_partial_message() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = pipes(2);
    tx[1].send_bytes_timeout(&message(500, 1), Duration::ZERO).unwrap_err();
    assert!(wait(&mut all(&mut rx), SOON).is_empty());
    let sender = std::thread::spawn(move || {
        tx[1].send_bytes(&message(500, 2)).unwrap();
        tx
    });
    assert_eq!(wait(&mut all(&mut rx), None), [1]);
    // All of it is there: nothing is waited for any more.
    assert_eq!(rx[1].try_recv_bytes().unwrap(), message(500, 2));
    drop(sender.join().unwrap());
}

#[test]
fn wait_timeout_elapses_when_nothing_is_ready() {
    let (_tx, mut rx) = pipes(3);
    let (file, _writer) = std::io::pipe().unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(2), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert!(wait(&mut all(&mut rx), timeout).is_empty());
        assert!(wait(&mut [&mut file.as_fd()], timeout).is_empty());
        assert!(wait(&mut [&mut file.as_fd(), &mut rx[0]], timeout).is_empty());
        assert!(wait(&mut [], timeout).is_empty());
        assert!(begin.elapsed() >= timeout * 4);
    }
}

/// Runs `wait` in a thread, and comes back when that one sleeps, in whatever.
fn asleep<T: Send + 'static>(
    wait: impl FnOnce() -> T + Send + 'static,
) -> (std::thread::JoinHandle<T>, String) {
    let (tell, hear) = std::sync::mpsc::channel();
    let handle = std::thread::spawn(move || {
        tell.send(rustix::thread::gettid().as_raw_nonzero().to_string()).unwrap();
        wait()
    });
    let thread = hear.recv().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
    while state().starts_with("running") {
        std::thread::yield_now();
    }
    (handle, thread)
}

#[test]
fn wait_woken_by_any_of_many_pipes() {
    let _watchdog = Watchdog::start(60);
    // More than the kernel takes at a time.
    for count in [1, 3, 140] {
        for which in [0, count / 2, count - 1] {
            let (mut tx, mut rx) = pipes(count);
            let (waiter, _) = asleep(move || wait(&mut all(&mut rx), None));
            tx[which].send(1).unwrap();
            assert_eq!(waiter.join().unwrap(), [which]);
        }
    }
}

#[test]
fn wait_blocked_uses_little_cpu() {
    let _watchdog = Watchdog::start(60);
    for with_a_file in [false, true] {
        let (mut tx, mut rx) = pipes(5);
        let (file, _writer) = std::io::pipe().unwrap();
        let (waiter, thread) = asleep(move || {
            let mut many = all(&mut rx);
            let mut file = file.as_fd();
            if with_a_file {
                many.push(&mut file);
            }
            wait(&mut many, None)
        });
        let before = ticks_of(&thread);
        std::thread::sleep(Duration::from_millis(500));
        assert!(ticks_of(&thread) - before <= 10, "a fifth of the time at most");
        tx[4].send(1).unwrap();
        assert_eq!(waiter.join().unwrap(), [4]);
    }
}

#[test]
fn wait_for_file_descriptors_beside_pipes() {
    let _watchdog = Watchdog::start(60);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (_tx, mut rx) = pipes(1);
    assert!(wait(&mut [&mut reader.as_fd(), &mut rx[0]], SOON).is_empty());
    writer.write_all(b"x").unwrap();
    assert_eq!(wait(&mut [&mut rx[0], &mut reader.as_fd()], None), [1]);
    let mut reader = reader;
    assert_eq!(wait(&mut [&mut reader], None), [0]);
}
