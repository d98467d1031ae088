//! Calls every operation of a queue that does not wait.

use std::time::Duration;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{Segment, Shareable};

/// Uses an MPMC queue.
pub fn queue<T: Shareable>(segment: &Segment, name: &str, new: T) {
    let Ok(queue) = segment.get::<Queue<T>>(name) else { return };
    let _ = (queue.len(), queue.is_closed(), queue.capacity());
    let _ = (queue.try_push(new), queue.try_push_slice(&[new; 3]));
    if let (Ok(one), Ok(other)) = (queue.try_lease(), queue.try_lease()) {
        let _ = one.redelivered();
        let _ = one.ack();
        drop(other);
    }
    let _ = (queue.try_pop(), queue.try_pop_slice(&mut [new; 3]));
    let _ = queue.pop_timeout(Duration::ZERO);
    queue.close();
    let _ = queue.try_pop();
    assert!(queue.try_push(new).is_err(), "closed");
}

/// Uses both endpoints of a queue of values.
pub fn values(segment: &Segment, name: &str) {
    if let Ok(mut producer) = segment.get::<spsc::Producer<u64>>(name) {
        let _ = (producer.len(), producer.is_connected(), producer.capacity());
        let _ = (producer.try_push(8), producer.try_push_slice(&[8; 3]));
        let _ = producer.push_timeout(8, Duration::ZERO);
    }
    if let Ok(mut consumer) = segment.get::<spsc::Consumer<u64>>(name) {
        let _ = (consumer.len(), consumer.is_connected(), consumer.capacity());
        let _ = (consumer.try_pop(), consumer.try_pop_slice(&mut [8; 3]));
        let _ = consumer.pop_timeout(Duration::ZERO);
        consumer.close();
        consumer.release();
    }
}

/// Uses both endpoints of a queue of byte messages.
pub fn messages(segment: &Segment, name: &str) {
    if let Ok(mut producer) = segment.get::<bytes::BytesProducer>(name) {
        let longest = producer.max_message().min(1 << 16);
        let _ = (producer.len(), producer.is_connected(), producer.capacity());
        let _ = (producer.try_push(&vec![8; longest]), producer.try_push(b"eight"));
        if let Ok(mut piece) = producer.try_reserve(longest) {
            piece.fill(9);
            piece.commit(longest / 2);
        }
    }
    if let Ok(mut consumer) = segment.get::<bytes::BytesConsumer>(name) {
        let _ = (consumer.len(), consumer.is_connected(), consumer.capacity());
        while let Ok(message) = consumer.try_read() {
            let _ = message.to_vec();
        }
        let _ = consumer.read_timeout(Duration::ZERO).map(|message| message.len());
    }
}
