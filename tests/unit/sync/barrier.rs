//! [`breezeway::sync::Barrier`]: threads wait until all parties have arrived.

use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use breezeway::sync::{Barrier, BarrierWaitResult, Mutex};
use breezeway::{BarrierError, Segment, SegmentError};
use support::scratch::{Name, Scratch};
use support::waiting::{asleep, in_threads};
use support::{Watchdog, unique};

const PARTIES: usize = 10;

fn assert_one_of_each(mut results: Vec<BarrierWaitResult>) {
    results.sort_unstable_by_key(BarrierWaitResult::index);
    let last = results.len() - 1;
    for (index, result) in results.iter().enumerate() {
        assert_eq!((result.index(), result.is_leader()), (index, index == last));
    }
}

#[test]
fn new_parties_out_of_range_returns_invalid_option() {
    for parties in [0, 1025, usize::MAX] {
        for result in [Barrier::new(parties), Barrier::create(&unique("barrier-bad"), parties)] {
            assert!(matches!(
                result,
                Err(SegmentError::InvalidOption { option: "parties", allowed: "1 to 1024" })
            ));
        }
    }
    let segment = Segment::new(1 << 16).unwrap();
    assert!(matches!(segment.add::<Barrier>("none", 0), Err(SegmentError::InvalidOption { .. })));
    for parties in [1, 2, 1024] {
        let barrier = segment.get_or_add::<Barrier>(&parties.to_string(), parties).unwrap();
        assert_eq!((barrier.parties(), barrier.waiting(), barrier.is_broken()), (parties, 0, false));
    }
}

#[test]
fn open_or_create_and_wrong_kind_or_parties() {
    let name = unique("barrier-names");
    let barrier = Barrier::create(&name, 3).unwrap();
    assert_eq!(Barrier::open(&name).unwrap().parties(), 3);
    assert_eq!(Barrier::open_or_create(&name, 3).unwrap().clone().parties(), 3);
    assert!(matches!(Barrier::open_or_create(&name, 4), Err(SegmentError::TypeMismatch { .. })));
    assert!(matches!(Barrier::create(&name, 3), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Mutex::open(&name), Err(SegmentError::TypeMismatch { .. })));
    let text = format!("{barrier:?}");
    assert!(text.starts_with("Barrier { parties: 3, segment: "), "{text}");
}

#[test]
fn wait_with_single_party_passes_alone() {
    let _watchdog = Watchdog::start(20);
    let barrier = Barrier::new(1).unwrap();
    let passes = [barrier.wait(), barrier.try_wait(), barrier.wait_timeout(Duration::ZERO)];
    assert!(
        passes.into_iter().all(|pass| pass.is_ok_and(|result| result.is_leader() && result.index() == 0))
    );
    let mut called = false;
    barrier.wait_with(|| called = true).unwrap();
    assert!(called);
}

/// So many that a slice of slots is more than a line, and one after the other.
#[test]
fn wait_gives_each_index_once_and_one_leader() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(PARTIES).unwrap();
    let results = in_threads(PARTIES, |_| (0..50).map(|_| barrier.wait().unwrap()).collect::<Vec<_>>());
    for round in 0..50 {
        assert_one_of_each(results.iter().map(|of_one| of_one[round]).collect());
    }
}

/// CPython's `check_sync`: nobody goes on before all are there.
#[test]
fn wait_returns_only_after_all_arrived() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(PARTIES).unwrap();
    let before = AtomicUsize::new(0);
    let clones: Vec<_> = (0..PARTIES).map(|_| barrier.clone()).collect();
    in_threads(PARTIES, |n| {
        for round in 1..=100 {
            before.fetch_add(1, SeqCst);
            clones[n].wait().unwrap();
            assert_eq!(before.load(SeqCst), round * PARTIES);
            barrier.wait().unwrap();
        }
    });
}

#[test]
fn wait_with_runs_action_once_before_any_pass() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(PARTIES).unwrap();
    let (runs, leader) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    in_threads(PARTIES, |n| {
        for round in 1..=50 {
            let action = || {
                std::thread::sleep(Duration::from_micros(100));
                leader.store(n, SeqCst);
                runs.fetch_add(1, SeqCst);
            };
            let result = match round % 2 {
                0 => barrier.wait_with(action).unwrap(),
                _ => barrier.wait_timeout_with(Duration::from_secs(60), action).unwrap(),
            };
            assert_eq!(runs.load(SeqCst), round);
            assert_eq!(result.is_leader(), leader.load(SeqCst) == n, "who was last ran its own");
            barrier.wait().unwrap();
        }
    });
}

#[test]
fn wait_with_panicking_action_breaks_barrier() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(2).unwrap();
    let clone = barrier.clone();
    let other = asleep(move || clone.wait());
    let panic = catch_unwind(AssertUnwindSafe(|| barrier.wait_with(|| panic!("this is meant to happen"))));
    assert!(panic.is_err());
    assert_eq!(other.wake(), Err(BarrierError::Broken));
    assert!(barrier.is_broken());
    barrier.reset();
    pass_together(&barrier);
}

/// All parties pass once.
fn pass_together(barrier: &Barrier) {
    assert_one_of_each(in_threads(barrier.parties(), |_| barrier.wait().unwrap()));
}

#[test]
fn abort_breaks_barrier_until_reset() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(3).unwrap();
    let clones = [barrier.clone(), barrier.clone()];
    let others = clones.map(|clone| asleep(move || clone.wait()));
    assert_eq!(barrier.waiting(), 2);
    barrier.abort();
    others.into_iter().for_each(|other| assert_eq!(other.wake(), Err(BarrierError::Broken)));
    for _ in 0..2 {
        assert!(barrier.is_broken());
        assert_eq!(barrier.waiting(), 0);
        assert_eq!(barrier.wait(), Err(BarrierError::Broken));
        assert_eq!(barrier.try_wait(), Err(BarrierError::Broken));
        assert_eq!(barrier.wait_timeout(Duration::from_secs(1)), Err(BarrierError::Broken));
        barrier.abort();
    }
    barrier.reset();
    assert!(!barrier.is_broken());
    pass_together(&barrier);
    // One that nobody waits at.
    barrier.reset();
    barrier.reset();
    pass_together(&barrier);
}

#[test]
fn reset_breaks_only_current_waiters() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(3).unwrap();
    for _ in 0..40 {
        let clones = [barrier.clone(), barrier.clone()];
        let others = clones.map(|clone| asleep(move || clone.wait()));
        barrier.reset();
        // Who comes behind the reset has nothing to do with it, though the others may not have woken up.
        pass_together(&barrier);
        others.into_iter().for_each(|other| assert_eq!(other.wake(), Err(BarrierError::Broken)));
    }
}

/// CPython's `test_abort_and_reset`: the parties find each other again, by another barrier.
#[test]
fn abort_and_reset_coordinated_by_other_barrier() {
    let _watchdog = Watchdog::start(60);
    let (barrier, other) = (Barrier::new(PARTIES).unwrap(), Barrier::new(PARTIES).unwrap());
    let results = in_threads(PARTIES, |n| {
        let first = if n == PARTIES / 2 {
            barrier.abort();
            None
        } else {
            Some(barrier.wait())
        };
        if other.wait().unwrap().is_leader() {
            barrier.reset();
        }
        other.wait().unwrap();
        (first, barrier.wait())
    });
    let firsts = results.iter().filter_map(|(first, _)| *first);
    assert!(firsts.eq([Err(BarrierError::Broken); PARTIES - 1]));
    assert_one_of_each(results.into_iter().map(|(_, again)| again.unwrap()).collect());
}

#[test]
fn wait_timeout_elapsed_breaks_barrier_for_all() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(4).unwrap();
    for millis in [0, 1, 30, 150] {
        let clones = [barrier.clone(), barrier.clone()];
        let others = clones.map(|clone| asleep(move || clone.wait()));
        let (timeout, begin) = (Duration::from_millis(millis), Instant::now());
        assert_eq!(barrier.wait_timeout(timeout), Err(BarrierError::Timeout));
        assert!(begin.elapsed() >= timeout);
        others.into_iter().for_each(|other| assert_eq!(other.wake(), Err(BarrierError::Broken)));
        assert!(barrier.is_broken());
        barrier.reset();
    }
    pass_together(&barrier);
}

#[test]
fn try_wait_passes_only_as_last_party() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(2).unwrap();
    for _ in 0..5 {
        assert_eq!(barrier.try_wait(), Err(BarrierError::WouldBlock));
        assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    }
    let clone = barrier.clone();
    let other = asleep(move || clone.wait());
    assert_eq!(barrier.waiting(), 1);
    let result = barrier.try_wait().unwrap();
    assert!(result.is_leader());
    assert_eq!((result.index(), other.wake().unwrap().index()), (1, 0));
    assert_eq!(barrier.waiting(), 0);
}

/// While the last one is at its action, one more comes. It is of the next generation, and has no say in this one.
#[test]
fn wait_during_action_belongs_to_next_generation() {
    let _watchdog = Watchdog::start(60);
    let barrier = Barrier::new(1).unwrap();
    let clone = barrier.clone();
    let mut late = None;
    barrier
        .wait_with(|| {
            assert_eq!(clone.try_wait(), Err(BarrierError::WouldBlock));
            assert_eq!(clone.wait_timeout(Duration::from_millis(5)), Err(BarrierError::Timeout));
            assert!(!clone.is_broken());
            let clone = clone.clone();
            late = Some(asleep(move || clone.wait()));
        })
        .unwrap();
    assert!(late.unwrap().wake().unwrap().is_leader());
}

#[test]
fn wait_with_action_that_aborts_or_resets_is_broken() {
    let barrier = Barrier::new(1).unwrap();
    assert_eq!(barrier.wait_with(|| barrier.abort()), Err(BarrierError::Broken));
    barrier.reset();
    assert_eq!(barrier.wait_with(|| barrier.reset()), Err(BarrierError::Broken));
    assert!(barrier.wait().is_ok());
}

/// Any bytes are a barrier, and none make it hang or panic.
#[test]
fn any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(120);
    let scratch = Scratch::new("barrier-evil");
    let path = scratch.file("segment");
    let segment = Segment::builder().create_file(&path, 1 << 16).unwrap();
    let barrier = segment.add::<Barrier>("it", 3).unwrap();
    let at = segment.objects().unwrap()[0].offset;
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut random = 1_u64;
    let words = [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 63, 1 << 33, !0 << 33];
    for round in 0..400_usize {
        let mut word = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if random >> 63 == 0 { random >> 5 } else { words[(random >> 40) as usize % words.len()] }
        };
        let parts: [u64; 9] = std::array::from_fn(|_| word());
        for (part, offset) in parts.iter().zip([0, 128, 256, 264, 272, 280, 288, 296, 304]) {
            file.write_all_at(&part.to_ne_bytes(), at + offset).unwrap();
        }
        let again = segment.get::<Barrier>("it").unwrap();
        assert!(again.waiting() <= 3 && again.parties() == 3);
        let _ = again.try_wait();
        let waited = again.wait_timeout(Duration::from_micros(round as u64 % 3));
        assert!(waited.is_err() || waited.is_ok_and(|result| result.index() < 3));
        drop(Segment::open_file(&path).unwrap().get::<Barrier>("it").unwrap());
        barrier.abort();
        assert_eq!(barrier.wait(), Err(BarrierError::Broken));
        barrier.reset();
        assert!(!barrier.is_broken());
    }
}

/// What the directory says of a barrier cannot be, and neither who opens it nor who leaves the segment comes to grief.
#[test]
fn get_with_damaged_party_count_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    /// Where an entry of the directory has the number of elements, behind its name.
    const COUNT: u64 = 96;
    let scratch = Scratch::new("barrier-parties");
    let path = scratch.file("segment");
    let segment = Segment::builder().create_file(&path, 1 << 16).unwrap();
    let _barrier = segment.add::<Barrier>("it", 3).unwrap();
    let mut name = [0; 64];
    name[..2].copy_from_slice(b"it");
    let bytes = std::fs::read(&path).unwrap();
    let entry = bytes.windows(64).position(|window| window == name).unwrap() as u64;
    for count in [0, 1, 2, 4, 1024, 1025, 1 << 32, 1 << 60, u64::MAX] {
        support::scratch::patch(&path, entry + COUNT, &count.to_ne_bytes());
        let again = Segment::open_file(&path).unwrap();
        assert!(matches!(again.get::<Barrier>("it"), Err(SegmentError::Corrupt { .. })), "{count}");
        // A participant from here on, which leaves.
        assert!(again.reap().is_ok());
    }
    support::scratch::patch(&path, entry + COUNT, &3_u64.to_ne_bytes());
    assert!(segment.get::<Barrier>("it").is_ok());
}

#[cfg(feature = "serde")]
#[test]
fn serde_handle_waits_together() {
    let _watchdog = Watchdog::start(20);
    let name = Name::new("barrier-travels");
    let barrier = Barrier::create(&name, 2).unwrap();
    let bytes = postcard::to_stdvec(&barrier).unwrap();
    let other: Barrier = postcard::from_bytes(&bytes).unwrap();
    let other = asleep(move || other.wait());
    assert!(barrier.wait().unwrap().is_leader());
    assert_eq!(other.wake().unwrap().index(), 0);
}

/// The number of the generation comes round.
#[test]
fn wait_and_reset_across_generation_wraparound() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("barrier-wrap");
    let barrier = Barrier::create(&name, 2).unwrap();
    let at = barrier.segment().objects().unwrap()[0].offset;
    support::scratch::patch(&name.path(), at, &(((1_u64 << 31) - 2) << 33).to_ne_bytes());
    for _ in 0..5 {
        pass_together(&barrier);
        let clone = barrier.clone();
        let waiter = asleep(move || clone.wait());
        barrier.reset();
        assert_eq!(waiter.wake(), Err(BarrierError::Broken));
    }
}
