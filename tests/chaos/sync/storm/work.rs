//! The work of the storm's processes: a method for each operation on an object.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use breezeway::sync::{
    Barrier, BoundedSemaphore, Condvar, Event, Mutex, Once, ReentrantMutex, RwLock, Semaphore,
};
use breezeway::{BarrierError, EventError, LockError, Segment, SemaphoreError};
use support::death::has_ended;
use support::storm::{Closing, Random};

use super::ledger::{Deed, Ledger, PLACES};

pub const PARTIES: usize = 3;
pub const TOTAL: usize = 3;
/// What the servers lay in for those who wait.
const STOCK: u64 = 4;
const SOON: Duration = Duration::from_micros(300);

/// The objects of the segment.
pub struct Objects {
    pub mutex: Mutex,
    pub reentrant: ReentrantMutex,
    pub rwlock: RwLock,
    pub rack: Mutex,
    pub condvar: Condvar,
    pub semaphore: Semaphore,
    pub bounded: BoundedSemaphore,
    pub event: Event,
    pub barrier: Barrier,
    segment: Segment,
}

impl Objects {
    pub fn add_to(segment: &Segment, onces: usize) -> Self {
        let objects = Self {
            mutex: segment.add("mutex", ()).unwrap(),
            reentrant: segment.add("reentrant", ()).unwrap(),
            rwlock: segment.add("rwlock", ()).unwrap(),
            rack: segment.add("rack", ()).unwrap(),
            condvar: segment.add("condvar", ()).unwrap(),
            semaphore: segment.add("semaphore", 0).unwrap(),
            bounded: segment.add("bounded", TOTAL).unwrap(),
            event: segment.add("event", ()).unwrap(),
            barrier: segment.add("barrier", PARTIES).unwrap(),
            segment: segment.clone(),
        };
        (0..onces).for_each(|n| drop(segment.add::<Once>(&format!("once {n}"), ()).unwrap()));
        objects
    }

    pub fn of(segment: &Segment) -> Self {
        Self {
            mutex: segment.get("mutex").unwrap(),
            reentrant: segment.get("reentrant").unwrap(),
            rwlock: segment.get("rwlock").unwrap(),
            rack: segment.get("rack").unwrap(),
            condvar: segment.get("condvar").unwrap(),
            semaphore: segment.get("semaphore").unwrap(),
            bounded: segment.get("bounded").unwrap(),
            event: segment.get("event").unwrap(),
            barrier: segment.get("barrier").unwrap(),
            segment: segment.clone(),
        }
    }

    pub fn once(&self, n: usize) -> Once {
        self.segment.get(&format!("once {n}")).unwrap()
    }
}

/// A process at work.
pub struct Worker<'a> {
    pub objects: &'a Objects,
    pub ledger: &'a Ledger,
    pub process: usize,
    pub place: usize,
    pub random: Random,
    pub closing: Closing,
}

/// What a worker does, and may wait for as long as it takes.
const WORK: &[Deed] = &[
    Deed::Mutex,
    Deed::ReentrantMutex,
    Deed::Write,
    Deed::Read,
    Deed::Put,
    Deed::Take,
    Deed::Acquire,
    Deed::Permit,
    Deed::Event,
    Deed::Once,
    Deed::Meet,
];

/// What a server does, for those who wait.
const SERVICE: &[Deed] = &[Deed::Put, Deed::Release, Deed::Pulse, Deed::Reset];

/// One of the three ways to wait.
enum Way {
    Try,
    Briefly,
    Forever,
}

/// What was got, if it was.
fn got<T, E: Miss>(result: Result<T, E>) -> Option<T> {
    match result {
        Ok(got) => Some(got),
        Err(error) if error.is_miss() => None,
        Err(error) => panic!("{error}"),
    }
}

/// The errors of what [`Way`] can be asked in.
trait Miss: std::error::Error {
    /// Whether the attempt, or its time, was over before it had succeeded.
    fn is_miss(&self) -> bool;
}

macro_rules! misses {
    ($($error:ty),*) => {
        $(
            impl Miss for $error {
                fn is_miss(&self) -> bool {
                    matches!(self, Self::WouldBlock | Self::Timeout)
                }
            }
        )*
    };
}

misses!(EventError, LockError, SemaphoreError);

/// Asks in one of the three ways.
macro_rules! ask {
    ($worker:ident, $object:expr, $try:ident, $briefly:ident, $forever:ident) => {
        got(match $worker.way() {
            Way::Try => $object.$try(),
            Way::Briefly => $object.$briefly(SOON),
            Way::Forever => $object.$forever(),
        })
    };
}

impl Worker<'_> {
    /// Works until all is over.
    pub fn run(&mut self, is_server: bool) {
        // Whoever was in this place before is dead.
        self.ledger.inside().fetch_and(!self.bit(), SeqCst);
        self.have_tried();
        self.ledger.pid(self.place).store(u64::from(std::process::id()), SeqCst);
        let todo = if is_server { SERVICE } else { WORK };
        while !self.ledger.is_over() {
            let deed = todo[self.random.below(todo.len() as u64) as usize];
            self.ledger.set_at(self.process, deed);
            self.work(deed);
            self.ledger.set_at(self.process, Deed::Nothing);
            self.ledger.count_operation(self.process);
            self.closing.step();
            if is_server || self.random.below(64) == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    fn work(&mut self, deed: Deed) {
        match deed {
            Deed::Nothing => {}
            Deed::Mutex => self.mutex(),
            Deed::ReentrantMutex => self.reentrant(),
            Deed::Write => self.write(),
            Deed::Read => self.read(),
            Deed::Put => self.put(),
            Deed::Take => self.take(),
            Deed::Release => self.release(),
            Deed::Acquire => self.acquire(),
            Deed::Permit => self.permit(),
            Deed::Event => self.wait(),
            Deed::Pulse => self.pulse(),
            Deed::Once => self.once(),
            Deed::Meet => self.meet(),
            Deed::Reset => self.reset(),
        }
    }

    fn bit(&self) -> u64 {
        1 << self.place
    }

    fn way(&mut self) -> Way {
        match self.random.below(3) {
            0 => Way::Try,
            1 => Way::Briefly,
            _ => Way::Forever,
        }
    }

    /// Mostly briefly, and now and then so long that others fall asleep, or that it is killed meanwhile.
    fn dwell(&mut self) {
        match self.random.below(64) {
            0 => std::thread::sleep(SOON),
            1 => std::thread::yield_now(),
            spins => (0..spins).for_each(|_| std::hint::spin_loop()),
        }
    }

    /// What is done where nobody else may be: the two words behind the lock differ only in here.
    fn alone(&mut self, deed: Deed, recovered: bool) {
        let [first, second] = self.ledger.pair(deed);
        let count = first.load(SeqCst);
        if second.load(SeqCst) != count {
            assert!(recovered, "{deed:?}: two at once, or nobody told of a death");
            second.store(count, SeqCst);
        }
        self.ledger.begin(self.process, deed, 1);
        first.store(count + 1, SeqCst);
        self.dwell();
        assert_eq!((first.load(SeqCst), second.load(SeqCst)), (count + 1, count), "{deed:?}: two at once");
        second.store(count + 1, SeqCst);
        self.ledger.complete(self.process, deed, 1);
    }

    fn mutex(&mut self) {
        if let Some(guard) = ask!(self, self.objects.mutex, try_lock, lock_timeout, lock) {
            self.alone(Deed::Mutex, guard.recovered());
        }
    }

    fn reentrant(&mut self) {
        let objects = self.objects;
        let Some(guard) = ask!(self, objects.reentrant, try_lock, lock_timeout, lock) else { return };
        let more = self.random.below(3);
        let levels: Vec<_> = (0..more).map(|_| objects.reentrant.try_lock().expect("it is ours")).collect();
        self.alone(Deed::ReentrantMutex, guard.recovered());
        drop(guard);
        if more > 0 {
            // It is held still.
            self.alone(Deed::ReentrantMutex, false);
        }
        drop(levels);
    }

    fn write(&mut self) {
        if let Some(guard) = ask!(self, self.objects.rwlock, try_write, write_timeout, write) {
            self.alone(Deed::Write, guard.recovered());
        }
    }

    fn read(&mut self) {
        if let Some(guard) = ask!(self, self.objects.rwlock, try_read, read_timeout, read) {
            let ledger = self.ledger;
            let look = || ledger.pair(Deed::Write).map(|word| word.load(SeqCst));
            let before = look();
            let is_whole = before[0] == before[1];
            assert!(is_whole || guard.recovered(), "a writer is there, or nobody told of its death");
            self.ledger.begin(self.process, Deed::Read, 1);
            self.dwell();
            assert_eq!(look(), before, "a writer came in");
            self.ledger.complete(self.process, Deed::Read, 1);
        }
    }

    /// Puts something on the rack, where there is room, and tells those who wait for it.
    fn put(&mut self) {
        let [put, taken] = self.ledger.pair(Deed::Put);
        let guard = self.objects.rack.lock().unwrap();
        let count = put.load(SeqCst);
        if count - taken.load(SeqCst) >= STOCK {
            return;
        }
        self.ledger.begin(self.process, Deed::Put, 1);
        put.store(count + 1, SeqCst);
        self.ledger.complete(self.process, Deed::Put, 1);
        let is_early = self.random.below(2) == 0;
        let guard = if is_early { Some(guard) } else { None };
        match self.random.below(4) {
            0 => self.objects.condvar.notify_all(),
            1 => self.objects.condvar.notify_n(2),
            _ => self.objects.condvar.notify_one(),
        };
        drop(guard);
    }

    fn take(&mut self) {
        let [put, taken] = self.ledger.pair(Deed::Put);
        let Objects { condvar, rack, .. } = self.objects;
        let is_empty = || put.load(SeqCst) == taken.load(SeqCst);
        let must_wait = || is_empty() && !self.ledger.is_over();
        let guard = rack.lock().unwrap();
        let guard = match self.random.below(2) {
            0 => condvar.wait_while(guard, must_wait).unwrap(),
            _ => condvar.wait_timeout_while(guard, SOON, must_wait).unwrap().0,
        };
        if !is_empty() {
            self.ledger.begin(self.process, Deed::Take, 1);
            taken.store(taken.load(SeqCst) + 1, SeqCst);
            self.ledger.complete(self.process, Deed::Take, 1);
        }
        drop(guard);
    }

    fn release(&mut self) {
        if self.objects.semaphore.available() < STOCK as usize {
            let count = 1 + self.random.below(2);
            self.ledger.begin(self.process, Deed::Release, count);
            self.objects.semaphore.release(count as usize).unwrap();
            self.ledger.complete(self.process, Deed::Release, count);
        }
    }

    /// Takes a permit for good, or gives it back.
    fn acquire(&mut self) {
        self.ledger.begin(self.process, Deed::Acquire, 1);
        let Some(permit) = ask!(self, self.objects.semaphore, try_acquire, acquire_timeout, acquire) else {
            return self.ledger.withdraw(self.process, Deed::Acquire);
        };
        self.ledger.complete(self.process, Deed::Acquire, 1);
        self.dwell();
        if self.random.below(2) == 0 {
            return permit.forget();
        }
        self.ledger.begin(self.process, Deed::Release, 1);
        drop(permit);
        self.ledger.complete(self.process, Deed::Release, 1);
    }

    /// Goes where so many may be at a time, and no more.
    fn permit(&mut self) {
        let bounded = &self.objects.bounded;
        let Some(permit) = ask!(self, bounded, try_acquire, acquire_timeout, acquire) else { return };
        self.ledger.begin(self.process, Deed::Permit, 1);
        let pids: Vec<_> = (0..PLACES).map(|place| self.ledger.pid(place).load(SeqCst) as u32).collect();
        let inside = self.ledger.inside().fetch_or(self.bit(), SeqCst) | self.bit();
        // The marks of the dead stay until others take their places.
        let is_there = |place: &usize| inside >> place & 1 != 0 && !has_ended(pids[*place]);
        if inside.count_ones() as usize > TOTAL {
            let there = (0..PLACES).filter(is_there).count();
            assert!(there <= TOTAL, "{there} at a time: {inside:b}");
        }
        self.dwell();
        self.ledger.inside().fetch_and(!self.bit(), SeqCst);
        if self.random.below(2) == 0 {
            drop(permit);
        } else {
            permit.forget();
            bounded.release().unwrap();
        }
        self.ledger.complete(self.process, Deed::Permit, 1);
    }

    fn wait(&mut self) {
        self.ledger.begin(self.process, Deed::Event, 1);
        match ask!(self, self.objects.event, try_wait, wait_timeout, wait) {
            Some(()) => self.ledger.complete(self.process, Deed::Event, 1),
            None => self.ledger.withdraw(self.process, Deed::Event),
        }
    }

    /// Wakes those who wait for the event, however briefly it is set.
    fn pulse(&mut self) {
        self.ledger.begin(self.process, Deed::Pulse, 1);
        self.objects.event.set();
        if self.random.below(4) == 0 {
            std::thread::sleep(Duration::from_micros(50));
        }
        self.objects.event.clear();
        self.ledger.complete(self.process, Deed::Pulse, 1);
    }

    fn once(&mut self) {
        let turn = self.ledger.turn().load(SeqCst) as usize;
        let [begun, done] = self.ledger.once(turn);
        let once = self.objects.once(turn);
        let way = self.way();
        let work = |state: &breezeway::sync::OnceState| {
            assert_eq!(done.load(SeqCst), 0, "done already");
            assert!(begun.load(SeqCst) == 0 || state.recovered(), "begun before, and nobody told");
            begun.fetch_add(1, SeqCst);
            std::thread::sleep(10 * SOON);
        };
        let called = match way {
            Way::Try => once.try_call_once(work),
            Way::Briefly => once.call_once_timeout(SOON, work),
            Way::Forever => once.call_once(work),
        };
        if got(called).is_some() {
            assert!(once.is_completed() && begun.load(SeqCst) > 0);
            done.store(1, SeqCst);
            self.ledger.complete(self.process, Deed::Once, 1);
        }
    }

    /// Passes the barrier with others, or finds it broken.
    fn meet(&mut self) {
        let (barrier, actions) = (&self.objects.barrier, self.ledger.actions());
        let before = actions.load(SeqCst);
        let action = || {
            actions.fetch_add(1, SeqCst);
        };
        self.ledger.begin(self.process, Deed::Meet, 1);
        let result = match self.way() {
            Way::Try => {
                self.ledger.trying().fetch_or(self.bit(), SeqCst);
                barrier.try_wait().inspect(|_| self.have_tried())
            }
            Way::Briefly => barrier.wait_timeout_with(10 * SOON, action),
            Way::Forever => barrier.wait_with(action),
        };
        match result {
            Ok(result) => {
                let is_tried = self.ledger.trying().load(SeqCst) != 0;
                assert!(is_tried || actions.load(SeqCst) > before, "passed before the action");
                assert_eq!(result.is_leader(), result.index() == PARTIES - 1);
                self.ledger.passes(self.process, result.index()).fetch_add(1, SeqCst);
                self.ledger.complete(self.process, Deed::Meet, 1);
            }
            Err(BarrierError::WouldBlock | BarrierError::Timeout | BarrierError::Broken) => {
                self.ledger.trying().fetch_and(!self.bit(), SeqCst);
                self.ledger.withdraw(self.process, Deed::Meet);
                if self.random.below(4) == 0 {
                    self.reset();
                }
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Who passes without waiting has no action of its own, so it may come late, if its time comes at all: others are told before.
    fn have_tried(&self) {
        if self.ledger.trying().load(SeqCst) & self.bit() != 0 {
            self.ledger.actions().fetch_add(1, SeqCst);
            self.ledger.trying().fetch_and(!self.bit(), SeqCst);
        }
    }

    fn reset(&mut self) {
        if self.objects.barrier.is_broken() {
            self.ledger.begin(self.process, Deed::Reset, 1);
            self.objects.barrier.reset();
            self.ledger.complete(self.process, Deed::Reset, 1);
        }
    }
}
