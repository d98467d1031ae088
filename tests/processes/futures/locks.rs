//! Locks that tasks of several processes wait for, and whose holder is killed.

use breezeway::Value;
use breezeway::sync::Mutex;
use support::executors::{Executor, LocalTask, pause};
use support::polled::Polled;
use support::process::kill_running;
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => {
            let mutex = Mutex::open(name).unwrap();
            let _guard = mutex.lock().unwrap();
            say("held");
            listen();
        }
        ["count", name, executor, rounds] => {
            let value = Value::<[u64; 2]>::open(name).unwrap();
            let rounds = rounds.parse().unwrap();
            let tasks = (0..3).map(|_| -> LocalTask { Box::pin(count(value.clone(), rounds)) });
            Executor::named(executor).run_here(tasks.collect());
        }
        _ => unreachable!("{arguments:?}"),
    }
}

/// Counts both numbers up, and lets others run in between.
async fn count(value: Value<[u64; 2]>, rounds: u64) {
    for n in 0..rounds {
        let mut section = value.lock_async().await.unwrap();
        assert!(!section.recovered());
        let [a, b] = *section;
        assert_eq!(a, b, "nobody else is in it");
        section[0] = a + 1;
        if n % 3 == 0 {
            pause().await;
        }
        section[1] = b + 1;
    }
}

#[test]
fn tasks_of_many_processes_exclude_each_other_and_threads() {
    const ROUNDS: u64 = 300;
    let _watchdog = Watchdog::start(120);
    let name = unique("futures-count");
    let value = Value::<[u64; 2]>::create(&name, [0; 2]).unwrap();
    let spawn = |executor| {
        let arguments = ["count", &name, &format!("{executor:?}"), &ROUNDS.to_string()];
        Role::spawn(in_a_child, &arguments)
    };
    let children = Executor::ALL.map(spawn);
    // Blocking beside them.
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let value = value.clone();
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let mut section = value.lock().unwrap();
                    section[0] += 1;
                    section[1] += 1;
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    children.into_iter().for_each(|child| assert!(child.join().success()));
    assert_eq!(value.get(), [(3 * 4 + 3) * ROUNDS; 2]);
}

#[test]
fn a_task_gets_the_lock_of_who_was_killed() {
    let _watchdog = Watchdog::start(60);
    for _ in 0..5 {
        let name = unique("futures-killed-holder");
        let mutex = Mutex::create(&name).unwrap();
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "held");
        let waiter = Polled::waiting(mutex.lock_async());
        kill_running(holder);
        let guard = waiter.finish().unwrap();
        assert!(guard.recovered());
        drop(guard);
        assert!(!mutex.lock().unwrap().recovered());
    }
}
