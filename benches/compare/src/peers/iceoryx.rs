//! iceoryx2: a topic with one publisher and one subscriber, and an event for a subscriber that
//! sleeps.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::{Path as StdPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use breezeway_bench::case::Failure;
use breezeway_bench::catalogue::link::{Link, Open};
use breezeway_bench::message::{Message, Receiver, Sender, poll_until};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

/// The prefix of our files, before the id of the process that made them.
const PREFIX: &str = "breezeway-compare-";
/// Generous, because two processes open a service at once, perhaps on a busy machine.
const CREATION_TIMEOUT: Duration = Duration::from_secs(20);

/// A message that iceoryx2 accepts.
pub trait Payload: Message + ZeroCopySend + Debug {}

impl<M: Message + ZeroCopySend + Debug> Payload for M {}

/// A topic. With `PARKED` its subscriber sleeps. Each end makes a node of its own.
pub struct Topic<M, const PARKED: bool> {
    number: u64,
    capacity: usize,
    /// The process whose id is in the names of the files.
    owner: u32,
    messages: PhantomData<M>,
}

pub struct Tx<M: Payload> {
    publisher: Publisher<ipc::Service, M, ()>,
    notifier: Option<Notifier<ipc::Service>>,
    /// Kept alive for the ports.
    _node: Node<ipc::Service>,
}

pub struct Rx<M: Payload> {
    subscriber: Subscriber<ipc::Service, M, ()>,
    listener: Option<Listener<ipc::Service>>,
    /// Kept alive for the ports.
    _node: Node<ipc::Service>,
}

impl<M: Payload, const PARKED: bool> Link<M> for Topic<M, PARKED> {
    type Tx = Tx<M>;
    type Rx = Rx<M>;

    fn new(capacity: usize) -> Result<Self, Failure> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, capacity, owner: process::id(), messages: PhantomData })
    }

    fn tx(&self) -> Open<Tx<M>> {
        let (owner, number, capacity) = (self.owner, self.number, self.capacity);
        Box::new(move || {
            let node = node(owner);
            let builder = node.service_builder(&name(number)).publish_subscribe::<M>();
            let service = builder
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(capacity)
                .open_or_create()
                .expect("a topic");
            // A full buffer is an error, so that the publisher polls as other senders do.
            let publisher = service
                .publisher_builder()
                .backpressure_strategy(BackpressureStrategy::DiscardData)
                .create()
                .expect("a publisher");
            let notifier = PARKED.then(|| {
                let event = node.service_builder(&name(number)).event();
                let event = event.open_or_create().expect("an event");
                event.notifier_builder().create().expect("a notifier")
            });
            Tx { publisher, notifier, _node: node }
        })
    }

    fn rx(&self) -> Open<Rx<M>> {
        let (owner, number, capacity) = (self.owner, self.number, self.capacity);
        Box::new(move || {
            let node = node(owner);
            let builder = node.service_builder(&name(number)).publish_subscribe::<M>();
            let service = builder
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(capacity)
                .open_or_create()
                .expect("a topic");
            let subscriber =
                service.subscriber_builder().buffer_size(capacity).create().expect("a subscriber");
            let listener = PARKED.then(|| {
                let event = node.service_builder(&name(number)).event();
                let event = event.open_or_create().expect("an event");
                event.listener_builder().create().expect("a listener")
            });
            Rx { subscriber, listener, _node: node }
        })
    }
}

impl<M: Payload> Sender<M> for Tx<M> {
    fn send(&mut self, message: &M) {
        poll_until(|| {
            let sample = self.publisher.loan_uninit().expect("a sample").write_payload(*message);
            (sample.send().expect("a subscriber") == 1).then_some(())
        });
        if let Some(notifier) = &self.notifier {
            notifier.notify().expect("a listener");
        }
    }
}

impl<M: Payload> Receiver<M> for Rx<M> {
    fn receive(&mut self, message: &mut M) {
        let receive = || self.subscriber.receive().expect("a publisher").map(|sample| *sample);
        *message = match &self.listener {
            None => poll_until(receive),
            Some(listener) => loop {
                if let Some(message) = receive() {
                    break message;
                }
                listener.blocking_wait(|_| ()).expect("an event");
            },
        };
    }
}

fn name(number: u64) -> ServiceName {
    format!("breezeway/compare/{number}").as_str().try_into().expect("a name")
}

/// A node whose files are apart from those of other users of iceoryx2.
fn node(owner: u32) -> Node<ipc::Service> {
    set_log_level(LogLevel::Error);
    let mut config = Config::default();
    let directory = directory(owner);
    let directory = directory.to_str().expect("a temporary directory in UTF-8");
    config.global.set_root_path(&Path::new(directory.as_bytes()).expect("a path"));
    config.global.prefix = FileName::new(format!("{PREFIX}{owner}-").as_bytes()).expect("a prefix");
    config.global.creation_timeout = CREATION_TIMEOUT;
    NodeBuilder::new().config(&config).create().expect("a node")
}

fn directory(owner: u32) -> PathBuf {
    env::temp_dir().join(format!("{PREFIX}{owner}"))
}

/// The files that iceoryx2 leaves of killed processes, as peers are. They are removed on drop.
pub struct Files(());

impl Files {
    /// Removes the files of earlier runs that were killed.
    pub fn new() -> Self {
        remove(|owner| !StdPath::new("/proc").join(owner).exists());
        Self(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        remove(|owner| owner == process::id().to_string());
    }
}

/// Removes the files of the matching processes, by their ids.
fn remove(is_theirs: impl Fn(&str) -> bool) {
    for directory in [StdPath::new("/dev/shm"), &env::temp_dir()] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let Some(owner) = rest.and_then(|rest| rest.split(['-', '_', '.']).next()) else { continue };
            if is_theirs(owner) {
                // The next run tries again what cannot be removed now.
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
    }
}
