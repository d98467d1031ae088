//! What is pushed comes out equal, or is refused: serde's attributes, types that describe themselves,
//! and vectors of numbers.

use std::collections::HashMap;
use std::fmt::Debug;

use breezeway::PushError;
use breezeway::queue::{JoinableQueue, Limits, MessageQueue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn through<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug>(value: T) {
    let queue = MessageQueue::<T>::new(Limits { messages: 2, bytes: 1 << 20 }).unwrap();
    queue.push(value.clone()).unwrap();
    assert_eq!(queue.pop().unwrap(), value);
    let queue = JoinableQueue::<T>::new(Limits { messages: 2, bytes: 1 << 20 }).unwrap();
    queue.push(value.clone()).unwrap();
    let job = queue.lease().unwrap();
    assert_eq!(*job, value);
    job.ack().unwrap();
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
    b: u8,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Skipped {
    A,
    #[serde(skip)]
    #[allow(dead_code)]
    B,
    C,
    D,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
    Unit,
    Fields { x: i64, y: Option<Skipped> },
    Others { z: Vec<u8> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "kind")]
enum Tagged {
    A { x: u32, inner: Box<Untagged> },
    B(Skipping),
    C,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "kind", content = "content")]
enum Adjacent {
    A(u8, u8),
    B { x: f32 },
    C,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Flattened {
    #[serde(rename = "name")]
    first: String,
    #[serde(flatten)]
    inner: Skipping,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

#[test]
fn message_queue_push_skipped_fields_and_variants() {
    through(vec![Skipping { a: None, b: 0 }, Skipping { a: Some(0), b: 0 }]);
    through(vec![Skipped::A, Skipped::C, Skipped::D]);
}

#[test]
fn message_queue_push_types_that_describe_themselves() {
    through(json!({"a": 1, "b": [null, true, -5, 1.25, "text"], "c": {}}));
    let fields = Untagged::Fields { x: -1, y: Some(Skipped::D) };
    let untagged = vec![Untagged::Text("x".into()), Untagged::Number(1), Untagged::Unit, fields.clone()];
    through(untagged);
    through(vec![Untagged::Others { z: vec![1, 2, 3] }, Untagged::Fields { x: 1, y: None }]);
    through(vec![
        Tagged::A { x: 1, inner: Box::new(fields) },
        Tagged::B(Skipping { a: None, b: 2 }),
        Tagged::C,
    ]);
    through(vec![Adjacent::A(1, 2), Adjacent::B { x: 0.5 }, Adjacent::C]);
    let rest = HashMap::from([("other".to_owned(), json!([1, "x"]))]);
    through(Flattened { first: "f".into(), inner: Skipping { a: Some(1), b: 2 }, rest });
}

#[test]
fn message_queue_push_options_and_units() {
    through(vec![None, Some(None), Some(Some(()))]);
    through((Some("127.0.0.1".parse::<std::net::IpAddr>().unwrap()), std::time::Duration::from_nanos(1)));
}

#[test]
fn message_queue_push_vectors_of_numbers() {
    through((0..100_000).map(|n| n as u8).collect::<Vec<u8>>());
    through((0..10_000).map(f64::from).collect::<Vec<f64>>());
    through((vec![i16::MIN, 1], Some(vec![u64::MAX]), vec![vec![1_u32]; 3]));
}

/// A skipped field that cannot come back.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Missing {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[test]
fn message_queue_push_refuses_what_could_not_be_popped() {
    through(Missing { list: vec![1] });
    let queue = MessageQueue::<Missing>::new(2).unwrap();
    let pushed = queue.push(Missing { list: vec![] });
    assert!(matches!(pushed, Err(PushError::Encode { .. })), "{pushed:?}");
    assert!(queue.is_empty());
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Nested(Option<Box<Nested>>);

#[test]
fn message_queue_push_refuses_deep_recursion() {
    let nested = |depth: usize| (0..depth).fold(Nested(None), |inner, _| Nested(Some(Box::new(inner))));
    through(nested(50));
    let queue = MessageQueue::<Nested>::new(2).unwrap();
    assert!(matches!(queue.push(nested(1000)), Err(PushError::Encode { .. })));
    let queue = MessageQueue::<Value>::new(2).unwrap();
    let deep = (0..1000).fold(json!(1), |inner, _| json!([inner]));
    assert!(matches!(queue.push(deep), Err(PushError::Encode { .. })));
    assert!(queue.is_empty());
}
