//! Children that fork without exec, and with it. (Forked children that only read, or that may not
//! open the file again: `forked_child.rs`.)

use std::process::{Command, Stdio};

use breezeway::sync::Mutex;
use breezeway::{Array, LockError, Segment, SegmentError, Value};
use support::death::{has_ended, kill_and_keep};
use support::fork::fork;
use support::process::until;
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

use super::{SIZE, for_three, seen};

/// Child: opens the segment and forks; the child waits, locks, waits again.
#[test]
fn fork_and_lock_child() {
    let Some(arguments) = role() else { return };
    let value = Segment::open(&arguments[0]).unwrap().get::<Value<u64>>("value").unwrap();
    let id = value.segment().participant_id().unwrap();
    let forked = fork(|| {
        say(&format!("{id} {}", std::process::id()));
        listen();
        value.update(|value| *value += 1).unwrap();
        let own_id = value.segment().participant_id().unwrap();
        // It is registered once, not once a lock.
        value.update(|value| *value += 1).unwrap();
        assert_eq!(value.segment().participant_id().unwrap(), own_id);
        say(&own_id.to_string());
        listen();
    });
    forked.join();
    // What the child did has not changed who this is.
    assert_eq!(value.segment().participant_id().unwrap(), id);
    value.set(100).unwrap();
    say("done");
    listen();
}

/// Child: holds every kind of guard and forks; the child drops them all, and the handles.
#[test]
fn fork_with_guards_child() {
    let Some(arguments) = role() else { return };
    let segment = for_three().create(&arguments[0], SIZE).unwrap();
    let mut handles = Some((
        segment.add::<Value<u64>>("value", 1).unwrap(),
        segment.add::<Array<u64>>("array", [1, 1]).unwrap(),
        segment.add::<Mutex>("mutex", ()).unwrap(),
        segment.clone(),
    ));
    let (value, array) = (handles.as_ref().unwrap().0.clone(), handles.as_ref().unwrap().1.clone());
    let mutex = handles.as_ref().unwrap().2.clone();
    let mut guards = Some((value.lock().unwrap(), array.lock().unwrap(), mutex.lock().unwrap()));
    let (value_guard, array_guard, _) = guards.as_mut().unwrap();
    **value_guard = 2;
    array_guard[1] = 2;
    // The child has a copy of all this; what it takes away its parent still has.
    let child = |guards: &mut Option<_>, handles: &mut Option<_>| {
        drop(guards.take());
        assert_eq!((value.get(), array.get(1)), (1, Some(1)));
        assert!(matches!(value.try_lock(), Err(LockError::WouldBlock)));
        assert!(matches!(array.try_lock(), Err(LockError::WouldBlock)));
        assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
        drop(handles.take());
    };
    fork(|| child(&mut guards, &mut handles)).join();
    say("forked");
    listen();
    drop(guards);
    say("released");
    listen();
}

/// Child: makes a segment, and forks a child that takes all its handles away.
#[test]
fn fork_with_handles_child() {
    let Some(arguments) = role() else { return };
    let mut segment = Some(for_three().create(&arguments[0], SIZE).unwrap());
    fork(|| drop(segment.take())).join();
    assert!(segment.as_ref().unwrap().is_linked());
    fork(|| {
        segment.as_ref().unwrap().participant_id().unwrap();
        drop(segment.take());
    })
    .join();
    assert!(segment.as_ref().unwrap().is_linked());
    say("forked");
    listen();
    drop(segment);
    say("dropped");
    listen();
}

/// Child: has an anonymous segment, and a child that has a child.
#[test]
fn fork_generations_child() {
    if role().is_none() {
        return;
    }
    let segment = for_three().create_anonymous(SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let alive = || {
        segment.participants().unwrap().iter().filter(|one| one.alive).map(|one| one.id).collect::<Vec<_>>()
    };
    fork(|| {
        value.set(2).unwrap();
        assert_eq!(alive(), [1, 2]);
        fork(|| {
            value.set(3).unwrap();
            assert_eq!(alive(), [1, 2, 3]);
            // And there is no place for a fourth.
            fork(|| {
                assert!(matches!(value.set(4), Err(LockError::NotAttached)));
                assert!(matches!(value.lock(), Err(LockError::NotAttached)));
                assert!(matches!(
                    segment.participant_id(),
                    Err(SegmentError::TooManyParticipants { max: 3 })
                ));
                // Reading asks nobody.
                assert_eq!(value.get(), 3);
            })
            .join();
        })
        .join();
        assert_eq!(alive(), [1, 2]);
    })
    .join();
    assert_eq!((alive(), value.get()), (vec![1], 3));
    assert_eq!(segment.reap().unwrap(), 2);
    say("done");
}

/// Child: has the segment attached and starts another program, which outlives it.
#[test]
fn start_program_child() {
    let Some(arguments) = role() else { return };
    let segment = Segment::open(&arguments[0]).unwrap();
    let mutex = segment.get::<Mutex>("mutex").unwrap();
    let _guard = mutex.lock().unwrap();
    // It reads what we would: the end comes when the test closes the pipe.
    let mut cat = Command::new("cat").stdin(Stdio::inherit()).stdout(Stdio::null()).spawn().unwrap();
    say(&cat.id().to_string());
    cat.wait().unwrap();
}

#[test]
fn forked_child_attaches_on_first_lock() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("fork");
    let segment = for_three().create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let mut parent = Role::spawn(fork_and_lock_child, &[&name]);
    let word = parent.hear();
    let child: u32 = word.strip_prefix("2 ").unwrap().parse().unwrap();
    let (me, its_parent) = (std::process::id(), parent.pid());
    assert_eq!(seen(&segment), [(1, me, true), (2, its_parent, true)]);
    parent.tell("lock");
    assert_eq!(parent.hear(), "3");
    assert_eq!(value.get(), 3);
    assert_eq!(seen(&segment), [(1, me, true), (2, its_parent, true), (3, child, true)]);
    parent.tell("end");
    assert_eq!(parent.hear(), "done");
    assert_eq!(value.get(), 100);
    assert_eq!(seen(&segment), [(1, me, true), (2, its_parent, true), (3, child, false)]);
    assert_eq!(segment.reap().unwrap(), 1);
}

#[test]
fn forked_child_does_not_keep_dead_parent_alive() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("orphan");
    let segment = for_three().create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let mut parent = Role::spawn(fork_and_lock_child, &[&name]);
    let word = parent.hear();
    let child: u32 = word.strip_prefix("2 ").unwrap().parse().unwrap();
    kill_and_keep(&parent);
    assert!(!has_ended(child));
    let (me, its_parent) = (std::process::id(), parent.pid());
    assert_eq!(seen(&segment), [(1, me, true), (2, its_parent, false)]);
    assert_eq!(segment.reap().unwrap(), 1);
    // The orphan takes a place of its own: its parent's, which is free again.
    parent.tell("lock");
    assert_eq!(parent.hear(), "2");
    assert_eq!(value.get(), 3);
    assert_eq!(seen(&segment), [(1, me, true), (2, child, true)]);
    drop(parent);
    until(|| has_ended(child));
    assert_eq!(segment.reap().unwrap(), 1);
}

#[test]
fn guard_copy_in_forked_child_neither_publishes_nor_unlocks() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("guards");
    let mut guardian = Role::spawn(fork_with_guards_child, &[&name]);
    assert_eq!(guardian.hear(), "forked");
    let segment = Segment::open(&name).unwrap();
    let (value, array) =
        (segment.get::<Value<u64>>("value").unwrap(), segment.get::<Array<u64>>("array").unwrap());
    let mutex = segment.get::<Mutex>("mutex").unwrap();
    assert_eq!((value.get(), array.get(1)), (1, Some(1)));
    assert!(matches!(value.try_lock(), Err(LockError::WouldBlock)));
    assert!(matches!(array.try_lock(), Err(LockError::WouldBlock)));
    assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
    guardian.tell("release");
    assert_eq!(guardian.hear(), "released");
    assert_eq!((value.get(), array.get(1)), (2, Some(2)));
    assert!(!value.try_lock().unwrap().recovered());
    assert!(!array.try_lock().unwrap().recovered());
    assert!(!mutex.try_lock().unwrap().recovered());
}

#[test]
fn drop_in_forked_child_does_not_remove_name() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("maker");
    let mut maker = Role::spawn(fork_with_handles_child, &[&name]);
    assert_eq!(maker.hear(), "forked");
    assert!(name.is_taken());
    maker.tell("drop");
    assert_eq!(maker.hear(), "dropped");
    assert!(!name.is_taken());
}

#[test]
fn participant_id_differs_per_fork_generation() {
    let _watchdog = Watchdog::start(60);
    let mut grandparent = Role::spawn(fork_generations_child, &[]);
    assert_eq!(grandparent.hear(), "done");
}

#[test]
fn started_program_keeps_no_lock_of_dead_parent() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("employer");
    let segment = for_three().create(&name, SIZE).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let mut employer = Role::spawn(start_program_child, &[&name]);
    let cat: u32 = employer.hear().parse().unwrap();
    assert!(seen(&segment)[1].2 && mutex.try_lock().is_err());
    kill_and_keep(&employer);
    assert!(!has_ended(cat));
    assert_eq!(seen(&segment)[1], (2, employer.pid(), false));
    assert!(mutex.lock().unwrap().recovered());
    assert_eq!(segment.reap().unwrap(), 1);
    drop(employer);
    until(|| has_ended(cat));
}
