//! Blocked endpoints: the peer wakes them, and they use no CPU time.

use std::time::Duration;

use breezeway::queue::spsc::{self, Consumer, Producer};
use support::process::{futex_operation, is_parked, until_parked};
use support::waiting::{asleep, ticks_of_process};
use support::{Role, Watchdog, unique};

use super::child::{ask, spawn};

/// `FUTEX_PRIVATE_FLAG`: such a sleeper is woken by its own process only.
const PRIVATE: u32 = 128;

#[test]
fn pop_and_push_blocked_woken_by_other_process() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-wake");
    let (mut tx, rx) = spsc::create::<u64>(&name, 1).unwrap();
    rx.release();
    let mut consumer = spawn("consumer", &name);
    for n in 0..5 {
        let thread = ask(&mut consumer, "wait");
        until_parked(&thread);
        tx.push(n).unwrap();
        assert_eq!(consumer.hear(), format!("Ok({n})"));
    }
    for n in 0..5 {
        tx.push(n).unwrap();
        let pusher = asleep(move || {
            tx.push(100).unwrap();
            tx
        });
        assert_eq!(ask(&mut consumer, "pop"), format!("Ok({n})"));
        tx = pusher.wake();
        assert_eq!(ask(&mut consumer, "pop"), "Ok(100)");
    }
}

/// The kernel's state of a thread, asked again and again, as it may be between two of its slices.
fn operation_of(thread: &str) -> u32 {
    loop {
        if let Some(operation) = futex_operation(thread) {
            return operation;
        }
    }
}

#[test]
fn pop_blocked_uses_no_cpu_and_a_shared_futex() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-idle");
    let (mut tx, rx) = spsc::create::<u64>(&name, 1).unwrap();
    rx.release();
    let mut consumer = spawn("consumer", &name);
    let thread = ask(&mut consumer, "wait");
    until_parked(&thread);
    assert_eq!(operation_of(&thread) & PRIVATE, 0, "a private futex in shared memory");
    let before = ticks_of_process(&thread);
    std::thread::sleep(Duration::from_millis(500));
    // It looks up every 100 ms, which may be right now.
    assert!((0..1000).any(|_| is_parked(&thread)));
    assert!(ticks_of_process(&thread) - before <= 1, "it does not sleep");
    tx.push(1).unwrap();
    assert_eq!(consumer.hear(), "Ok(1)");
}

/// A queue of one, both of whose sides sleep at nearly every step.
fn take_turns(mut tx: Producer<u64>, mut rx: Consumer<u64>, peer: Role) {
    const TURNS: u64 = 3000;
    for n in 0..TURNS {
        tx.push(n).unwrap();
        assert_eq!(rx.pop().unwrap(), n);
    }
    tx.close();
    assert!(peer.join().success());
}

/// Child: sends back what comes.
#[test]
fn echo() {
    let Some(arguments) = support::role() else { return };
    let mut rx = Consumer::<u64>::open(&arguments[0]).unwrap();
    let mut tx = Producer::<u64>::open(&arguments[1]).unwrap();
    support::say("ready");
    rx.iter().for_each(|value| tx.push(value.unwrap()).unwrap());
}

#[test]
fn push_pop_ping_pong_loses_no_wakeup() {
    let _watchdog = Watchdog::start(120);
    let (there, back) = (unique("spsc-there"), unique("spsc-back"));
    let tx = Producer::create(&there, 1).unwrap();
    let rx = Consumer::create(&back, 1).unwrap();
    let mut peer = Role::spawn(echo, &[&there, &back]);
    assert_eq!(peer.hear(), "ready");
    take_turns(tx, rx, peer);
}
