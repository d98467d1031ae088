//! A process is stopped while it opens a segment, leaves it, adds an object or reaps: its peers open
//! the segment, use it, reap and leave, whatever it has begun.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::{Segment, SegmentError, Value};

use crate::child::{self, Child};
use crate::kill::{Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::{self, Process};
use crate::stop::{self, StopScenario};

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Open,
    Drop,
    Add,
    Reap,
}

const NEW: &str = "new";

/// A newcomer's result, as its exit code.
const OPENED: libc::c_int = 0;
const BUSY: libc::c_int = 1;

/// In every how many rounds there is a newcomer, which may have to wait.
const NEWCOMER_EVERY: usize = 64;

/// A child operates on a segment that another process keeps.
struct SegmentOperation {
    name: String,
    operation: Operation,
    keeper: Option<Child>,
    /// The parent's handle, opened once the child is forked: it would inherit it.
    segment: Option<Segment>,
    /// A process that will open the segment, stopped until then.
    newcomer: Option<Process>,
    rounds: usize,
}

impl SegmentOperation {
    fn new(name: &str, operation: Operation) -> Self {
        Self { name: name.to_owned(), operation, keeper: None, segment: None, newcomer: None, rounds: 0 }
    }

    fn open_segment(&self) -> Segment {
        Segment::open(&self.name).expect("a place")
    }

    /// How many participants of this pid live.
    fn living(&self, segment: &Segment, pid: u32) -> usize {
        let all = segment.participants().unwrap();
        all.iter().filter(|participant| participant.pid == pid && participant.alive).count()
    }

    /// Dies attached, holding the value's lock.
    fn leave_one_dead(&self) {
        let hold = || {
            let value: &'static Value<u64> = Box::leak(Box::new(self.open_segment().get("old").unwrap()));
            core::mem::forget(value.lock().unwrap());
        };
        Child::fork(hold, |()| {}).kill();
    }
}

impl Scenario for SegmentOperation {
    type Handle = RefCell<Option<Segment>>;

    /// Objects are never removed, so every child gets a new segment.
    fn reset(&mut self) {
        self.keeper.take().into_iter().for_each(Child::kill);
        let _ = Segment::remove(&self.name);
        let create = || {
            let segment = super::small_segment::create(&self.name);
            core::mem::forget(segment.add::<Value<u64>>("old", 6).unwrap());
            segment
        };
        self.keeper = Some(Child::fork(create, |_| {}));
        if self.operation == Operation::Reap {
            self.leave_one_dead();
        }
    }

    fn open(&self) -> Self::Handle {
        RefCell::new((self.operation != Operation::Open).then(|| self.open_segment()))
    }

    fn operate(&self, handle: &Self::Handle) {
        match self.operation {
            Operation::Open => drop(handle.replace(Some(self.open_segment()))),
            Operation::Drop => drop(handle.take()),
            Operation::Add => drop(handle.borrow().as_ref().unwrap().add::<Value<u64>>(NEW, 7).unwrap()),
            // A peer may have reaped meanwhile.
            Operation::Reap => assert!(handle.borrow().as_ref().unwrap().reap().unwrap() <= 1),
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.rounds += 1;
        if self.rounds.is_multiple_of(NEWCOMER_EVERY) {
            let newcomer = process::fork(|| {
                child::stop();
                match Segment::open(&self.name) {
                    Ok(_) => OPENED,
                    Err(SegmentError::Busy { .. }) => BUSY,
                    Err(error) => panic!("{error}"),
                }
            });
            newcomer.wait_until_stopped();
            self.newcomer = Some(newcomer);
        }
        self.segment = Some(self.open_segment());
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        if let Some(newcomer) = self.newcomer.take() {
            newcomer.go_on();
            assert_eq!(newcomer.exit_code(), Some(OPENED));
        }
        let segment = self.segment.take().expect("this process is attached");
        if self.operation == Operation::Add {
            assert_eq!(segment.get::<Value<u64>>(NEW).unwrap().get(), 7, "it was added, once");
        }
        assert_eq!(self.living(&segment, death.pid), 0);
        // The child has ended attached, unless it has left.
        let expected = u32::from(self.operation != Operation::Drop);
        assert_eq!(segment.reap().unwrap(), expected, "nothing is left to reap but the child");
        assert_eq!(segment.get::<Value<u64>>("old").unwrap().get(), 6);
        drop(segment);
        self.keeper.take().into_iter().for_each(Child::kill);
        Segment::remove(&self.name).unwrap();
        "completed"
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![PathBuf::from("/dev/shm").join(&self.name)]
    }
}

impl StopScenario for SegmentOperation {
    /// Peers attach, use an object, reap and detach. What the stopped process is attached as remains
    /// its own.
    fn go_around(&mut self, stopped: &Child, _: usize) -> &'static str {
        if let Some(newcomer) = self.newcomer.take() {
            newcomer.go_on();
            // A newcomer waits for the stopped opener's admin lock, for a limited time.
            let code = newcomer.exit_code();
            let may_be_busy = self.operation != Operation::Reap;
            assert!(code == Some(OPENED) || code == Some(BUSY) && may_be_busy, "a newcomer: {code:?}");
        }
        let segment = self.segment.clone().expect("this process is attached");
        let before = self.living(&segment, stopped.pid());
        // Where the stopped process reaps, a peer does all that is left of that.
        let reaped = segment.reap().unwrap();
        assert!(reaped <= u32::from(self.operation == Operation::Reap), "a stopped process is alive");
        let value = segment.get::<Value<u64>>("old").unwrap();
        let guard = value.lock().expect("the dead holder's lock is repaired");
        assert_eq!(*guard, 6);
        drop(guard);
        let dead = segment.participants().unwrap().iter().filter(|participant| !participant.alive).count();
        assert_eq!(dead, 0, "the dead are reaped, whoever has begun to");
        assert_eq!(self.living(&segment, stopped.pid()), before);
        if before == 1 { "attached" } else { "not attached" }
    }
}

pub(crate) fn open(name: &str) -> KillCounts {
    stop::at_changes(&mut SegmentOperation::new(name, Operation::Open))
}

pub(crate) fn drop_handle(name: &str) -> KillCounts {
    stop::at_changes(&mut SegmentOperation::new(name, Operation::Drop))
}

pub(crate) fn add_value(name: &str) -> KillCounts {
    stop::at_changes(&mut SegmentOperation::new(name, Operation::Add))
}

pub(crate) fn reap(name: &str) -> KillCounts {
    stop::at_changes(&mut SegmentOperation::new(name, Operation::Reap))
}
