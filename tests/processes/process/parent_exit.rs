//! Children of a parent that exits by itself.

use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::Process;
use breezeway::queue::Queue;
use breezeway::sync::Event;
use support::Watchdog;
use support::death::has_ended;
use support::process::until;

#[test]
fn parent_exit_waits_for_non_daemon_child() {
    let _watchdog = Watchdog::start(60);
    let (mut printed, output) = std::io::pipe().unwrap();
    let parent = |()| {
        let slow = |()| {
            sleep(Duration::from_millis(200));
            print!("child ");
        };
        // Its handle is dropped.
        let _ = Process::spawn(slow, ()).unwrap();
        print!("parent ");
    };
    let child = Process::builder().stdout(output).spawn(parent, ()).unwrap();
    child.join().unwrap();
    let mut text = String::new();
    printed.read_to_string(&mut text).unwrap();
    assert_eq!(text, "parent child ");
}

#[test]
fn parent_exit_or_panic_waits_for_child() {
    let _watchdog = Watchdog::start(60);
    for how in [0, 1, 2] {
        let done = Event::new().unwrap();
        let parent = |(how, done): (u8, Event)| {
            let slow = |done: Event| {
                sleep(Duration::from_millis(100));
                done.set();
            };
            let _ = Process::spawn(slow, done).unwrap();
            match how {
                0 => std::process::exit(5),
                1 => panic!("on purpose"),
                _ => {}
            }
        };
        let null = std::process::Stdio::null();
        let child = Process::builder().stderr(null).spawn(parent, (how, done.clone())).unwrap();
        assert_eq!(child.join().unwrap(), [5, 1, 0][usize::from(how)]);
        assert!(done.is_set(), "the parent has waited");
    }
}

#[test]
fn terminate_leaves_grandchild_running() {
    let _watchdog = Watchdog::start(60);
    let pids = Queue::<u32>::new(4).unwrap();
    let event = Event::new().unwrap();
    let parent = |(pids, event): (Queue<u32>, Event)| {
        let child = Process::spawn(|event: Event| event.wait().unwrap(), event).unwrap();
        pids.push(child.pid()).unwrap();
        child.join().unwrap();
    };
    let child = Process::spawn(parent, (pids.clone(), event.clone())).unwrap();
    let grandchild = pids.pop().unwrap();
    child.terminate().unwrap();
    assert_eq!(child.join().unwrap(), -15);
    sleep(Duration::from_millis(50));
    assert!(!has_ended(grandchild));
    event.set();
    until(|| has_ended(grandchild));
}
