//! Workers that are killed: exactly one task fails or is rerun.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::{Pool, Rerun};
use breezeway::queue::Queue;
use breezeway::sync::Event;
use breezeway::{Array, Atomic, TaskError};
use rustix::process::{Pid, Signal, kill_process, pidfd_open, pidfd_send_signal};
use support::Watchdog;
use support::process::until;

fn square(x: u64) -> u64 {
    x * x
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn task_killing_its_worker_fails_alone() {
    let _watchdog = Watchdog::start(300);
    let pool = Pool::new(2).unwrap();
    let maybe = |x: u64| {
        match x % 10 {
            3 => kill(std::process::id()),
            6 => std::process::exit(7),
            9 => std::process::abort(),
            _ => {}
        }
        x * x
    };
    let tasks: Vec<_> = (0..60).map(|x| pool.submit(maybe, x).unwrap()).collect();
    for (x, task) in (0..).zip(tasks) {
        match (x % 10, task.get()) {
            (3, Err(TaskError::WorkerDied { signal: 9 }))
            | (6, Err(TaskError::Exited { code: 7 }))
            | (9, Err(TaskError::WorkerDied { signal: 6 })) => {}
            (_, result) => assert_eq!(result.unwrap(), x * x),
        }
    }
    let error = pool.map(maybe, 0..60).unwrap_err();
    assert!(matches!(error, TaskError::WorkerDied { signal: 9 }), "{error}");
}

#[test]
fn rerun_times_repeats_task_after_worker_death() {
    let _watchdog = Watchdog::start(300);
    let pool = Pool::builder().workers(2).rerun(Rerun::Times(3)).build().unwrap();
    let runs = Array::<u32>::new(8).unwrap();
    let die = |(index, deaths, text, runs): (usize, u32, String, Array<u32>)| {
        runs.update(index, |runs| *runs += 1).unwrap();
        if runs.get(index).unwrap() <= deaths {
            kill(std::process::id());
        }
        text.len()
    };
    let arguments = |index: usize, len| (index, index as u32, "x".repeat(len), runs.clone());
    // Short and long ones: what is run again is handed over again.
    for (index, len) in [(0, 1), (1, 10), (2, 10_000), (3, 100_000)] {
        assert_eq!(pool.call(die, arguments(index, len)).unwrap(), len);
        assert_eq!(runs.get(index).unwrap(), index as u32 + 1);
    }
    for len in [10, 10_000] {
        runs.set(4, 0).unwrap();
        let error = pool.call(die, arguments(4, len)).unwrap_err();
        assert!(matches!(error, TaskError::WorkerDied { signal: 9 }), "{error}");
        assert_eq!(runs.get(4).unwrap(), 4);
    }
}

#[test]
fn worker_death_leaves_other_tasks_running() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(3).unwrap();
    let pids = Queue::<u32>::new(16).unwrap();
    let event = Event::new().unwrap();
    let wait = |(pids, event): (Queue<u32>, Event)| {
        pids.push(std::process::id()).unwrap();
        event.wait().unwrap();
        std::process::id()
    };
    let tasks: Vec<_> = (0..5).map(|_| pool.submit(wait, (pids.clone(), event.clone())).unwrap()).collect();
    let victim = [(); 3].map(|()| pids.pop().unwrap())[1];
    kill(victim);
    // Its place is taken.
    pids.pop().unwrap();
    event.set();
    let results: Vec<_> = tasks.into_iter().map(|task| task.get()).collect();
    assert_eq!(
        results.iter().filter(|result| matches!(result, Err(TaskError::WorkerDied { signal: 9 }))).count(),
        1
    );
    assert_eq!(results.iter().filter(|result| result.as_ref().is_ok_and(|pid| *pid != victim)).count(), 4);
}

#[test]
fn idle_workers_killed_are_replaced() {
    let _watchdog = Watchdog::start(120);
    let pids = Queue::<u32>::new(64).unwrap();
    let begin = |pids: Queue<u32>| pids.push(std::process::id()).unwrap();
    let pool = Pool::builder().workers(2).initializer(begin, pids.clone()).build().unwrap();
    for _ in 0..5 {
        kill(pids.pop().unwrap());
        let _ = pool.map_chunked(square, 0..20, 1);
    }
    // Whoever is killed at that may fail a task of the map; afterwards none does.
    let all = || pool.map_chunked(square, 0..100, 1);
    until(|| all().is_ok());
}

/// Where a worker counts how often each task was begun.
static BEGUN: std::sync::OnceLock<Array<u32>> = std::sync::OnceLock::new();

/// Kills a worker after each of many delays, from before its task begins until behind its end.
fn killed_at_any_time(rerun: Rerun, rounds: u64, mut dice: Dice) {
    let tasks = 24;
    let (mut failed, mut again) = (0, 0);
    for round in 0..20 * rounds {
        if round >= rounds && failed + again > 0 {
            break;
        }
        let pids = Queue::<u32>::new(1024).unwrap();
        let begin = |(pids, begun): (Queue<u32>, Array<u32>)| {
            drop(BEGUN.set(begun));
            pids.push(std::process::id()).unwrap();
        };
        let begun = Array::<u32>::new(tasks).unwrap();
        let pool = Pool::builder()
            .workers(2)
            .rerun(rerun)
            .initializer(begin, (pids.clone(), begun.clone()))
            .build()
            .unwrap();
        let victim = pids.pop().unwrap();
        let fd =
            pidfd_open(Pid::from_raw(victim as i32).unwrap(), rustix::process::PidfdFlags::empty()).unwrap();
        let work = |(index, len): (usize, usize)| {
            BEGUN.get().unwrap().update(index, |count| *count += 1).unwrap();
            let mut sum = index as u64;
            for n in 0..40_000 {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n));
            }
            (std::process::id(), vec![sum; len])
        };
        let delay = Duration::from_nanos(dice.below(600_000));
        let lens: Vec<usize> = (0..tasks).map(|_| if dice.below(4) == 0 { 500 } else { 1 }).collect();
        let handles: Vec<_> =
            (0..tasks).map(|index| pool.submit(work, (index, lens[index])).unwrap()).collect();
        let start = std::time::Instant::now();
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        pidfd_send_signal(&fd, Signal::KILL).unwrap();
        let mut deaths = 0;
        for (index, handle) in handles.into_iter().enumerate() {
            let runs = |range: std::ops::RangeInclusive<u32>| {
                let runs = begun.get(index).unwrap();
                assert!(range.contains(&runs), "task {index} of round {round} was begun {runs} times");
                u64::from(runs > 1)
            };
            match handle.get() {
                Ok((_, sums)) => {
                    assert!(sums.len() == lens[index] && sums.iter().all(|sum| *sum == sums[0]));
                    again += runs(if rerun == Rerun::Never { 1..=1 } else { 1..=2 });
                }
                Err(TaskError::WorkerDied { signal: 9 }) => {
                    deaths += 1;
                    runs(0..=1);
                }
                Err(error) => panic!("task {index} of round {round}: {error}"),
            }
        }
        assert!(deaths <= if rerun == Rerun::Never { 1 } else { 0 }, "{deaths} deaths in round {round}");
        failed += deaths;
        // As many workers as before, and all of them serve.
        let barrier = breezeway::sync::Barrier::new(2).unwrap();
        let meet = |barrier: breezeway::sync::Barrier| {
            barrier.wait().unwrap();
            std::process::id()
        };
        let met = pool.map_chunked(meet, vec![barrier; 2], 1).unwrap();
        assert!(met[0] != met[1] && !met.contains(&victim));
        pool.close();
        pool.join().unwrap();
    }
    println!("{rounds} rounds: {failed} tasks failed, {again} ran twice");
    assert!(failed + again > 0, "some must be hit");
}

#[test]
fn worker_killed_anytime_fails_at_most_one_task() {
    let _watchdog = Watchdog::start(600);
    killed_at_any_time(Rerun::Never, 60, Dice(0x9e37_79b9_7f4a_7c15));
}

#[test]
fn worker_killed_anytime_reruns_its_task() {
    let _watchdog = Watchdog::start(600);
    killed_at_any_time(Rerun::Times(1), 60, Dice(0xbf58_476d_1ce4_e5b9));
}

#[test]
fn map_with_rerun_completes_under_constant_kills() {
    let _watchdog = Watchdog::start(600);
    let pids = Queue::<u32>::new(1 << 12).unwrap();
    let begin = |pids: Queue<u32>| pids.push(std::process::id()).unwrap();
    let pool = Pool::builder()
        .workers(3)
        .rerun(Rerun::Times(1000))
        .initializer(begin, pids.clone())
        .build()
        .unwrap();
    let over = Atomic::<bool>::new(false).unwrap();
    std::thread::scope(|scope| {
        let (over, pids) = (&over, &pids);
        let killer = scope.spawn(move || {
            let mut dice = Dice(0x94d0_49bb_1331_11eb);
            let mut kills = 0;
            while !over.load(Ordering::Relaxed) {
                let Ok(pid) = pids.pop_timeout(Duration::from_millis(50)) else { continue };
                sleep(Duration::from_micros(dice.below(3000)));
                // The pool has not waited for it: it lives, or is a zombie.
                kill(pid);
                kills += 1;
            }
            kills
        });
        let slow = |x: u64| {
            sleep(Duration::from_micros(200));
            x * x
        };
        for _ in 0..3 {
            let results = pool.map_chunked(slow, 0..500, 1).unwrap();
            assert!(results.into_iter().eq((0..500).map(square)));
            let results: BTreeSet<u64> =
                pool.map_iter_unordered(slow, 0..300).unwrap().map(Result::unwrap).collect();
            assert!(results.into_iter().eq((0..300).map(square)));
        }
        over.store(true, Ordering::Relaxed);
        let kills = killer.join().unwrap();
        assert!(kills > 3, "{kills} kills");
    });
    pool.close();
    pool.join().unwrap();
}

#[test]
fn stopped_worker_keeps_its_task() {
    let _watchdog = Watchdog::start(120);
    let pool = Pool::new(2).unwrap();
    let pids = Queue::<u32>::new(4).unwrap();
    let work = |pids: Queue<u32>| {
        pids.push(std::process::id()).unwrap();
        sleep(Duration::from_millis(30));
        1
    };
    let task = pool.submit(work, pids.clone()).unwrap();
    let pid = pids.pop().unwrap();
    support::process::stop(pid);
    assert_eq!(pool.map_chunked(square, 0..500, 1).unwrap().len(), 500);
    assert!(!task.wait_timeout(Duration::from_millis(300)), "its worker keeps it");
    support::process::resume(pid);
    assert_eq!(task.get().unwrap(), 1);
}
