//! Functions and arguments of a spawned process.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;

use breezeway::process::Process;
use breezeway::queue::{JoinableQueue, MessageQueue, Queue, bytes, spsc};
use breezeway::sync::{Barrier, Event, Mutex, Semaphore};
use breezeway::{Array, Atomic, Segment, SpawnError, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{Watchdog, unique};

fn fill((value, array): (Value<f64>, Array<i32>)) {
    value.set(50.0).unwrap();
    array.lock().unwrap().iter_mut().for_each(|x| *x += 10);
}

#[test]
fn spawn_with_anonymous_value_and_array() {
    let _watchdog = Watchdog::start(60);
    let value = Value::<f64>::new(20.0).unwrap();
    let array = Array::<i32>::new(0..10).unwrap();
    let child = Process::spawn(fill, (value.clone(), array.clone())).unwrap();
    assert_eq!(child.join().unwrap(), 0);
    assert_eq!(value.get(), 50.0);
    assert_eq!(array.to_vec(), (10..20).collect::<Vec<_>>());
}

#[test]
fn spawn_with_named_value_and_array() {
    let _watchdog = Watchdog::start(60);
    let value = Value::<f64>::create(&unique("value"), 20.0).unwrap();
    let array = Array::<i32>::create(&unique("array"), 0..10).unwrap();
    Process::spawn(fill, (value.clone(), array.clone())).unwrap().result().unwrap();
    assert_eq!((value.get(), array.get(9).unwrap()), (50.0, 19));
}

#[test]
fn spawned_child_keeps_memory_after_handles_dropped() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, rx) = spsc::new::<u64>(16).unwrap();
    let child = Process::spawn(
        |mut rx: spsc::Consumer<u64>| {
            let mut sum = 0;
            while let Ok(number) = rx.pop() {
                sum += number;
            }
            sum
        },
        rx,
    )
    .unwrap();
    (1..=100).for_each(|number| tx.push(number).unwrap());
    // The end of what the child reads; nobody but it keeps the memory.
    drop(tx);
    assert_eq!(child.result().unwrap(), 5050);
}

#[test]
fn spawn_with_spsc_and_bytes_producers() {
    let _watchdog = Watchdog::start(60);
    let (tx, mut rx) = spsc::new::<u64>(16).unwrap();
    let (frames, mut read) = bytes::new(4096).unwrap();
    let child = Process::spawn(
        |(mut tx, mut frames): (spsc::Producer<u64>, bytes::BytesProducer)| {
            tx.push(7).unwrap();
            frames.push(b"seven").unwrap();
        },
        (tx, frames),
    )
    .unwrap();
    assert_eq!(rx.pop().unwrap(), 7);
    assert_eq!(&*read.read().unwrap(), b"seven");
    assert_eq!(child.join().unwrap(), 0);
    assert!(rx.pop().is_err(), "its end is the queue's end");
}

#[derive(Serialize, Deserialize)]
struct Everything {
    mutex: Mutex,
    event: Event,
    semaphore: Semaphore,
    barrier: Barrier,
    atomic: Atomic<u64>,
    queue: Queue<u32>,
    messages: MessageQueue<String>,
    jobs: JoinableQueue<u8>,
    plant: Segment,
}

#[test]
fn spawn_with_every_kind_of_handle() {
    let _watchdog = Watchdog::start(60);
    let plant = Segment::create(&unique("plant"), 1 << 20).unwrap();
    let inside = plant.add::<Value<u64>>("inside", 1).unwrap();
    let all = || Everything {
        mutex: Mutex::new().unwrap(),
        event: Event::new().unwrap(),
        semaphore: Semaphore::new(0).unwrap(),
        barrier: Barrier::new(2).unwrap(),
        atomic: Atomic::new(5).unwrap(),
        queue: Queue::new(4).unwrap(),
        messages: MessageQueue::new(4).unwrap(),
        jobs: JoinableQueue::new(4).unwrap(),
        plant: plant.clone(),
    };
    let ours = all();
    let copy = Everything {
        mutex: ours.mutex.clone(),
        event: ours.event.clone(),
        semaphore: ours.semaphore.clone(),
        barrier: ours.barrier.clone(),
        atomic: ours.atomic.clone(),
        queue: ours.queue.clone(),
        messages: ours.messages.clone(),
        jobs: ours.jobs.clone(),
        plant: ours.plant.clone(),
    };
    let held = ours.mutex.lock().unwrap();
    let work = |all: Everything| {
        all.semaphore.release(1).unwrap();
        drop(all.mutex.lock().unwrap());
        all.atomic.fetch_add(1, Ordering::Relaxed);
        all.plant.get::<Value<u64>>("inside").unwrap().set(2).unwrap();
        all.jobs.lease().unwrap().ack().unwrap();
        all.messages.push(all.queue.pop().unwrap().to_string()).unwrap();
        all.event.set();
        all.barrier.wait().unwrap();
    };
    let child = Process::spawn(work, copy).unwrap();
    drop(ours.semaphore.acquire().unwrap());
    drop(held);
    ours.queue.push(42).unwrap();
    ours.jobs.push(1).unwrap();
    ours.event.wait().unwrap();
    ours.barrier.wait().unwrap();
    ours.jobs.join().unwrap();
    assert_eq!(ours.messages.pop().unwrap(), "42");
    assert_eq!((ours.atomic.load(Ordering::Relaxed), inside.get()), (6, 2));
    assert_eq!(child.join().unwrap(), 0);
}

fn largest<T: Ord + Default>(all: Vec<T>) -> T {
    all.into_iter().max().unwrap_or_default()
}

#[test]
fn spawn_generic_functions_closures_and_fn_pointers() {
    let _watchdog = Watchdog::start(60);
    assert_eq!(Process::spawn(largest::<u8>, vec![1, 3, 2]).unwrap().result().unwrap(), 3);
    let words = ["a", "c", "b"].map(str::to_owned).to_vec();
    assert_eq!(Process::spawn(largest::<String>, words).unwrap().result().unwrap(), "c");
    assert_eq!(Process::spawn(|x| x + 1, 41).unwrap().result().unwrap(), 42);
    // Chosen at run time.
    let table: [fn(i64) -> i64; 2] = [|x| x * x, i64::abs];
    let squares = table.map(|function| Process::spawn(function, -3).unwrap().result().unwrap());
    assert_eq!(squares, [9, 3]);
}

#[test]
fn spawn_and_result_of_16_mib() {
    let _watchdog = Watchdog::start(60);
    let large: Vec<u8> = (0..16 << 20).map(|n: u32| n as u8).collect();
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    let mut back = Process::spawn(reverse, large.clone()).unwrap().result().unwrap();
    back.reverse();
    assert!(back == large);
}

/// Whose encoding is not what its decoder expects.
struct Odd;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        1u8.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("{number} is an odd number")))
    }
}

/// Whose decoder panics.
struct Bomb;

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("boom")
    }
}

#[test]
fn spawn_with_undecodable_arguments_fails() {
    let _watchdog = Watchdog::start(60);
    let error = Process::spawn(|_: Odd| (), Odd).unwrap_err();
    assert!(matches!(&error, SpawnError::Arguments { .. }), "{error}");
    let error = Process::spawn(|_: Bomb| (), Bomb).unwrap_err();
    assert!(matches!(&error, SpawnError::Arguments { message } if message == "boom"), "{error}");
    // The child would have to allow it.
    let shared = Segment::builder().mode(0o660).create(&unique("shared"), 1 << 16).unwrap();
    let value = shared.add::<Value<u8>>("value", 1).unwrap();
    let error = Process::spawn(|_: Value<u8>| (), value).unwrap_err();
    assert!(matches!(&error, SpawnError::Arguments { .. }), "{error}");
}

#[test]
fn spawn_with_handle_whose_name_was_removed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("gone");
    let value = Value::<u8>::create(&name, 1).unwrap();
    Segment::remove(&name).unwrap();
    assert_eq!(Process::spawn(|value: Value<u8>| value.get(), value).unwrap().result().unwrap(), 1);
}

/// What cannot be encoded.
#[derive(Deserialize)]
struct Secret<T>(PhantomData<T>);

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }
}

#[test]
fn spawn_with_unencodable_arguments_fails() {
    let error = Process::spawn(|_: Secret<u8>| (), Secret(PhantomData)).unwrap_err();
    assert!(matches!(&error, SpawnError::Encode { .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn result_of_unencodable_type_returns_unencodable() {
    let _watchdog = Watchdog::start(60);
    let child = Process::spawn(|()| Secret::<u8>(PhantomData), ()).unwrap();
    assert_eq!(child.join().unwrap(), 1);
    let error = child.result().map(|_| ()).unwrap_err();
    assert!(matches!(error, breezeway::TaskError::Unencodable(_)), "{error}");
}

#[test]
fn spawn_function_of_shared_library_not_in_executable() {
    // The C library's, which would be a `fn` of another ABI, were it called.
    // SAFETY: it is not called; its address is looked at.
    #[allow(unsafe_code)]
    let function = unsafe { std::mem::transmute::<*const (), fn(i32) -> i32>(libc::getpid as *const ()) };
    let error = Process::spawn(function, 1).unwrap_err();
    assert!(matches!(error, SpawnError::NotInExecutable), "{error}");
}
