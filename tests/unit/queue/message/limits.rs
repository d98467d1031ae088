//! Limits on the number and the bytes of messages.

use breezeway::queue::{Limits, MessageQueue};
use breezeway::{CodecError, PopError, PushError, Segment, SegmentError};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So small that the blocks run out before the messages do, now and then.
pub fn small() -> Limits {
    Limits { messages: 12, bytes: 2000 }
}

#[test]
fn try_push_full_by_message_count() {
    let queue = MessageQueue::<u32>::new(3).unwrap();
    assert_eq!(queue.capacity(), 3);
    for n in 0..3 {
        queue.try_push(n).unwrap();
    }
    assert!(matches!(queue.try_push(9), Err(PushError::Full(9))));
    assert_eq!(queue.pop().unwrap(), 0);
    queue.try_push(3).unwrap();
    assert_eq!([(); 3].map(|()| queue.pop().unwrap()), [1, 2, 3]);
}

#[test]
fn try_push_full_by_bytes() {
    let queue = MessageQueue::<Vec<u8>>::new(Limits { messages: 4, bytes: 4096 }).unwrap();
    queue.push(vec![1; 3000]).unwrap();
    let too_many = vec![2; 3000];
    assert!(matches!(queue.try_push(too_many.clone()), Err(PushError::Full(value)) if value == too_many));
    queue.try_push(vec![3; 1000]).unwrap();
    assert_eq!(queue.pop().unwrap(), vec![1; 3000]);
    queue.try_push(too_many).unwrap();
    assert_eq!(queue.len(), 2);
}

#[test]
fn try_push_any_messages_within_the_limits() {
    let limits = Limits { messages: 8, bytes: 8000 };
    let queue = MessageQueue::<Vec<u8>>::new(limits).unwrap();
    for lengths in [[990; 8], [7000, 120, 130, 140, 150, 160, 170, 110], [1, 2, 3, 4, 5, 6, 7, 7900]] {
        for round in 0..20 {
            for length in lengths {
                queue.try_push(vec![round; length]).unwrap();
            }
            assert!(matches!(queue.try_push(vec![]), Err(PushError::Full(_))));
            for length in lengths {
                assert_eq!(queue.pop().unwrap(), vec![round; length]);
            }
        }
    }
}

#[test]
fn push_largest_message_fits_exactly() {
    let queue = MessageQueue::<String>::new(Limits { messages: 1, bytes: 1000 }).unwrap();
    let max = queue.max_message();
    assert!(max >= 1000);
    // One byte says that it is a text, and two how long it is.
    let text = "x".repeat(max - 3);
    queue.push(text.clone()).unwrap();
    assert_eq!(queue.pop().unwrap(), text);
    match queue.push("x".repeat(max - 2)) {
        Err(PushError::TooLarge { value, len, max: told }) => {
            assert_eq!((value.len(), len, told), (max - 2, max + 1, max));
        }
        other => panic!("{other:?}"),
    }
    assert!(queue.is_empty());
}

#[test]
fn push_pop_zero_sized_messages() {
    let queue = MessageQueue::<()>::new(2).unwrap();
    queue.push(()).unwrap();
    queue.push(()).unwrap();
    assert!(matches!(queue.try_push(()), Err(PushError::Full(()))));
    queue.pop().unwrap();
    queue.pop().unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

#[test]
fn new_with_zero_or_excessive_limits_is_refused() {
    for messages in [0, usize::MAX] {
        assert!(matches!(MessageQueue::<u8>::new(messages), Err(SegmentError::InvalidOption { .. })));
    }
    let endless = Limits { messages: 1, bytes: usize::MAX };
    assert!(matches!(MessageQueue::<u8>::new(endless), Err(SegmentError::NoSpace { .. })));
    let segment = Segment::new(1 << 16).unwrap();
    assert!(matches!(segment.add::<MessageQueue<u8>>("none", 0), Err(SegmentError::InvalidOption { .. })));
    assert!(matches!(segment.add::<MessageQueue<u8>>("much", 1 << 20), Err(SegmentError::OutOfSpace { .. })));
    // 32767 is where others end.
    assert_eq!(MessageQueue::<u8>::new(100_000).unwrap().capacity(), 100_000);
}

/// Encodes to a byte unless it is 13, and decodes from any but 66.
#[derive(Debug, PartialEq)]
struct Moody(u8);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 13 { Err(S::Error::custom("not today")) } else { serializer.serialize_u8(self.0) }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            66 => Err(D::Error::custom("not that")),
            mood => Ok(Self(mood)),
        }
    }
}

#[test]
fn push_unencodable_returns_encode_and_takes_no_room() {
    let queue = MessageQueue::<Moody>::new(1).unwrap();
    match queue.push(Moody(13)) {
        Err(error @ PushError::Encode { .. }) => {
            assert!(std::error::Error::source(&error).is_some());
            assert_eq!(error.into_inner(), Moody(13));
        }
        other => panic!("{other:?}"),
    }
    assert!(queue.is_empty());
    queue.try_push(Moody(1)).unwrap();
    assert_eq!(queue.pop().unwrap(), Moody(1));
}

#[test]
fn pop_undecodable_returns_decode_and_removes_it() {
    let queue = MessageQueue::<Moody>::new(3).unwrap();
    for mood in [66, 1] {
        queue.push(Moody(mood)).unwrap();
    }
    match queue.pop() {
        Err(error @ PopError::Decode { .. }) => {
            assert_eq!(error, error.clone());
            assert_ne!(error, PopError::Decode { source: CodecError::new("another") });
            assert!(std::error::Error::source(&error).is_some());
            let PopError::Decode { source } = error else { unreachable!() };
            assert_eq!(source.to_string(), "not that");
            assert_eq!(source.get_ref().to_string(), "not that");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(queue.pop().unwrap(), Moody(1));
    for mood in [66, 2] {
        queue.push(Moody(mood)).unwrap();
    }
    queue.close();
    let all: Vec<_> = queue.iter().collect();
    assert!(matches!(all[..], [Err(PopError::Decode { .. }), Ok(Moody(2))]));
}

#[test]
fn pop_message_of_other_type_returns_decode() {
    const TAG: u64 = 0x7e39_0002;
    let segment = Segment::new(1 << 18).unwrap();
    let bytes = segment.tagged(TAG).add::<MessageQueue<[u8; 2]>>("queue", 4).unwrap();
    let wider = segment.tagged(TAG).get::<MessageQueue<(u8, i8)>>("queue").unwrap();
    let byte = segment.tagged(TAG).get::<MessageQueue<(u8, bool)>>("queue").unwrap();
    bytes.push([7, 1]).unwrap();
    assert_eq!(wider.pop().unwrap(), (7, 1));
    bytes.push([7, 1]).unwrap();
    assert!(matches!(byte.pop(), Err(PopError::Decode { .. })));
}
