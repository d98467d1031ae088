//! Futures dropped at any time: nothing is lost, and a dropped task is not woken afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use breezeway::queue::{JoinableQueue, Lease, MessageQueue, Queue};
use breezeway::sync::{
    BoundedSemaphore, BoundedSemaphorePermit, ByTask, Event, Mutex, MutexGuard, Semaphore, SemaphorePermit,
};
use proptest::prelude::*;
use support::Watchdog;
use support::polled::{Counter, Polled};

const PERMITS: usize = 2;

/// What tasks wait for.
struct World {
    queue: Queue<u64>,
    messages: MessageQueue<u64>,
    jobs: JoinableQueue<u64>,
    semaphore: Semaphore,
    bounded: BoundedSemaphore,
    mutex: Mutex,
    event: Event,
}

impl World {
    fn new() -> Self {
        Self {
            queue: Queue::new(2).unwrap(),
            messages: MessageQueue::new(2).unwrap(),
            jobs: JoinableQueue::new(2).unwrap(),
            semaphore: Semaphore::new(PERMITS).unwrap(),
            bounded: BoundedSemaphore::new(PERMITS).unwrap(),
            mutex: Mutex::new().unwrap(),
            event: Event::new().unwrap(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Push,
    Pop,
    Lease,
    PushMessage,
    PopMessage,
    PushJob,
    LeaseJob,
    PopJob,
    Join,
    Acquire,
    AcquireBounded,
    Lock,
    Wait,
}

/// What an operation gives: something that counts, or something that is held.
enum Got<'a> {
    Pushed(Place, u64),
    Popped(Place, u64),
    Lease(Lease<'a, u64>),
    Job(breezeway::queue::Job<u64>),
    Permit { _permit: SemaphorePermit<'a> },
    Bounded { _permit: BoundedSemaphorePermit<'a> },
    Guard { _guard: MutexGuard<'a, ByTask> },
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Queue,
    Messages,
    Jobs,
}

impl Operation {
    async fn run(self, world: &World, number: u64) -> Got<'_> {
        let World { queue, messages, jobs, semaphore, bounded, mutex, event } = world;
        match self {
            Self::Push => {
                queue.push_async(number).await.unwrap();
                Got::Pushed(Place::Queue, number)
            }
            Self::Pop => Got::Popped(Place::Queue, queue.pop_async().await.unwrap()),
            Self::Lease => Got::Lease(queue.lease_async().await.unwrap()),
            Self::PushMessage => {
                messages.push_async(number).await.unwrap();
                Got::Pushed(Place::Messages, number)
            }
            Self::PopMessage => Got::Popped(Place::Messages, messages.pop_async().await.unwrap()),
            Self::PushJob => {
                jobs.push_async(number).await.unwrap();
                Got::Pushed(Place::Jobs, number)
            }
            Self::LeaseJob => Got::Job(jobs.lease_async().await.unwrap()),
            Self::PopJob => Got::Popped(Place::Jobs, jobs.pop_async().await.unwrap()),
            Self::Join => {
                jobs.join_async().await.unwrap();
                Got::Nothing
            }
            Self::Acquire => Got::Permit { _permit: semaphore.acquire_async().await.unwrap() },
            Self::AcquireBounded => Got::Bounded { _permit: bounded.acquire_async().await.unwrap() },
            Self::Lock => Got::Guard { _guard: mutex.lock_async().await.unwrap() },
            Self::Wait => {
                event.wait_async().await.unwrap();
                Got::Nothing
            }
        }
    }
}

/// What the test does next; a number says to which of the tasks, or of the things held.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(Operation),
    Poll(usize),
    /// Only where it was called.
    PollCalled(usize),
    Drop(usize),
    GiveBack(usize),
    Finish(usize),
    Flip,
    Pause,
}

fn operations() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop::sample::select(vec![
        Push,
        Pop,
        Lease,
        PushMessage,
        PopMessage,
        PushJob,
        LeaseJob,
        PopJob,
        Join,
        Acquire,
        AcquireBounded,
        Lock,
        Wait,
    ])
}

fn steps() -> impl Strategy<Value = Step> {
    let which = 0..usize::MAX;
    prop_oneof![
        6 => operations().prop_map(Step::Begin),
        3 => which.clone().prop_map(Step::Poll),
        3 => which.clone().prop_map(Step::PollCalled),
        4 => which.clone().prop_map(Step::Drop),
        2 => which.clone().prop_map(Step::GiveBack),
        2 => which.prop_map(Step::Finish),
        1 => Just(Step::Flip),
        1 => Just(Step::Pause),
    ]
}

/// Tasks, what they gave, and who was called for those that are gone.
struct Run<'a> {
    world: &'a World,
    tasks: Vec<Polled<'a, Got<'a>>>,
    held: Vec<Got<'a>>,
    gone: Vec<Arc<Counter>>,
    /// What is in each queue.
    inside: BTreeMap<(Place, u64), i32>,
    next: u64,
}

impl<'a> Run<'a> {
    fn new(world: &'a World) -> Self {
        let (tasks, held, gone) = Default::default();
        Self { world, tasks, held, gone, inside: BTreeMap::new(), next: 0 }
    }

    fn step(&mut self, step: Step) {
        let pick = |which: usize, len: usize| (len > 0).then(|| which % len);
        match step {
            Step::Begin(operation) => {
                self.next += 1;
                self.tasks.push(Polled::new(operation.run(self.world, self.next)));
                self.poll(self.tasks.len() - 1);
            }
            Step::Poll(which) => {
                pick(which, self.tasks.len()).into_iter().for_each(|n| self.poll(n));
            }
            Step::PollCalled(which) => {
                let called = |n: &usize| self.tasks[*n].is_called();
                let called: Vec<usize> = (0..self.tasks.len()).filter(called).collect();
                if let Some(n) = pick(which, called.len()) {
                    self.poll(called[n]);
                }
            }
            Step::Drop(which) => {
                if let Some(n) = pick(which, self.tasks.len()) {
                    self.drop(n);
                }
            }
            Step::GiveBack(which) => {
                if let Some(n) = pick(which, self.held.len()) {
                    drop(self.held.swap_remove(n));
                }
            }
            Step::Finish(which) => {
                if let Some(n) = pick(which, self.held.len()) {
                    let held = self.held.swap_remove(n);
                    self.finish(held);
                }
            }
            Step::Flip => {
                if !self.world.event.set() {
                    self.world.event.clear();
                }
            }
            Step::Pause => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }

    fn poll(&mut self, n: usize) {
        let Some(got) = self.tasks[n].poll() else { return };
        self.drop(n);
        match got {
            Got::Pushed(place, number) => self.count(place, number, 1),
            Got::Popped(place, number) => self.count(place, number, -1),
            Got::Nothing => {}
            held => self.held.push(held),
        }
    }

    /// The task is gone, done or not.
    fn drop(&mut self, n: usize) {
        let task = self.tasks.swap_remove(n);
        self.gone.push(Arc::clone(&task.counter));
    }

    fn count(&mut self, place: Place, number: u64, change: i32) {
        *self.inside.entry((place, number)).or_default() += change;
    }

    fn finish(&mut self, held: Got<'a>) {
        match held {
            Got::Lease(lease) => {
                self.count(Place::Queue, *lease, -1);
                lease.ack().unwrap();
            }
            Got::Job(job) => {
                self.count(Place::Jobs, *job, -1);
                job.ack().unwrap();
            }
            other => drop(other),
        }
    }

    /// With all tasks gone and all that is held given back, what is left is what it should be.
    fn settle(mut self) {
        while !self.tasks.is_empty() {
            self.drop(0);
        }
        self.held.clear();
        let World { queue, messages, jobs, semaphore, bounded, mutex, .. } = self.world;
        while let Ok(number) = queue.try_pop() {
            self.count(Place::Queue, number, -1);
        }
        while let Ok(number) = messages.try_pop() {
            self.count(Place::Messages, number, -1);
        }
        while let Ok(job) = jobs.try_lease() {
            self.finish(Got::Job(job));
        }
        assert_eq!(jobs.unfinished(), 0);
        let wrong: Vec<_> = self.inside.iter().filter(|(_, count)| **count != 0).collect();
        assert!(wrong.is_empty(), "lost (1) or doubled (-1): {wrong:?}");
        assert_eq!((semaphore.available(), bounded.available()), (PERMITS, PERMITS));
        assert!(mutex.try_lock().is_ok());
        self.everything_works();
        assert!(self.gone.iter().all(|counter| counter.late_calls() == 0));
    }

    /// New tasks get what they wait for.
    fn everything_works(&self) {
        let World { queue, messages, jobs, semaphore, mutex, .. } = self.world;
        let popping = Polled::waiting(queue.pop_async());
        let taking = Polled::waiting(messages.pop_async());
        let leasing = Polled::waiting(jobs.lease_async());
        queue.push(1).unwrap();
        messages.push(2).unwrap();
        jobs.push(3).unwrap();
        assert_eq!((popping.finish().unwrap(), taking.finish().unwrap()), (1, 2));
        leasing.finish().unwrap().ack().unwrap();
        let permits = [semaphore.acquire().unwrap(), semaphore.acquire().unwrap()];
        let guard = mutex.lock().unwrap();
        let (acquiring, locking) =
            (Polled::waiting(semaphore.acquire_async()), Polled::waiting(mutex.lock_async()));
        drop((permits, guard));
        drop((acquiring.finish().unwrap(), locking.finish().unwrap()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn async_operations_dropped_at_random_lose_nothing(steps in prop::collection::vec(steps(), 1..80)) {
        let _watchdog = Watchdog::start(60);
        let world = World::new();
        let mut run = Run::new(&world);
        steps.into_iter().for_each(|step| run.step(step));
        run.settle();
    }
}

/// Somebody pushes as fast as he can, while tasks that wait are dropped.
#[test]
fn pop_async_dropped_is_never_woken_afterwards() {
    const ROUNDS: u64 = 20_000;
    let _watchdog = Watchdog::start(120);
    let queue = Queue::<u64>::new(4).unwrap();
    let is_over = AtomicBool::new(false);
    let mut pushed = 0;
    let mut popped = 0;
    let mut gone = Vec::new();
    std::thread::scope(|scope| {
        let pusher = scope.spawn(|| {
            let mut count = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                count += u64::from(queue.try_push(count).is_ok());
            }
            count
        });
        for round in 0..ROUNDS {
            while queue.try_pop().is_ok() {
                popped += 1;
            }
            let mut tasks = [Polled::new(queue.pop_async()), Polled::new(queue.pop_async())];
            for task in &mut tasks {
                gone.push(Arc::clone(&task.counter));
                popped += u64::from(task.poll().is_some());
            }
            (0..round % 64 * 8).for_each(|_| std::hint::spin_loop());
        }
        is_over.store(true, Ordering::Relaxed);
        pushed = pusher.join().unwrap();
    });
    while queue.try_pop().is_ok() {
        popped += 1;
    }
    assert_eq!(popped, pushed, "nothing is lost with a task");
    assert!(gone.iter().any(|counter| counter.calls() > 0), "some were called");
    let late: u32 = gone.iter().map(|counter| counter.late_calls()).sum();
    assert_eq!(late, 0, "calls for tasks that are gone");
}
