//! A serialised endpoint belongs to the process that deserialises it.

use std::time::Duration;

use breezeway::queue::spsc::{self, Consumer, Producer};
use breezeway::{PopError, PushError};
use support::scratch::Scratch;
use support::{Role, Watchdog, listen, role, say, unique};

use super::child;

const SOON: Duration = Duration::from_millis(150);

/// Child: makes something of a text.
#[test]
fn receiver() {
    let Some(arguments) = role() else { return };
    match (&*arguments[0], &arguments[1]) {
        ("producer", text) => child::produce(serde_json::from_str(text).unwrap()),
        ("consumer", text) => child::consume(serde_json::from_str(text).unwrap()),
        ("send", name) => {
            let tx = Producer::<u64>::open(name).unwrap();
            say(&serde_json::to_string(&tx).unwrap());
            listen();
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn receive(what: &str, text: &str) -> Role {
    let mut receiver = Role::spawn(receiver, &[what, text]);
    assert_eq!(receiver.hear(), "ready");
    receiver
}

#[test]
fn serialized_producer_belongs_to_receiver() {
    let _watchdog = Watchdog::start(60);
    for named in [true, false] {
        let name = unique("spsc-sent");
        let ends = if named { spsc::create::<u64>(&name, 4) } else { spsc::new(4) };
        let (mut tx, mut rx) = ends.unwrap();
        tx.push(1).unwrap();
        let text = serde_json::to_string(&tx).unwrap();
        assert!(matches!(tx.push(2), Err(PushError::HandedOver(2))));
        assert!(matches!(tx.try_push(2), Err(PushError::HandedOver(2))));
        assert!(serde_json::to_string(&tx).is_err(), "sent twice");
        assert_eq!(rx.pop().unwrap(), 1);
        // On its way, it is not gone.
        assert!(matches!(rx.pop_timeout(SOON), Err(PopError::Timeout)));
        let mut receiver = receive("producer", &text);
        assert_eq!(child::ask(&mut receiver, "push 2 3"), "Ok(())");
        // The copy left here has no say.
        drop(tx);
        assert_eq!((rx.pop().unwrap(), rx.pop().unwrap()), (2, 3));
        assert!(matches!(rx.pop_timeout(SOON), Err(PopError::Timeout)));
        assert!(serde_json::from_str::<Producer<u64>>(&text).is_err(), "received twice");
        receiver.kill();
        assert!(matches!(rx.pop(), Err(PopError::Disconnected)));
    }
}

#[test]
fn serialized_consumer_belongs_to_receiver() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = spsc::new::<u64>(4).unwrap();
    tx.push_slice(&[1, 2, 3]).unwrap();
    assert_eq!(rx.pop().unwrap(), 1);
    let text = serde_json::to_string(&rx).unwrap();
    assert!(matches!(rx.pop(), Err(PopError::HandedOver)));
    let mut receiver = receive("consumer", &text);
    assert_eq!(child::ask(&mut receiver, "pop"), "Ok(2)");
    assert!(tx.is_connected());
    assert_eq!(child::ask(&mut receiver, "drop"), "dropped");
    assert!(matches!(tx.push(4), Err(PushError::Disconnected(4))));
}

/// Within the process, too.
#[test]
fn serialized_producer_deserialized_in_same_process() {
    let (tx, mut rx) = spsc::new::<u64>(4).unwrap();
    let text = serde_json::to_string(&tx).unwrap();
    let mut again: Producer<u64> = serde_json::from_str(&text).unwrap();
    drop(tx);
    again.push(1).unwrap();
    assert_eq!(rx.pop().unwrap(), 1);
    assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
}

#[test]
fn serialized_producer_of_dead_sender_until_received() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-lost");
    let mut rx = Consumer::<u64>::create(&name, 4).unwrap();
    let mut sender = Role::spawn(receiver, &["send", &name]);
    let text = sender.hear();
    assert!(matches!(rx.pop_timeout(SOON), Err(PopError::Timeout)));
    sender.kill();
    assert!(matches!(rx.pop(), Err(PopError::Disconnected)));
    let mut late: Producer<u64> = serde_json::from_str(&text).unwrap();
    late.push(1).unwrap();
    assert_eq!(rx.pop().unwrap(), 1);
}

#[test]
fn serialized_producer_of_file_segment() {
    let _watchdog = Watchdog::start(60);
    let scratch = Scratch::new("spsc-file");
    let segment = breezeway::Segment::create_file(scratch.file("segment"), 1 << 16).unwrap();
    let (tx, mut rx) = spsc::add::<u64>(&segment, "queue", 4).unwrap();
    let mut receiver = receive("producer", &serde_json::to_string(&tx).unwrap());
    assert_eq!(child::ask(&mut receiver, "push 5"), "Ok(())");
    assert_eq!(rx.pop().unwrap(), 5);
}

#[test]
fn serialized_producer_reclaimed_by_get_before_receipt() {
    let (tx, mut rx) = spsc::new::<u64>(4).unwrap();
    let text = serde_json::to_string(&tx).unwrap();
    let mut again = rx.segment().get::<Producer<u64>>("root").unwrap();
    // From then on there is nothing to receive.
    assert!(serde_json::from_str::<Producer<u64>>(&text).is_err());
    drop(tx);
    again.push(1).unwrap();
    assert_eq!(rx.pop().unwrap(), 1);
}
