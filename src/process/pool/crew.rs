//! The pool's workers: starting them, noticing that they have ended, and putting others in their place. One thread does it.

use std::os::fd::AsFd;
use std::sync::{Arc, Once};
use std::time::Duration;

use super::callbacks::contained;
use super::desk::{Batch, Fate, Phase};
use super::inner::Inner;
use super::worker::{self, Orders, Stage};
use crate::error::SpawnError;
use crate::primitive::{AtomicU32, Ordering};
use crate::process::builder::{Builder, Launched};
use crate::process::call::Call;
use crate::process::child::{Child, lock};
use crate::sys::child::at_exit;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::Exit;
use crate::sys::poll;

/// So many at most begin at a time: until then, each takes some of the pool's descriptors.
const BEGINNERS: usize = 32;

/// How long to wait before trying again what the system has refused.
const PAUSE: Duration = Duration::from_millis(100);

/// Not 0 when this process exits: its daemons are ended then, and are not to be replaced.
static ENDING: AtomicU32 = AtomicU32::new(0);

extern "C" fn this_process_ends() {
    ENDING.store(1, Ordering::Relaxed);
}

/// A worker, in its place.
struct Worker {
    /// Which of all that there ever were.
    number: u64,
    child: Child,
    /// While it begins.
    launched: Option<Launched>,
}

/// What each worker is told.
pub(super) struct Instructions {
    pub(super) initializer: Option<(Call, Vec<u8>)>,
    pub(super) tasks: Option<u64>,
    /// What is anonymous in the initializer's arguments, workers open through this process.
    pub(super) _kept: Option<Box<dyn core::any::Any + Send>>,
}

pub(super) struct Crew {
    places: Vec<Option<Worker>>,
    instructions: Instructions,
    next_number: u64,
    /// How many in a row have ended before they came to work.
    stillborn: usize,
    /// What the last of them has died of.
    complaint: Option<String>,
}

impl Crew {
    pub(super) fn new(workers: usize, instructions: Instructions) -> Self {
        let places = core::iter::repeat_with(|| None).take(workers).collect();
        Self { places, instructions, next_number: 0, stillborn: 0, complaint: None }
    }

    /// Starts workers where there are none, as many as may begin at a time.
    pub(super) fn fill(&mut self, inner: &Inner) -> Result<(), SpawnError> {
        let mut beginners = self.workers().filter(|worker| worker.launched.is_some()).count();
        for place in 0..self.places.len() {
            if beginners >= BEGINNERS || ENDING.load(Ordering::Relaxed) != 0 {
                break;
            }
            if self.places[place].is_none() {
                self.places[place] = Some(self.start(inner, place as u32)?);
                beginners += 1;
            }
        }
        // Behind the first start: such handlers run in reverse order, so this one runs before that which ends the daemons.
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| {
            at_exit(this_process_ends);
        });
        Ok(())
    }

    fn start(&mut self, inner: &Inner, worker: u32) -> Result<Worker, SpawnError> {
        let number = self.next_number;
        self.next_number += 1;
        inner.board.set_stage(worker, 0);
        let orders = Orders {
            board: inner.board.array(),
            slots: inner.board.slots(),
            workers: self.places.len(),
            worker,
            pool: std::process::id(),
            overflow: lock(&inner.desk).overflow(),
            number,
            initializer: self.instructions.initializer.clone(),
            tasks: self.instructions.tasks,
        };
        let call = Call::of(worker::work).ok_or(SpawnError::NotInExecutable)?;
        // The board stays where it is, so that nothing here need wait until the worker has its orders.
        let name = format!("PoolWorker-{}", number + 1);
        let launched = Builder::new().daemon(true).name(name).launch(call, &orders)?;
        Ok(Worker { number, child: launched.child().clone(), launched: Some(launched) })
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.places.iter().flatten()
    }

    fn kill(&self) {
        // One that has ended takes no notice.
        self.workers().for_each(|worker| drop(worker.child.kill()));
    }

    /// Waits until something happens to a worker, or somebody rings.
    fn wait(&self, inner: &Inner, until: Option<Deadline>) {
        let mut watched = vec![inner.bell.as_fd()];
        for worker in self.workers() {
            watched.push(worker.child.sentinel());
            watched.extend(worker.launched.as_ref().map(Launched::ready));
        }
        if poll::wait_any(watched, until).is_err() {
            // Too many for the system to watch. They are looked at one by one.
            std::thread::sleep(PAUSE);
        }
        inner.bell.silence();
    }

    /// Sees who has begun and who has ended, and settles what the latter have left.
    fn see(&mut self, inner: &Inner) {
        for place in 0..self.places.len() {
            let Some(worker) = &mut self.places[place] else { continue };
            // Where the system does not tell, it is asked again.
            let exit = worker.child.collect().unwrap_or(None);
            if let Some(launched) = worker.launched.take_if(|at| exit.is_some() || at.is_ready())
                && let Err(error) = launched.wait()
            {
                self.complaint = Some(error.to_string());
            }
            let Some(exit) = exit else { continue };
            let number = worker.number;
            self.bury(inner, place as u32, number, exit);
            self.places[place] = None;
        }
    }

    fn bury(&mut self, inner: &Inner, worker: u32, number: u64, exit: Exit) {
        let mut batch = Batch::default();
        let stage = Stage::of(inner.board.stage_of(worker));
        let mut desk = lock(&inner.desk);
        match stage {
            Stage::Working => self.stillborn = 0,
            Stage::Beginning => self.stillborn = self.stillborn.saturating_add(1),
            Stage::Failed { len } => {
                self.complaint = Some(desk.last_words(number, len));
                self.stillborn = usize::MAX;
            }
        }
        desk.bury(&inner.board, worker, number, exit, &mut batch);
        if self.stillborn > 2 * self.places.len() + 16 && matches!(desk.phase, Phase::Open | Phase::Closed) {
            let why =
                self.complaint.take().unwrap_or_else(|| format!("they end before they begin ({exit:?})"));
            desk.phase = Phase::Broken(why.as_str().into());
            desk.give_up(&Fate::Broken(why.into()), &mut batch);
        }
        let posted = desk.post(&inner.board, &mut batch);
        drop(desk);
        inner.board.call_workers(posted);
        inner.deliver(&mut batch);
    }
}

/// Keeps the pool's places filled, until it is over and all of them are empty.
pub(super) fn watch(inner: &Arc<Inner>, mut crew: Crew) {
    let mut has_killed = false;
    loop {
        let (is_finished, is_killing) = {
            let mut desk = lock(&inner.desk);
            let is_finished = desk.is_finished();
            desk.is_stopped |= is_finished;
            (is_finished, matches!(desk.phase, Phase::Terminated | Phase::Broken(_)))
        };
        let mut until = None;
        if is_finished {
            inner.board.stop();
            if is_killing && !has_killed {
                crew.kill();
                has_killed = true;
            }
            if crew.workers().next().is_none() {
                break;
            }
        } else if let Err(error) = crew.fill(inner) {
            crew.complaint = Some(error.to_string());
            // Those that are there do the work, until there are more.
            until = Some(Deadline::after(PAUSE));
        } else if ENDING.load(Ordering::Relaxed) != 0 {
            until = Some(Deadline::after(PAUSE));
        }
        crew.wait(inner, until);
        crew.see(inner);
    }
    contained(|| drop(crew));
    inner.end();
}
