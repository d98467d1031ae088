//! [`breezeway::queue::Queue`] between living processes: no value is lost or delivered twice, each
//! producer's order is kept, waiters are woken.

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{DoneError, PopError, Segment};
use support::fork::fork;
use support::numbered::Numbered;
use support::process::{futex_operation, is_parked, thread_id, until_parked};
use support::waiting::{asleep, ticks_of_process};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap();
    match arguments[..] {
        ["push", name, me, count] => push_all(&Queue::open(name).unwrap(), number(me), number(count)),
        ["push batches", name, me, count] => {
            push_batches(&Queue::open(name).unwrap(), number(me), number(count))
        }
        ["take", name] => {
            Tally::of(Queue::<[u64; 2]>::open(name).unwrap().iter().map(Result::unwrap)).tell();
        }
        ["take batches", name] => take_batches(&Queue::open(name).unwrap()),
        ["take leases", name] => take_leases(&Queue::open(name).unwrap()),
        ["push pages", name, count] => push_pages(&Queue::open(name).unwrap(), number(count)),
        ["pop", name] => {
            let queue = Queue::<u64>::open(name).unwrap();
            say(&thread_id());
            say(&format!("{:?}", queue.pop()));
            listen();
        }
        ["close", name] => assert!(Queue::<u64>::open(name).unwrap().close()),
        ["fork", name] => fork_and_push(name),
        ["fork unattached"] => fork_and_iterate_unattached(),
        _ => unreachable!("{arguments:?}"),
    }
}

fn start() {
    say("ready");
    listen();
}

fn push_all(queue: &Queue<[u64; 2]>, me: u64, count: u64) {
    start();
    (0..count).for_each(|n| queue.push([me, n]).unwrap());
}

fn push_batches(queue: &Queue<[u64; 2]>, me: u64, count: u64) {
    start();
    let values: Vec<_> = (0..count).map(|n| [me, n]).collect();
    values.chunks(17).for_each(|batch| queue.push_slice(batch).unwrap());
}

/// What came out of a queue: how many, and a sum in which nothing lost and doubled cancels out.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    /// Takes note of all values, and sees that each producer's are in order.
    fn of(values: impl Iterator<Item = [u64; 2]>) -> Self {
        let mut tally = Self::default();
        let mut next = [0; 8];
        for [producer, n] in values {
            let next = &mut next[producer as usize];
            assert!(n >= *next, "{n} of producer {producer} behind {next}");
            *next = n + 1;
            tally.add([producer, n]);
        }
        tally
    }

    fn add(&mut self, [producer, n]: [u64; 2]) {
        let mixed = (producer << 32 | n).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.count += 1;
        self.sum = self.sum.wrapping_add(mixed ^ mixed >> 29);
    }

    fn expected(producers: u64, each: u64) -> Self {
        let mut tally = Self::default();
        (0..producers).for_each(|me| (0..each).for_each(|n| tally.add([me, n])));
        tally
    }

    fn tell(&self) {
        say(&format!("{} {}", self.count, self.sum));
    }

    fn hear(child: &mut Role) -> Self {
        let word = child.hear();
        let (count, sum) = word.split_once(' ').unwrap();
        Self { count: count.parse().unwrap(), sum: sum.parse().unwrap() }
    }
}

fn take_batches(queue: &Queue<[u64; 2]>) {
    let mut batch = [[0; 2]; 13];
    let batches =
        std::iter::from_fn(|| queue.pop_slice(&mut batch).ok().map(|count| batch[..count].to_vec()));
    Tally::of(batches.flatten()).tell();
}

fn take_leases(queue: &Queue<[u64; 2]>) {
    let leased = std::iter::from_fn(|| {
        let lease = queue.lease().ok()?;
        assert!(!lease.redelivered(), "nobody has died or let fall");
        let value = *lease;
        lease.ack().unwrap();
        Some(value)
    });
    Tally::of(leased).tell();
}

/// Producers and consumers of these kinds, and what the consumers took in all.
fn is_exact(capacity: usize, producers: &[&str], consumers: &[&str], each: u64) {
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-exact");
    let queue = Queue::<[u64; 2]>::create(&name, capacity).unwrap();
    let mut consumers: Vec<_> =
        consumers.iter().map(|verb| Role::spawn(in_a_child, &[verb, &name])).collect();
    let spawn = |(me, verb): (usize, &&str)| {
        Role::spawn(in_a_child, &[verb, &name, &me.to_string(), &each.to_string()])
    };
    let mut producers: Vec<_> = producers.iter().enumerate().map(spawn).collect();
    let expected = Tally::expected(producers.len() as u64, each);
    producers.iter_mut().for_each(|producer| assert_eq!(producer.hear(), "ready"));
    producers.iter_mut().for_each(|producer| producer.tell("go"));
    producers.into_iter().for_each(|producer| assert!(producer.join().success()));
    queue.close();
    let mut found = Tally::default();
    for consumer in &mut consumers {
        let Tally { count, sum } = Tally::hear(consumer);
        found = Tally { count: found.count + count, sum: found.sum.wrapping_add(sum) };
    }
    assert_eq!(found, expected);
}

#[test]
fn push_pop_capacity_1_is_exact() {
    is_exact(1, &["push"; 3], &["take"; 2], 1500);
}

#[test]
fn push_pop_capacity_3_is_exact() {
    is_exact(3, &["push"; 3], &["take"; 3], 3000);
}

#[test]
fn push_pop_capacity_1000_is_exact() {
    is_exact(1000, &["push"; 3], &["take"; 3], 30_000);
}

#[test]
fn push_slice_pop_slice_are_exact() {
    is_exact(1000, &["push batches"; 2], &["take batches"; 2], 30_000);
    is_exact(7, &["push batches", "push"], &["take batches", "take"], 3000);
}

#[test]
fn lease_ack_beside_pop_is_exact() {
    is_exact(3, &["push", "push batches"], &["take leases", "take leases"], 2000);
    is_exact(100, &["push"; 2], &["take leases", "take", "take batches"], 20_000);
}

fn push_pages(queue: &Queue<[u64; 512]>, count: u64) {
    start();
    (0..count).for_each(|n| queue.push(Numbered::of(n)).unwrap());
}

#[test]
fn push_pop_large_values_whole_and_once() {
    const EACH: u64 = 3000;
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-pages");
    let queue = Queue::<[u64; 512]>::create(&name, 5).unwrap();
    let mut producers: Vec<_> =
        (0..2).map(|_| Role::spawn(in_a_child, &["push pages", &name, &EACH.to_string()])).collect();
    producers.iter_mut().for_each(|producer| {
        producer.hear();
        producer.tell("go");
    });
    let take = || {
        let mut times = vec![0_u32; EACH as usize];
        for _ in 0..EACH {
            let page = queue.pop().unwrap();
            assert!(page.is_whole());
            times[page.number() as usize] += 1;
        }
        times
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(take);
        (take(), other.join().unwrap())
    });
    assert!(one.iter().zip(&other).all(|(one, other)| one + other == 2));
    assert!(queue.try_pop().is_err());
}

#[test]
fn pop_blocked_sleeps_and_is_woken_by_other_process() {
    let _watchdog = Watchdog::start(60);
    let name = unique("queue-wake");
    let queue = Queue::<u64>::create(&name, 4).unwrap();
    let mut poppers: Vec<_> = (0..3).map(|_| Role::spawn(in_a_child, &["pop", &name])).collect();
    let threads: Vec<_> = poppers.iter_mut().map(Role::hear).collect();
    threads.iter().for_each(|thread| until_parked(thread));
    let operation = std::iter::repeat_with(|| futex_operation(&threads[0])).find_map(|found| found).unwrap();
    assert_eq!(operation & 128, 0, "a private futex in shared memory");
    let before: u64 = threads.iter().map(|thread| ticks_of_process(thread)).sum();
    std::thread::sleep(Duration::from_millis(500));
    assert!((0..1000).any(|_| is_parked(&threads[0])));
    let used = threads.iter().map(|thread| ticks_of_process(thread)).sum::<u64>() - before;
    assert!(used <= 3, "they do not sleep: {used} ticks");
    queue.push_slice(&[7, 7, 7]).unwrap();
    poppers.iter_mut().for_each(|popper| assert_eq!(popper.hear(), "Ok(7)"));
}

#[test]
fn close_in_other_process_wakes_blocked_iter() {
    let _watchdog = Watchdog::start(60);
    let name = unique("queue-close");
    let queue = Queue::<u64>::create(&name, 4).unwrap();
    let clone = queue.clone();
    let popper = asleep(move || clone.iter().map(Result::unwrap).count());
    assert!(Role::spawn(in_a_child, &["close", &name]).join().success());
    assert_eq!(popper.wake(), 0);
}

/// Two generations push and pop, each as a participant of its own.
fn fork_and_push(name: &str) {
    let queue = Queue::<u64>::open(name).unwrap();
    let child = fork(|| {
        queue.push_slice(&[1, 2]).unwrap();
        fork(|| queue.push(queue.pop().unwrap() + 10).unwrap()).join();
        let lease = queue.lease().unwrap();
        assert_eq!(*lease, 2);
        lease.ack().unwrap();
    });
    child.join();
    queue.push(20).unwrap();
    // A lease is who took it's: the child has a copy that does nothing.
    let mut lease = Some(queue.lease().unwrap());
    let mut other = Some(queue.lease().unwrap());
    fork(|| {
        drop(lease.take());
        assert_eq!(other.take().unwrap().ack(), Err(DoneError::NotHeld));
        assert!(queue.try_pop().is_err());
    })
    .join();
    assert!(queue.try_pop().is_err());
    let (lease, other) = (lease.unwrap(), other.unwrap());
    assert_eq!((*lease, *other), (11, 20));
    other.ack().unwrap();
    drop(lease);
    say("done");
    listen();
}

#[test]
fn push_pop_in_forked_children_lease_copy_has_no_effect() {
    let _watchdog = Watchdog::start(60);
    let name = unique("queue-fork");
    let queue = Queue::<u64>::create(&name, 8).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    let lease = queue.lease().unwrap();
    assert!(*lease == 11 && lease.redelivered());
    lease.ack().unwrap();
    assert!(queue.try_pop().is_err());
}

/// Forks a child for which the segment has no place.
fn fork_and_iterate_unattached() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    // A pop of a value of this size leases it first, as a participant.
    let queue = segment.add::<Queue<[u64; 64]>>("it", 2).unwrap();
    queue.push([1; 64]).unwrap();
    fork(|| {
        let mut values = queue.iter();
        assert_eq!(values.next(), Some(Err(PopError::NotAttached)));
        assert_eq!(values.next(), None, "an iterator is over after an error");
    })
    .join();
    assert_eq!(queue.try_pop().unwrap(), [1; 64]);
}

#[test]
fn queue_iter_yields_that_a_child_is_not_attached() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["fork unattached"]).join().success());
}

#[test]
fn many_queues_in_one_segment_are_independent() {
    let segment = Segment::new(1 << 20).unwrap();
    let queues: Vec<_> =
        (0..20).map(|n| segment.add::<Queue<[u8; 3]>>(&n.to_string(), n + 1).unwrap()).collect();
    for (n, queue) in queues.iter().enumerate() {
        (0..=n).for_each(|at| queue.try_push([n as u8, at as u8, 9]).unwrap());
    }
    for (n, queue) in queues.iter().enumerate() {
        (0..=n).for_each(|at| assert_eq!(queue.try_pop().unwrap(), [n as u8, at as u8, 9]));
        assert!(queue.try_pop().is_err());
    }
}
