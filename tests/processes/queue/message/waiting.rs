//! Waiting for messages of processes that are killed and stopped meanwhile.

use std::time::Duration;

use breezeway::queue::MessageQueue;
use support::process::{kill_running, resume, stop, until, until_parked};
use support::scratch::Name;
use support::waiting::A_WHILE;
use support::{Role, Watchdog};

#[test]
fn pop_blocked_in_other_process_woken_by_push_and_close() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-woken");
    let queue = MessageQueue::<u64>::create(&name, 4).unwrap();
    let mut sleepers: Vec<Role> = (0..2).map(|_| Role::spawn(super::in_a_child, &["wait", &name])).collect();
    for sleeper in &mut sleepers {
        until_parked(&sleeper.hear());
    }
    queue.push(3).unwrap();
    queue.close();
    let mut said: Vec<String> = sleepers.iter_mut().map(Role::hear).collect();
    said.sort();
    assert_eq!(said, ["Err(Closed)", "Ok(3)"]);
}

#[test]
fn pop_waiter_killed_takes_no_wakeup_from_other() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-killed-sleeper");
    let queue = MessageQueue::<u64>::create(&name, 4).unwrap();
    let mut sleepers: Vec<Role> = (0..2).map(|_| Role::spawn(super::in_a_child, &["wait", &name])).collect();
    for sleeper in &mut sleepers {
        until_parked(&sleeper.hear());
    }
    sleepers.pop().unwrap().kill();
    queue.push(3).unwrap();
    assert_eq!(sleepers[0].hear(), "Ok(3)");
}

#[test]
fn pop_timeout_push_timeout_return_while_peer_is_stopped() {
    let _watchdog = Watchdog::start(100);
    let name = Name::new("message-stopped-holder");
    let queue = MessageQueue::<Vec<u64>>::create(&name, 8).unwrap();
    let role = Role::spawn(super::in_a_child, &["storm", &name]);
    until(|| queue.pop_timeout(A_WHILE).is_ok());
    // Often enough, it is stopped holding the lock.
    for _ in 0..12 {
        stop(role.pid());
        let _ = queue.pop_timeout(Duration::from_millis(1));
        let _ = queue.push_timeout(vec![0], Duration::from_millis(1));
        resume(role.pid());
    }
    kill_running(role);
    while queue.try_pop().is_ok() {}
    assert!(queue.is_empty());
}
