//! [`breezeway::queue::MessageQueue`] in one process: order, sizes, limits, damage.

mod codec;
mod damage;
mod limits;
mod waiting;

use breezeway::queue::MessageQueue;
use breezeway::{PopError, PushError, Segment, SegmentError};
use support::scratch::Name;
use support::waiting::LONG;

/// A message of many possible sizes that tells whether it is whole.
fn numbered(number: u64) -> Vec<u64> {
    vec![number; (number * 7 % 150) as usize + 1]
}

fn number_of(message: &[u64]) -> u64 {
    assert_eq!(message, numbered(message[0]), "a message arrives whole");
    message[0]
}

#[test]
fn push_pop_first_in_first_out() {
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
fn try_push_try_pop_reuse_blocks_of_all_sizes() {
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
fn close_refuses_push_and_drains_pop() {
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
fn push_queue_handle_inside_queue() {
    let name = Name::new("message-nested");
    let segment = Segment::create(&name, 1 << 20).unwrap();
    let inner = segment.add::<MessageQueue<u8>>("inner", 4).unwrap();
    let outer = segment.add::<MessageQueue<MessageQueue<u8>>>("outer", 4).unwrap();
    outer.push(inner.clone()).unwrap();
    outer.pop().unwrap().push(7).unwrap();
    assert_eq!(inner.pop().unwrap(), 7);
}

#[test]
fn open_wrong_type_or_capacity_returns_type_mismatch() {
    let name = Name::new("message-type");
    let _queue = MessageQueue::<u8>::create(&name, 4).unwrap();
    assert!(matches!(MessageQueue::<u16>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(matches!(MessageQueue::<u8>::open_or_create(&name, 5), Err(SegmentError::TypeMismatch { .. })));
    assert_eq!(MessageQueue::<u8>::open_or_create(&name, 4).unwrap().capacity(), 4);
}

/// Pushes, pops and closes against a plain list, with messages of all lengths.
#[test]
fn push_pop_as_a_list_would() {
    let queue = MessageQueue::<Vec<u8>>::new(limits::small()).unwrap();
    let mut list = std::collections::VecDeque::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for step in 0..50_000_u64 {
        if next(2) == 0 {
            let length = [0, 8, 90, 104, 105, 128, 500, 1500][next(8) as usize] + next(24) as usize;
            let message = vec![step as u8; length];
            match queue.try_push(message.clone()) {
                Ok(()) => list.push_back(message),
                Err(error) => {
                    assert!(matches!(error, PushError::Full(_)));
                    // Whatever is within the limits fits.
                    let bytes: usize = list.iter().map(|message: &Vec<u8>| message.len() + 3).sum();
                    assert!(list.len() == 12 || bytes + length + 3 > 2000, "{} of {bytes}", list.len());
                }
            }
        } else {
            assert_eq!(queue.try_pop().ok(), list.pop_front());
        }
        assert_eq!(queue.len(), list.len());
    }
}
