//! [`breezeway::queue::MessageQueue`] between processes.

mod waiting;

use std::time::Duration;

use breezeway::queue::{Limits, MessageQueue};
use support::process::{stop, until_parked};
use support::scratch::Name;
use support::waiting::LONG;
use support::{Role, Watchdog, listen, role, say};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["produce", name, from, count] => {
            let queue = MessageQueue::<Vec<u64>>::open(name).unwrap();
            let from: u64 = from.parse().unwrap();
            for number in from..from + count.parse::<u64>().unwrap() {
                queue.push(numbered(number)).unwrap();
            }
        }
        ["consume", name] => consume(&MessageQueue::open(name).unwrap()),
        ["greet", name] => {
            let queue = MessageQueue::<(u32, String)>::open(name).unwrap();
            queue.push((42, "python".to_owned())).unwrap();
        }
        ["wait", name] => {
            let queue = MessageQueue::<u64>::open(name).unwrap();
            say(&support::process::thread_id());
            say(&format!("{:?}", queue.pop()));
        }
        ["travelled", text] => {
            let queue: MessageQueue<String> = serde_json::from_str(text).unwrap();
            queue.push("arrived".to_owned()).unwrap();
            listen();
        }
        ["storm", name] => storm(&MessageQueue::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// A message of many possible sizes that tells whether it is whole.
fn numbered(number: u64) -> Vec<u64> {
    vec![number; (number * 7 % 150) as usize + 1]
}

fn number_of(message: &[u64]) -> u64 {
    assert_eq!(message, numbered(message[0]), "a message arrives whole");
    message[0]
}

/// Pops until the queue is closed, and says the sum of what came.
fn consume(queue: &MessageQueue<Vec<u64>>) {
    let (mut count, mut sum) = (0_u64, 0);
    for message in queue {
        count += 1;
        sum += number_of(&message.unwrap());
    }
    say(&format!("{count} {sum}"));
}

#[test]
fn pop_receives_message_of_other_process() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-greet");
    let queue = MessageQueue::<(u32, String)>::create(&name, 4).unwrap();
    let greeter = Role::spawn(in_a_child, &["greet", &name]);
    assert_eq!(queue.pop().unwrap(), (42, "python".to_owned()));
    assert!(greeter.join().success());
}

#[test]
fn push_pop_many_producers_and_consumers_exact() {
    let _watchdog = Watchdog::start(120);
    const EACH: u64 = 2000;
    let name = Name::new("message-many");
    let queue = MessageQueue::<Vec<u64>>::create(&name, 16).unwrap();
    let mut consumers: Vec<Role> = (0..3).map(|_| Role::spawn(in_a_child, &["consume", &name])).collect();
    let producers: Vec<Role> = (0..3)
        .map(|n| Role::spawn(in_a_child, &["produce", &name, &(n * EACH).to_string(), &EACH.to_string()]))
        .collect();
    for producer in producers {
        assert!(producer.join().success());
    }
    queue.close();
    let (mut count, mut sum) = (0, 0);
    for consumer in &mut consumers {
        let said = consumer.hear();
        let (its_count, its_sum) = said.split_once(' ').unwrap();
        count += its_count.parse::<u64>().unwrap();
        sum += its_sum.parse::<u64>().unwrap();
    }
    assert_eq!((count, sum), (3 * EACH, (0..3 * EACH).sum()));
}

#[test]
fn pop_keeps_order_of_each_producer() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("message-order");
    let queue = MessageQueue::<Vec<u64>>::create(&name, 8).unwrap();
    let producers = ["0", "1000000"].map(|from| Role::spawn(in_a_child, &["produce", &name, from, "1500"]));
    let mut next = [0, 1_000_000];
    for _ in 0..3000 {
        let number = number_of(&queue.pop().unwrap());
        let whose = usize::from(number >= 1_000_000);
        assert_eq!(number, next[whose]);
        next[whose] += 1;
    }
    assert_eq!(next, [1500, 1_001_500]);
    for producer in producers {
        assert!(producer.join().success());
    }
}

#[test]
fn serde_handle_works_in_child() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<String>::new(4).unwrap();
    let mut role = Role::spawn(in_a_child, &["travelled", &serde_json::to_string(&queue).unwrap()]);
    assert_eq!(queue.pop().unwrap(), "arrived");
    role.tell("end");
    assert!(role.join().success());
}

/// Pushes and pops until it is killed. It pops no more than it pushed, so the queue never runs dry for long.
fn storm(queue: &MessageQueue<Vec<u64>>) {
    for number in 0.. {
        let _ = queue.push_timeout(numbered(number), Duration::from_millis(1));
        if let Ok(message) = queue.pop_timeout(Duration::from_millis(1)) {
            number_of(&message);
        }
    }
}

#[test]
fn push_pop_work_after_processes_killed_anywhere() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("message-storm");
    let queue = MessageQueue::<Vec<u64>>::create(&name, Limits { messages: 12, bytes: 2000 }).unwrap();
    for round in 0..25 {
        let roles: Vec<Role> = (0..3).map(|_| Role::spawn(in_a_child, &["storm", &name])).collect();
        std::thread::sleep(Duration::from_millis(15 + round));
        drop(roles);
        assert!(queue.len() <= queue.capacity());
        while let Ok(message) = queue.try_pop() {
            number_of(&message);
        }
        assert!(queue.is_empty());
        // All the room there was is there again, once the dead are found.
        let full = (queue.max_message() - 10) / 8;
        MessageQueue::<Vec<u64>>::open(&name).unwrap().push_timeout(vec![0; full], LONG).unwrap();
        assert_eq!(queue.pop().unwrap().len(), full);
    }
}

#[test]
fn push_not_taken_by_stopped_pop_waiter() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-stopped");
    let queue = MessageQueue::<u64>::create(&name, 4).unwrap();
    let mut role = Role::spawn(in_a_child, &["wait", &name]);
    until_parked(&role.hear());
    stop(role.pid());
    queue.push(1).unwrap();
    assert_eq!(queue.pop().unwrap(), 1);
    support::process::resume(role.pid());
    queue.push(2).unwrap();
    assert_eq!(role.hear(), "Ok(2)");
}
