//! The pool's books: which tasks wait, which are on the board, and what became of those that are not.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::board::{BODY, Board, View};
use super::callbacks::contained;
use super::overflow::Overflow;
use super::promise::Sink;
use super::wire::{self, Place};
use crate::error::TaskError;
use crate::process::call::Call;
use crate::sys::pidfd::Exit;

/// What is handed to a worker at a time.
pub(super) struct Task {
    pub(super) call: Call,
    /// Its items; nothing while it is on the board, where it is not to be run again.
    pub(super) items: Vec<u8>,
    pub(super) sink: Arc<dyn Sink>,
    /// What its sink knows the first of its items by.
    pub(super) first: usize,
    pub(super) count: usize,
    /// How many workers have died of it, or with it.
    pub(super) deaths: u32,
}

/// Why a task has no results.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Ended(Exit),
    Terminated,
    Broken(Arc<str>),
    /// The overflow file could not be written, or read.
    Overflow(io::ErrorKind),
}

impl Fate {
    pub(super) fn error(&self) -> TaskError {
        match self {
            Self::Ended(Exit::Code(code)) if *code < 0 => TaskError::WorkerDied { signal: -code },
            Self::Ended(Exit::Code(code)) => TaskError::Exited { code: *code },
            Self::Ended(Exit::Unknown) => TaskError::Unknown,
            Self::Terminated => TaskError::Terminated,
            Self::Broken(why) => TaskError::Broken(why.to_string()),
            Self::Overflow(kind) => TaskError::os("hand a large task over")(*kind),
        }
    }
}

/// A task that is settled, and its results.
pub(super) struct Settled {
    task: Task,
    outcome: Result<core::ops::Range<usize>, Fate>,
}

/// Tasks that are settled, whose sinks are told when nothing is locked.
#[derive(Default)]
pub(super) struct Batch {
    settled: Vec<Settled>,
    /// The results of all of them.
    bytes: Vec<u8>,
}

impl Batch {
    pub(super) fn fail(&mut self, task: Task, fate: Fate) {
        self.settled.push(Settled { task, outcome: Err(fate) });
    }

    /// Tells the sinks, and says how many tasks that were.
    pub(super) fn deliver(&mut self) -> usize {
        let count = self.settled.len();
        for Settled { task, outcome } in self.settled.drain(..) {
            let Task { sink, first, count, .. } = task;
            let mut results = outcome.map(|range| &self.bytes[range]);
            for index in first..first + count {
                let outcome = match &mut results {
                    Ok(results) => wire::next_result(results).unwrap_or_else(|| {
                        Err(TaskError::Undecodable { source: "the worker has left no result".into() })
                    }),
                    Err(fate) => Err(fate.error()),
                };
                // Types that are not ours are decoded and dropped there.
                contained(|| sink.accept(index, outcome));
            }
            contained(|| drop(sink));
        }
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        count
    }
}

/// Whether a pool takes tasks.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Open,
    Closed,
    Terminated,
    /// Its workers cannot begin.
    Broken(Arc<str>),
}

/// A task on the board.
struct Posted {
    task: Task,
    ticket: u64,
    /// Where its items lie, if not in the slot.
    overflow: Option<(u64, u64)>,
}

pub(super) struct Desk {
    pub(super) phase: Phase,
    pending: VecDeque<Task>,
    posted: Vec<Option<Posted>>,
    free: Vec<usize>,
    next_ticket: u64,
    overflow: Overflow,
    /// Tasks that were taken in and whose sinks do not know what became of them.
    pub(super) unsettled: usize,
    /// Iterators that may still bring tasks.
    pub(super) sources: usize,
    /// Who waits for the end of the pool, and does not pull those meanwhile.
    pub(super) joiners: usize,
    /// No more is done: the workers end.
    pub(super) is_stopped: bool,
    /// How often a task is run again whose worker has ended.
    pub(super) reruns: u32,
}

impl Desk {
    pub(super) fn new(slots: usize, overflow: Overflow, reruns: u32) -> Self {
        Self {
            phase: Phase::Open,
            pending: VecDeque::new(),
            posted: core::iter::repeat_with(|| None).take(slots).collect(),
            free: (0..slots).rev().collect(),
            next_ticket: 0,
            overflow,
            unsettled: 0,
            sources: 0,
            joiners: 0,
            is_stopped: false,
            reruns,
        }
    }

    /// Whether tasks are taken, those of an iterator of before the closing included.
    pub(super) fn accepts(&self, is_source: bool) -> Result<(), TaskError> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Closed if is_source && !self.is_stopped => Ok(()),
            Phase::Closed => Err(TaskError::Closed),
            Phase::Terminated => Err(TaskError::Terminated),
            Phase::Broken(why) => Err(TaskError::Broken(why.to_string())),
        }
    }

    /// Whether nothing is left to do, and nothing comes.
    pub(super) fn is_finished(&self) -> bool {
        let brings_more = self.sources > 0 && self.joiners == 0;
        match self.phase {
            Phase::Open => false,
            Phase::Closed => self.is_stopped || self.unsettled == 0 && !brings_more,
            Phase::Terminated | Phase::Broken(_) => true,
        }
    }

    pub(super) fn take_in(&mut self, tasks: impl IntoIterator<Item = Task>) {
        let before = self.pending.len();
        self.pending.extend(tasks);
        self.unsettled += self.pending.len() - before;
    }

    /// Puts tasks up as far as there are slots, and says how many.
    pub(super) fn post(&mut self, board: &Board, batch: &mut Batch) -> usize {
        let mut count = 0;
        while !self.free.is_empty()
            && let Some(mut task) = self.pending.pop_front()
        {
            let len = task.items.len();
            let place = if len <= BODY {
                Ok(Place::Here)
            } else {
                self.overflow.write(&task.items).map(Place::Overflow)
            };
            let (place, slot) = match (place, self.free.pop()) {
                (Ok(place), Some(slot)) => (place, slot),
                (Err(error), slot) => {
                    self.free.extend(slot);
                    batch.fail(task, Fate::Overflow(error.kind()));
                    continue;
                }
                (Ok(_), None) => break,
            };
            let (body, overflow) = match place {
                Place::Here => (&*task.items, None),
                Place::Overflow(at) => (&[][..], Some((at, len as u64))),
            };
            let ticket = self.next_ticket;
            self.next_ticket = Board::ticket_behind(ticket);
            board.put(slot, ticket, &wire::note(Some(task.call), len, place), body);
            if task.deaths >= self.reruns {
                task.items = Vec::new();
            }
            self.posted[slot] = Some(Posted { task, ticket, overflow });
            count += 1;
        }
        count
    }

    /// Settles the task of a slot if its result is there.
    pub(super) fn collect(&mut self, board: &Board, slot: usize, batch: &mut Batch) {
        let View::Done { ticket, .. } = board.look(slot) else { return };
        let Some(posted) =
            self.posted.get_mut(slot).and_then(|posted| posted.take_if(|at| at.ticket == ticket))
        else {
            return;
        };
        let (_, len, place) = wire::read_note(board.note(slot));
        let start = batch.bytes.len();
        let read = match place {
            Place::Here => {
                board.read(slot, len as usize, &mut batch.bytes);
                Ok(())
            }
            Place::Overflow(at) => {
                let read = self.overflow.read(at, len, &mut batch.bytes);
                self.overflow.free(at, len);
                read
            }
        };
        let task = self.take_down(board, slot, posted);
        let outcome = match read {
            Ok(()) => Ok(start..batch.bytes.len()),
            Err(error) => Err(Fate::Overflow(error.kind())),
        };
        batch.settled.push(Settled { task, outcome });
    }

    fn take_down(&mut self, board: &Board, slot: usize, posted: Posted) -> Task {
        if let Some((at, len)) = posted.overflow {
            self.overflow.free(at, len);
        }
        board.free(slot);
        self.free.push(slot);
        posted.task
    }

    /// Settles what a worker has left that has ended: its results count, and the task it was at has failed, or waits once more.
    pub(super) fn bury(&mut self, board: &Board, worker: u32, number: u64, exit: Exit, batch: &mut Batch) {
        for slot in 0..board.slots() {
            match board.look(slot) {
                View::Done { worker: its, .. } if its == worker => self.collect(board, slot, batch),
                View::Claimed { ticket, worker: its } if its == worker => {
                    let Some(posted) = self.posted[slot].take_if(|at| at.ticket == ticket) else { continue };
                    let mut task = self.take_down(board, slot, posted);
                    if task.deaths < self.reruns {
                        task.deaths += 1;
                        self.pending.push_front(task);
                    } else {
                        batch.fail(task, Fate::Ended(exit));
                    }
                }
                _ => {}
            }
        }
        self.overflow.free_part(number);
    }

    /// Settles everything that is not.
    pub(super) fn give_up(&mut self, fate: &Fate, batch: &mut Batch) {
        for task in self.pending.drain(..) {
            batch.fail(task, fate.clone());
        }
        // The slots stay as they are: nothing is put up any more.
        for posted in self.posted.iter_mut().filter_map(Option::take) {
            batch.fail(posted.task, fate.clone());
        }
    }

    /// What a worker of this number has written down first.
    pub(super) fn last_words(&self, number: u64, len: u64) -> String {
        let mut words = Vec::new();
        let _ = self.overflow.read(Overflow::part_start(number), len, &mut words);
        String::from_utf8_lossy(&words).into_owned()
    }

    pub(super) fn overflow(&self) -> i32 {
        self.overflow.descriptor()
    }
}
