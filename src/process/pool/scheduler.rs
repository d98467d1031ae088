//! Which of a pool's tasks wait, which are on the task ring, and the outcomes of those that are
//! settled.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::callbacks::catch_panic;
use super::overflow::OverflowFile;
use super::promise::ResultSink;
use super::task_ring::{BODY_CAPACITY, TaskRing, TaskSlotState};
use super::wire::{self, BodyLocation};
use crate::error::TaskError;
use crate::process::call::FunctionCall;
use crate::queue::transit::PendingTransits;
use crate::sys::keeper::FileAddress;
use crate::sys::pidfd::ProcessExit;

/// A task: a chunk of items that one worker takes at a time.
pub(super) struct PoolTask {
    pub(super) call: FunctionCall,
    /// The encoded items; empty while the task is on the task ring, unless it may run again.
    pub(super) items: Vec<u8>,
    /// The endpoints in the items, which are disconnected if no worker has claimed them when the
    /// task is settled.
    pub(super) transits: PendingTransits,
    pub(super) sink: Arc<dyn ResultSink>,
    /// The index of its first item at the sink.
    pub(super) first: usize,
    pub(super) count: usize,
    /// How many workers have ended in the middle of it.
    pub(super) deaths: u32,
}

/// Why a task has no results.
#[derive(Clone, Debug)]
pub(super) enum TaskFailure {
    Ended(ProcessExit),
    Terminated,
    Broken(Arc<str>),
    /// The overflow file could not be written, or read.
    Overflow(io::ErrorKind),
}

impl TaskFailure {
    pub(super) fn error(&self) -> TaskError {
        match self {
            Self::Ended(ProcessExit::Code(code)) if *code < 0 => TaskError::WorkerDied { signal: -code },
            Self::Ended(ProcessExit::Code(code)) => TaskError::Exited { code: *code },
            Self::Ended(ProcessExit::Unknown) => TaskError::Unknown,
            Self::Terminated => TaskError::Terminated,
            Self::Broken(why) => TaskError::Broken(why.to_string()),
            Self::Overflow(kind) => TaskError::os("hand a large task over")(*kind),
        }
    }
}

/// A task with its outcome.
pub(super) struct SettledTask {
    task: PoolTask,
    outcome: Result<core::ops::Range<usize>, TaskFailure>,
}

/// Settled tasks, whose outcomes are delivered when no lock is held.
#[derive(Default)]
pub(super) struct SettledBatch {
    settled: Vec<SettledTask>,
    /// The results of all of them.
    bytes: Vec<u8>,
}

impl SettledBatch {
    pub(super) fn fail(&mut self, task: PoolTask, failure: TaskFailure) {
        self.settled.push(SettledTask { task, outcome: Err(failure) });
    }

    /// Delivers the outcomes to the sinks, and returns the number of tasks.
    pub(super) fn deliver(&mut self) -> usize {
        let count = self.settled.len();
        for SettledTask { task, outcome } in self.settled.drain(..) {
            let PoolTask { sink, first, count, transits, .. } = task;
            // No worker decodes the items any more.
            drop(transits);
            let mut results = outcome.map(|range| &self.bytes[range]);
            for index in first..first + count {
                let outcome = match &mut results {
                    Ok(results) => wire::next_result(results).unwrap_or_else(|| {
                        Err(TaskError::Undecodable { source: "the worker has left no result".into() })
                    }),
                    Err(failure) => Err(failure.error()),
                };
                // The sink runs code of the program: it decodes and drops the program's types.
                catch_panic(|| sink.accept(index, outcome));
            }
            catch_panic(|| drop(sink));
        }
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        count
    }
}

/// Whether a pool takes tasks.
#[derive(Clone, Debug)]
pub(super) enum PoolPhase {
    Open,
    Closed,
    Terminated,
    /// The workers cannot start, for this reason.
    Broken(Arc<str>),
}

/// A task on the task ring.
struct DispatchedTask {
    task: PoolTask,
    ticket: u64,
    /// The offset and length of its items in the overflow file, if they are not in the slot.
    overflow: Option<(u64, u64)>,
}

pub(super) struct Scheduler {
    pub(super) phase: PoolPhase,
    pending: VecDeque<PoolTask>,
    dispatched: Vec<Option<DispatchedTask>>,
    free: Vec<usize>,
    next_ticket: u64,
    overflow: OverflowFile,
    /// Tasks that were submitted and whose outcomes were not delivered to their sinks.
    pub(super) unsettled: usize,
    /// Iterators that may still submit tasks.
    pub(super) open_iterators: usize,
    /// Threads in `join`: while there is one, the pool does not wait for iterators.
    pub(super) joiners: usize,
    /// Whether the pool has told its workers to end.
    pub(super) is_stopped: bool,
    /// How often a task runs again after its worker has ended.
    pub(super) reruns: u32,
}

impl Scheduler {
    pub(super) fn new(slots: usize, overflow: OverflowFile, reruns: u32) -> Self {
        Self {
            phase: PoolPhase::Open,
            pending: VecDeque::new(),
            dispatched: core::iter::repeat_with(|| None).take(slots).collect(),
            free: (0..slots).rev().collect(),
            next_ticket: 0,
            overflow,
            unsettled: 0,
            open_iterators: 0,
            joiners: 0,
            is_stopped: false,
            reruns,
        }
    }

    /// Checks that tasks are taken; after `close` only those of iterators.
    pub(super) fn check_open(&self, is_from_iterator: bool) -> Result<(), TaskError> {
        match &self.phase {
            PoolPhase::Open => Ok(()),
            PoolPhase::Closed if is_from_iterator && !self.is_stopped => Ok(()),
            PoolPhase::Closed => Err(TaskError::Closed),
            PoolPhase::Terminated => Err(TaskError::Terminated),
            PoolPhase::Broken(why) => Err(TaskError::Broken(why.to_string())),
        }
    }

    /// Whether no task is left, and none can be submitted.
    pub(super) fn is_finished(&self) -> bool {
        let brings_more = self.open_iterators > 0 && self.joiners == 0;
        match self.phase {
            PoolPhase::Open => false,
            PoolPhase::Closed => self.is_stopped || self.unsettled == 0 && !brings_more,
            PoolPhase::Terminated | PoolPhase::Broken(_) => true,
        }
    }

    pub(super) fn enqueue(&mut self, tasks: impl IntoIterator<Item = PoolTask>) {
        let before = self.pending.len();
        self.pending.extend(tasks);
        self.unsettled += self.pending.len() - before;
    }

    /// Publishes tasks on the task ring as far as there are free slots, and returns how many.
    pub(super) fn dispatch(&mut self, task_ring: &TaskRing, batch: &mut SettledBatch) -> usize {
        let mut count = 0;
        while !self.free.is_empty()
            && let Some(mut task) = self.pending.pop_front()
        {
            let len = task.items.len();
            let location = if len <= BODY_CAPACITY {
                Ok(BodyLocation::Inline)
            } else {
                self.overflow.write(&task.items).map(BodyLocation::Overflow)
            };
            let (location, slot) = match (location, self.free.pop()) {
                (Ok(location), Some(slot)) => (location, slot),
                (Err(error), slot) => {
                    self.free.extend(slot);
                    batch.fail(task, TaskFailure::Overflow(error.kind()));
                    continue;
                }
                (Ok(_), None) => break,
            };
            let (body, overflow) = match location {
                BodyLocation::Inline => (&*task.items, None),
                BodyLocation::Overflow(at) => (&[][..], Some((at, len as u64))),
            };
            let ticket = self.next_ticket;
            self.next_ticket = TaskRing::ticket_after(ticket);
            task_ring.publish(slot, ticket, &wire::encode_header(Some(task.call), len, location), body);
            if task.deaths >= self.reruns {
                task.items = Vec::new();
            }
            self.dispatched[slot] = Some(DispatchedTask { task, ticket, overflow });
            count += 1;
        }
        count
    }

    /// Settles the task of a slot if its result has arrived.
    pub(super) fn collect_result(&mut self, task_ring: &TaskRing, slot: usize, batch: &mut SettledBatch) {
        let TaskSlotState::Done { ticket, .. } = task_ring.slot_state(slot) else { return };
        let Some(dispatched) =
            self.dispatched.get_mut(slot).and_then(|dispatched| dispatched.take_if(|at| at.ticket == ticket))
        else {
            return;
        };
        let (_, len, location) = wire::decode_header(task_ring.header(slot));
        let start = batch.bytes.len();
        let read = match location {
            BodyLocation::Inline => {
                task_ring.read(slot, len as usize, &mut batch.bytes);
                Ok(())
            }
            BodyLocation::Overflow(at) => {
                let read = self.overflow.read(at, len, &mut batch.bytes);
                self.overflow.free(at, len);
                read
            }
        };
        let task = self.release_slot(task_ring, slot, dispatched);
        let outcome = match read {
            Ok(()) => Ok(start..batch.bytes.len()),
            Err(error) => Err(TaskFailure::Overflow(error.kind())),
        };
        batch.settled.push(SettledTask { task, outcome });
    }

    fn release_slot(&mut self, task_ring: &TaskRing, slot: usize, dispatched: DispatchedTask) -> PoolTask {
        if let Some((at, len)) = dispatched.overflow {
            self.overflow.free(at, len);
        }
        task_ring.free(slot);
        self.free.push(slot);
        dispatched.task
    }

    /// Settles what an ended worker has left: its results count, and the task that it had claimed
    /// fails, or waits once more.
    pub(super) fn reap_worker(
        &mut self,
        task_ring: &TaskRing,
        worker: u32,
        number: u64,
        exit: ProcessExit,
        batch: &mut SettledBatch,
    ) {
        for slot in 0..task_ring.slots() {
            match task_ring.slot_state(slot) {
                TaskSlotState::Done { worker: its, .. } if its == worker => {
                    self.collect_result(task_ring, slot, batch)
                }
                TaskSlotState::Claimed { ticket, worker: its } if its == worker => {
                    let Some(dispatched) = self.dispatched[slot].take_if(|at| at.ticket == ticket) else {
                        continue;
                    };
                    let mut task = self.release_slot(task_ring, slot, dispatched);
                    if task.deaths < self.reruns {
                        task.deaths += 1;
                        self.pending.push_front(task);
                    } else {
                        batch.fail(task, TaskFailure::Ended(exit));
                    }
                }
                _ => {}
            }
        }
        self.overflow.free_partition(number);
    }

    /// Fails every task that is not settled.
    pub(super) fn fail_all(&mut self, failure: &TaskFailure, batch: &mut SettledBatch) {
        for task in self.pending.drain(..) {
            batch.fail(task, failure.clone());
        }
        // The slots stay as they are: no task is published after this.
        for dispatched in self.dispatched.iter_mut().filter_map(Option::take) {
            batch.fail(dispatched.task, failure.clone());
        }
    }

    /// The message that a worker has written at the start of its part of the overflow file.
    pub(super) fn startup_error(&self, number: u64, len: u64) -> String {
        let mut words = Vec::new();
        let _ = self.overflow.read(OverflowFile::partition_start(number), len, &mut words);
        String::from_utf8_lossy(&words).into_owned()
    }

    /// Where workers open the overflow file.
    pub(super) fn overflow(&self) -> FileAddress {
        self.overflow.address()
    }
}
