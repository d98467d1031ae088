//! Parents, children and grandchildren: names, handles, deaths.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use breezeway::process::{self, Process, active_children, cpu_count, parent_process};
use breezeway::queue::Queue;
use breezeway::sync::Event;
use breezeway::{Atomic, TaskError};
use support::Watchdog;
use support::fork::fork;

/// The names down from here.
fn generations(more: u32) -> Vec<String> {
    let mut names = vec![process::current_name().to_owned()];
    if more > 0 {
        names.extend(Process::spawn(generations, more - 1).unwrap().result().unwrap());
    }
    names
}

#[test]
fn name_of_three_generations() {
    let _watchdog = Watchdog::start(60);
    // In a process of its own, whose children are numbered from 1.
    let names = Process::builder().name("root").spawn(generations, 3).unwrap().result().unwrap();
    assert_eq!(names[0], "root");
    let own = names[1].strip_prefix("Process-").unwrap().strip_suffix(":1").unwrap();
    assert!(own.parse::<u32>().is_ok());
    assert_eq!(names[2], format!("Process-{own}:1:1"));
    assert_eq!(names[3], format!("Process-{own}:1:1:1"));
}

#[test]
fn name_numbers_children_in_order() {
    let _watchdog = Watchdog::start(60);
    let family = |()| {
        let children = [(); 3].map(|()| Process::spawn(|()| (), ()).unwrap());
        children.iter().for_each(|child| assert_eq!(child.join().unwrap(), 0));
        children.map(|child| child.name().to_owned())
    };
    let names = Process::spawn(family, ()).unwrap().result().unwrap();
    for (name, number) in names.iter().zip(1..) {
        assert!(name.ends_with(&format!(":{number}")), "{name}");
    }
}

#[test]
fn spawn_hundred_children_at_once() {
    let _watchdog = Watchdog::start(300);
    let count = Atomic::<u64>::new(0).unwrap();
    let event = Event::new().unwrap();
    let work = |(number, count, event): (u64, Atomic<u64>, Event)| {
        event.wait().unwrap();
        count.fetch_add(number, Ordering::Relaxed);
        number
    };
    let children: Vec<_> = (1..=100)
        .map(|number| Process::spawn(work, (number, count.clone(), event.clone())).unwrap())
        .collect();
    let pids: BTreeSet<u32> = children.iter().map(|child| child.pid()).collect();
    assert_eq!(pids.len(), 100);
    event.set();
    let numbers: Vec<u64> = children.into_iter().map(|child| child.result().unwrap()).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert_eq!(count.load(Ordering::Relaxed), 5050);
}

#[test]
fn spawn_from_many_threads() {
    let _watchdog = Watchdog::start(120);
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            scope.spawn(move || {
                for number in 0..5 {
                    let child = Process::spawn(|(a, b): (u32, u32)| a * 10 + b, (thread, number)).unwrap();
                    assert_eq!(child.result().unwrap(), thread * 10 + number);
                }
            });
        }
    });
}

#[test]
fn active_children_lists_running_child() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let child =
        Process::builder().name("active").spawn(|event: Event| event.wait().unwrap(), event.clone()).unwrap();
    let found = active_children().into_iter().find(|other| other.pid() == child.pid()).unwrap();
    assert_eq!((found.name(), found.is_daemon()), ("active", false));
    event.set();
    assert_eq!(found.join().unwrap(), 0);
    assert_eq!(child.exit_code(), Some(0));
    assert!(active_children().iter().all(|other| other.pid() != child.pid()));
}

#[test]
fn drop_of_handle_leaves_child_running_and_no_zombie() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let done = Event::new().unwrap();
    let work = |(event, done): (Event, Event)| {
        event.wait().unwrap();
        done.set();
    };
    let child = Process::spawn(work, (event.clone(), done.clone())).unwrap();
    let pid = child.pid();
    drop(child);
    event.set();
    done.wait().unwrap();
    // Nor does a zombie stay.
    support::process::until(|| {
        active_children().iter().all(|other| other.pid() != pid)
            && !std::path::Path::new(&format!("/proc/{pid}")).exists()
    });
}

#[test]
fn parent_process_of_child() {
    let _watchdog = Watchdog::start(60);
    assert!(parent_process().is_none());
    let look = |()| {
        let parent = parent_process().unwrap();
        assert!(parent.is_alive());
        assert!(matches!(parent.join_timeout(Duration::ZERO), Err(TaskError::Timeout)));
        (parent.pid(), parent.name().to_owned())
    };
    let (pid, name) = Process::spawn(look, ()).unwrap().result().unwrap();
    assert_eq!((pid, &*name), (std::process::id(), "MainProcess"));
}

#[test]
fn parent_process_join_after_parent_death() {
    let _watchdog = Watchdog::start(60);
    let news = Queue::<u32>::new(8).unwrap();
    let parent = |news: Queue<u32>| {
        let orphan = |news: Queue<u32>| {
            let parent = parent_process().unwrap();
            news.push(parent.pid()).unwrap();
            parent.join().unwrap();
            assert!(!parent.is_alive());
            news.push(0).unwrap();
        };
        Process::spawn(orphan, news).unwrap().join().unwrap();
    };
    let child = Process::spawn(parent, news.clone()).unwrap();
    assert_eq!(news.pop().unwrap(), child.pid());
    child.kill().unwrap();
    assert_eq!(news.pop().unwrap(), 0, "who is no daemon lives on");
}

#[test]
fn child_handles_in_forked_process_return_not_ours() {
    let _watchdog = Watchdog::start(60);
    // The child forks: it has one thread.
    let work = |()| {
        let child = Process::spawn(|event: Event| event.wait().unwrap(), Event::new().unwrap()).unwrap();
        fork(|| {
            assert!(matches!(child.join(), Err(TaskError::NotOurs)));
            assert!(matches!(child.kill(), Err(TaskError::NotOurs)));
            assert!(active_children().is_empty());
            assert!(parent_process().is_none());
            // It may have children of its own.
            assert_eq!(Process::spawn(|x| x + 1, 1).unwrap().result().unwrap(), 2);
        })
        .join();
        // One that ends in the ordinary way waits for nobody's children.
        fork(|| std::process::exit(0)).join();
        assert!(child.is_alive());
        child.kill().unwrap();
        assert_eq!(child.join().unwrap(), -9);
    };
    Process::spawn(work, ()).unwrap().result().unwrap();
}

#[test]
fn cpu_count_follows_affinity() {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let _watchdog = Watchdog::start(60);
    assert!(cpu_count() >= 1);
    let narrow = |()| {
        let all = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap();
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one).unwrap();
        cpu_count()
    };
    assert_eq!(Process::spawn(narrow, ()).unwrap().result().unwrap(), 1);
}
