//! [`breezeway::queue::MessageQueue`] between processes.
#![cfg(feature = "serde")]

#[path = "message_queue/damage.rs"]
mod damage;
#[path = "message_queue/limits.rs"]
mod limits;
#[allow(unreachable_pub)]
mod support;
#[path = "message_queue/waiting.rs"]
mod waiting;

use std::time::Duration;

use breezeway::queue::MessageQueue;
use breezeway::{PopError, PushError, Segment, SegmentError};
use support::process::{stop, until_parked};
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

/// Long enough for whatever must not happen to happen.
const A_WHILE: Duration = Duration::from_millis(120);

/// As long as a watchdog is patient.
const LONG: Duration = Duration::from_secs(50);

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
fn first_in_first_out() {
    let queue = MessageQueue::<String>::new(8).unwrap();
    for round in 0..20 {
        for n in 0..5 {
            queue.push(format!("{round} {n}")).unwrap();
        }
        assert_eq!((queue.len(), queue.is_empty()), (5, false));
        for n in 0..5 {
            assert_eq!(queue.pop().unwrap(), format!("{round} {n}"));
        }
        assert!(queue.is_empty());
    }
}

#[test]
fn a_message_of_another_process() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-greet");
    let queue = MessageQueue::<(u32, String)>::create(&name, 4).unwrap();
    let greeter = Role::spawn("in_a_child", &["greet", &name]);
    assert_eq!(queue.pop().unwrap(), (42, "python".to_owned()));
    assert!(greeter.join().success());
}

#[test]
fn everything_that_many_produce_is_consumed_once_by_many() {
    let _watchdog = Watchdog::start(120);
    const EACH: u64 = 2000;
    let name = Name::new("message-many");
    let queue = MessageQueue::<Vec<u64>>::create(&name, 16).unwrap();
    let mut consumers: Vec<Role> = (0..3).map(|_| Role::spawn("in_a_child", &["consume", &name])).collect();
    let producers: Vec<Role> = (0..3)
        .map(|n| Role::spawn("in_a_child", &["produce", &name, &(n * EACH).to_string(), &EACH.to_string()]))
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
fn each_producers_messages_come_in_its_order() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("message-order");
    let queue = MessageQueue::<Vec<u64>>::create(&name, 8).unwrap();
    let producers = ["0", "1000000"].map(|from| Role::spawn("in_a_child", &["produce", &name, from, "1500"]));
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
fn messages_of_all_sizes_use_the_blocks_again_and_again() {
    let queue = MessageQueue::<Vec<u64>>::new(limits::small()).unwrap();
    let (mut pushed, mut popped) = (0, 0);
    while popped < 5000 {
        while queue.try_push(numbered(pushed)).is_ok() {
            pushed += 1;
        }
        // Not always as many as there are: the free blocks end up in disorder.
        for _ in 0..=pushed % 3 {
            match queue.try_pop() {
                Ok(message) => {
                    assert_eq!(number_of(&message), popped);
                    popped += 1;
                }
                Err(error) => assert!(matches!(error, PopError::Empty)),
            }
        }
    }
}

#[test]
fn closed_it_is_drained_and_takes_nothing() {
    let queue = MessageQueue::<u8>::new(4).unwrap();
    queue.push(1).unwrap();
    queue.push(2).unwrap();
    assert!(!queue.is_closed());
    queue.close();
    queue.close();
    assert!(queue.is_closed());
    assert!(matches!(queue.push(3), Err(PushError::Closed(3))));
    assert!(matches!(queue.try_push(3), Err(PushError::Closed(3))));
    assert_eq!(queue.iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(queue.pop(), Err(PopError::Closed)));
    assert!(matches!(queue.try_pop(), Err(PopError::Closed)));
    assert!(matches!(queue.pop_timeout(LONG), Err(PopError::Closed)));
}

#[test]
fn a_handle_travels() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<String>::new(4).unwrap();
    let mut role = Role::spawn("in_a_child", &["travelled", &serde_json::to_string(&queue).unwrap()]);
    assert_eq!(queue.pop().unwrap(), "arrived");
    role.tell("end");
    assert!(role.join().success());
}

#[test]
fn a_queue_in_a_queue() {
    let name = Name::new("message-nested");
    let segment = Segment::create(&name, 1 << 20).unwrap();
    let inner = segment.add::<MessageQueue<u8>>("inner", 4).unwrap();
    let outer = segment.add::<MessageQueue<MessageQueue<u8>>>("outer", 4).unwrap();
    outer.push(inner.clone()).unwrap();
    outer.pop().unwrap().push(7).unwrap();
    assert_eq!(inner.pop().unwrap(), 7);
}

#[test]
fn another_type_or_size_is_told() {
    let name = Name::new("message-type");
    let _queue = MessageQueue::<u8>::create(&name, 4).unwrap();
    assert!(matches!(MessageQueue::<u16>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(matches!(MessageQueue::<u8>::open_or_create(&name, 5), Err(SegmentError::TypeMismatch { .. })));
    assert_eq!(MessageQueue::<u8>::open_or_create(&name, 4).unwrap().capacity(), 4);
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
fn killed_anywhere_they_leave_a_queue_that_works() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("message-storm");
    let queue = MessageQueue::<Vec<u64>>::create(&name, limits::small()).unwrap();
    for round in 0..25 {
        let roles: Vec<Role> = (0..3).map(|_| Role::spawn("in_a_child", &["storm", &name])).collect();
        std::thread::sleep(Duration::from_millis(15 + round));
        drop(roles);
        assert!(queue.len() <= queue.capacity());
        while let Ok(message) = queue.try_pop() {
            number_of(&message);
        }
        assert!(queue.is_empty());
        // All the room there was is there again.
        let full = queue.max_message() - 10;
        MessageQueue::<Vec<u64>>::open(&name).unwrap().try_push(vec![0; full]).unwrap();
        assert_eq!(queue.pop().unwrap().len(), full);
    }
}

#[test]
fn a_stopped_waiter_takes_nothing() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("message-stopped");
    let queue = MessageQueue::<u64>::create(&name, 4).unwrap();
    let mut role = Role::spawn("in_a_child", &["wait", &name]);
    until_parked(&role.hear());
    stop(role.pid());
    queue.push(1).unwrap();
    assert_eq!(queue.pop().unwrap(), 1);
    support::process::resume(role.pid());
    queue.push(2).unwrap();
    assert_eq!(role.hear(), "Ok(2)");
}
