//! A stopped operation on the objects of a segment of few participants, put together from functions.

use std::path::PathBuf;

use breezeway::Segment;

use crate::child::Child;
use crate::kill::{Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::stop::{self, StopScenario};

/// A child that is stopped in an operation on objects of type `O`.
pub(super) struct StopCase<O> {
    segment: Segment,
    /// The parent's handles.
    objects: O,
    open: fn(&Segment) -> O,
    /// Restores the objects' initial state.
    reset: fn(&O),
    /// In the child: what must come before the operation.
    prepare: fn(&O),
    /// In the child: the operation, and the check of its result.
    operate: fn(&O),
    /// In the parent: what peers do meanwhile. Gets the stopped child's pid.
    go_around: fn(&O, u32, usize) -> &'static str,
    /// In the parent: what is right once the operation has completed.
    check: fn(&O),
}

/// The functions of a [`StopCase`].
pub(super) struct Functions<O> {
    pub(super) open: fn(&Segment) -> O,
    pub(super) reset: fn(&O),
    pub(super) prepare: fn(&O),
    pub(super) operate: fn(&O),
    pub(super) go_around: fn(&O, u32, usize) -> &'static str,
    pub(super) check: fn(&O),
}

/// Stops the operation at its instructions.
pub(super) fn run<O>(name: &str, functions: Functions<O>) -> KillCounts {
    let Functions { open, reset, prepare, operate, go_around, check } = functions;
    let segment = super::small_segment::create(name);
    let objects = open(&segment);
    stop::at_every_instruction(&mut StopCase {
        segment,
        objects,
        open,
        reset,
        prepare,
        operate,
        go_around,
        check,
    })
}

impl<O> Scenario for StopCase<O> {
    type Handle = O;

    fn reset(&mut self) {
        (self.reset)(&self.objects);
    }

    fn open(&self) -> O {
        let objects = (self.open)(&Segment::open(self.segment.name().unwrap()).unwrap());
        (self.prepare)(&objects);
        objects
    }

    fn operate(&self, objects: &O) {
        (self.operate)(objects);
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        (self.check)(&self.objects);
        self.segment.reap().unwrap();
        "completed"
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.segment.path().into_iter().collect()
    }
}

impl<O> StopScenario for StopCase<O> {
    fn go_around(&mut self, stopped: &Child, point: usize) -> &'static str {
        assert_eq!(self.segment.reap().unwrap(), 0, "a stopped process is alive");
        let held = (self.go_around)(&self.objects, stopped.pid(), point);
        assert_eq!(self.segment.reap().unwrap(), 0, "a stopped process is alive");
        held
    }
}
