//! Systems without `futex_waitv`: an old kernel, or a sandbox.

#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

use breezeway::pipe;
use breezeway::queue::Queue;
use breezeway::sync::{Event, Mutex};
use support::executors::{Executor, LocalTask, Task};
use support::ledger::ReceiptLedger;
use support::polled::Polled;
use support::sandbox::refuse_call;
use support::{Role, Watchdog, role, say};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["wait", executor] => {
            assert!(has_futex_waitv(), "this system has the call");
            refuse_call(libc::SYS_futex_waitv, libc::ENOSYS);
            assert!(!has_futex_waitv());
            wait(Executor::named(executor));
            wait_for_pipes();
            say("done");
        }
        _ => unreachable!("{arguments:?}"),
    }
}

/// Whether the system has the call, told by which error it gives for none at all.
fn has_futex_waitv() -> bool {
    // SAFETY: no words, so that no memory is looked at.
    let answer = unsafe { libc::syscall(libc::SYS_futex_waitv, 0, 0, 0, 0, 0) };
    assert_eq!(answer, -1);
    io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS)
}

fn wait(executor: Executor) {
    const COUNT: u64 = 300;
    let queues: Vec<Queue<u64>> = (0..3).map(|_| Queue::new(2).unwrap()).collect();
    let ledger = ReceiptLedger::of(3 * COUNT);
    let event = Event::new().unwrap();
    let consumers = queues.iter().map(|queue| -> Task {
        let (queue, ledger, event) = (queue.clone(), ledger.clone(), event.clone());
        Box::pin(async move {
            event.wait_async().await.unwrap();
            while let Ok(number) = queue.pop_async().await {
                ledger.take(number);
            }
        })
    });
    let producers = queues.iter().enumerate().map(|(n, queue)| -> Task {
        let queue = queue.clone();
        Box::pin(async move {
            for number in n as u64 * COUNT..(n as u64 + 1) * COUNT {
                queue.push_async(number).await.unwrap();
            }
            queue.close();
        })
    });
    let setter = std::thread::spawn({
        let event = event.clone();
        move || {
            std::thread::sleep(Duration::from_millis(20));
            event.set();
        }
    });
    executor.run(consumers.chain(producers).collect());
    setter.join().unwrap();
    ledger.is_complete();
    let mutex = Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    let waiting = Polled::waiting(mutex.lock_async());
    drop(guard);
    drop(waiting.finish().unwrap());
    let lockers = (0..3).map(|_| -> LocalTask {
        let mutex = mutex.clone();
        Box::pin(async move {
            for _ in 0..20 {
                let _guard = mutex.lock_async().await.unwrap();
                support::executors::pause().await;
            }
        })
    });
    executor.run_here(lockers.collect());
}

fn wait_for_pipes() {
    let (mut one_tx, mut one) = pipe::simplex::<u32>().unwrap();
    let (mut other_tx, mut other) = pipe::simplex::<u32>().unwrap();
    let sender = std::thread::spawn(move || {
        for n in 0..20 {
            std::thread::sleep(Duration::from_millis(2));
            if n % 2 == 0 { one_tx.send(n).unwrap() } else { other_tx.send(n).unwrap() }
        }
        // An end of file would be news, too.
        (one_tx, other_tx)
    });
    let mut found = Vec::new();
    while found.len() < 20 {
        for ready in pipe::wait(&mut [&mut one, &mut other], None) {
            found.push(if ready == 0 { one.recv().unwrap() } else { other.recv().unwrap() });
        }
    }
    found.sort_unstable();
    assert_eq!(found, (0..20).collect::<Vec<_>>());
    sender.join().unwrap();
}

#[test]
fn async_waits_work_without_futex_waitv() {
    let _watchdog = Watchdog::start(60);
    let spawn = |executor| Role::spawn(in_a_child, &["wait", &format!("{executor:?}")]);
    for mut child in Executor::ALL.map(spawn) {
        assert_eq!(child.hear(), "done");
        assert!(child.join().success());
    }
}
