//! Runs the queues with one producer and one consumer against models, or with their memory damaged
//! repeatedly.

use std::collections::VecDeque;
use std::mem;

use breezeway::queue::{bytes, spsc};
use breezeway::{PopError, PushError, SegmentError};

use crate::program::{Arena, NAME, Program};

/// Runs the program. Its first bytes choose the queue, its size, and whether memory is damaged.
pub fn run(input: &[u8]) {
    let mut program = Program::new(input);
    let (kind, size) = (program.below(4), 1 + program.below(6));
    let arena = Arena::new(1 << 14);
    let end = match kind {
        0 => messages(&arena, program, 64 * size, false),
        1 => messages(&arena, program, 64 * size, true),
        2 => values(&arena, program, size, false),
        _ => values(&arena, program, size, true),
    };
    // An endpoint that cannot be opened again ends the program; only damage causes that.
    assert!(end.is_ok() || kind % 2 == 1, "{end:?}");
}

/// The model of a byte ring.
struct ByteRing {
    capacity: usize,
    /// The producer's position.
    at: usize,
    used: usize,
    /// Each message, and the bytes that it takes.
    messages: VecDeque<(Vec<u8>, usize)>,
}

impl ByteRing {
    /// The bytes of the padding, if the message does not fit before the ring's end, and of the
    /// frame.
    fn pad_and_frame(&self, len: usize) -> (usize, usize) {
        let (frame, to_end) = (8 + len.next_multiple_of(8), self.capacity - self.at);
        (if frame <= to_end { 0 } else { to_end }, frame)
    }

    fn has_room(&self, len: usize) -> bool {
        let (pad, frame) = self.pad_and_frame(len);
        pad + frame <= self.capacity - self.used
    }

    /// Records a message for which `reserved` bytes were reserved.
    fn push(&mut self, message: Vec<u8>, reserved: usize) {
        let (pad, _) = self.pad_and_frame(reserved);
        let taken = pad + 8 + message.len().next_multiple_of(8);
        self.at = (self.at + taken) % self.capacity;
        self.used += taken;
        self.messages.push_back((message, taken));
    }

    fn pop(&mut self) {
        if let Some((_, taken)) = self.messages.pop_front() {
            self.used -= taken;
        }
    }
}

fn messages(
    arena: &Arena,
    mut program: Program<'_>,
    capacity: usize,
    damaged: bool,
) -> Result<(), SegmentError> {
    let (mut producer, mut consumer) = bytes::add(&arena.segment, NAME, capacity)?;
    let mut ring = ByteRing { capacity, at: 0, used: 0, messages: VecDeque::new() };
    while let Some(operation) = program.next() {
        match operation % 16 {
            0..6 => {
                let reserve = program.below(producer.max_message() + 2);
                let len = if operation & 0x40 == 0 { reserve } else { program.below(reserve + 1) };
                let message = vec![operation ^ reserve as u8; len];
                match producer.try_reserve(reserve) {
                    Ok(mut piece) => {
                        assert!(damaged || ring.has_room(reserve));
                        if operation & 0x80 == 0 {
                            piece[..len].copy_from_slice(&message);
                            piece.commit(len);
                            ring.push(message, reserve);
                        }
                    }
                    Err(_) if damaged => {}
                    Err(PushError::TooLarge { max, .. }) => assert!(reserve > max),
                    Err(error) => {
                        assert!(matches!(error, PushError::Full(())) && !ring.has_room(reserve), "{error}")
                    }
                }
            }
            6..11 => match consumer.try_read() {
                Ok(message) if damaged => drop(message.to_vec()),
                Ok(message) => {
                    assert_eq!(Some(&*message), ring.messages.front().map(|(message, _)| &**message));
                    if operation & 0x80 == 0 {
                        drop(message);
                        ring.pop();
                    } else {
                        mem::forget(message);
                    }
                }
                Err(error) => {
                    assert!(
                        damaged || matches!(error, PopError::Empty) && ring.messages.is_empty(),
                        "{error}"
                    );
                }
            },
            11..14 if damaged => arena.damage(&mut program),
            11 => {
                producer.release();
                producer = arena.segment.get(NAME)?;
            }
            12 => {
                drop(consumer);
                consumer = arena.segment.get(NAME)?;
            }
            _ => {
                let observed = (producer.is_connected(), consumer.is_connected(), producer.len());
                assert!(damaged || observed == (true, true, ring.used), "{observed:?}");
            }
        }
    }
    if damaged {
        return Ok(());
    }
    producer.close();
    while let Ok(message) = consumer.try_read() {
        assert_eq!(Some(&*message), ring.messages.pop_front().as_ref().map(|(message, _)| &**message));
    }
    assert!(ring.messages.is_empty() && matches!(consumer.try_read(), Err(PopError::Closed)));
    Ok(())
}

fn values(
    arena: &Arena,
    mut program: Program<'_>,
    capacity: usize,
    damaged: bool,
) -> Result<(), SegmentError> {
    let (mut producer, mut consumer) = spsc::add::<u64>(&arena.segment, NAME, capacity)?;
    let (mut ring, mut next) = (VecDeque::new(), 0_u64);
    while let Some(operation) = program.next() {
        match operation % 16 {
            0..6 => {
                let count = 1 + program.below(capacity + 2);
                let values: Vec<u64> = (next..next + count as u64).collect();
                let pushed = match producer.try_push_slice(&values) {
                    Ok(pushed) => pushed,
                    Err(error) => {
                        assert!(damaged || matches!(error, PushError::Full(0)), "{error}");
                        0
                    }
                };
                assert!(damaged || pushed == count.min(capacity - ring.len()));
                ring.extend(&values[..pushed]);
                next += pushed as u64;
            }
            6..9 => {
                let mut values = vec![0; 1 + program.below(capacity + 2)];
                let popped = match consumer.try_pop_slice(&mut values) {
                    Ok(popped) => popped,
                    Err(error) => {
                        assert!(damaged || matches!(error, PopError::Empty), "{error}");
                        0
                    }
                };
                // The consumer pops what it knows of, which may be less than there is.
                let there = values.len().min(ring.len());
                assert!(damaged || popped <= there && (popped > 0 || there == 0));
                for value in &values[..popped] {
                    let expected = ring.pop_front();
                    assert!(damaged || Some(*value) == expected);
                }
            }
            9 => {
                let pushed = producer.try_push(next).is_ok();
                assert!(damaged || pushed == (ring.len() < capacity));
                ring.extend(pushed.then_some(next));
                next += 1;
            }
            10 => {
                let popped = consumer.try_pop();
                let expected = ring.pop_front();
                assert!(damaged || popped.ok() == expected);
            }
            11..14 if damaged => arena.damage(&mut program),
            11 => {
                drop(producer);
                producer = arena.segment.get(NAME)?;
            }
            12 => {
                consumer.release();
                consumer = arena.segment.get(NAME)?;
            }
            _ => {
                let observed = (producer.is_connected(), consumer.is_connected(), consumer.len());
                assert!(damaged || observed == (true, true, ring.len()), "{observed:?}");
            }
        }
    }
    Ok(())
}
