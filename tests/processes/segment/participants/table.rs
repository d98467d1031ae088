//! The participants table: its entries, the order in which slots are reused, and dead and stopped
//! participants.
#![allow(unsafe_code)]

use std::sync::Barrier;
use std::time::{SystemTime, UNIX_EPOCH};

use breezeway::{Segment, Value};
use support::process::{resume, stop};
use support::scratch::{Name, peek};
use support::{Role, Watchdog};

use super::{SIZE, ask, for_three, seen, spawn_member, spawn_refused};

#[test]
fn participants_lists_every_attached_process() {
    let _watchdog = Watchdog::start(60);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let (name, before) = (Name::new("everybody"), now());
    let segment = for_three().create(&name, SIZE).unwrap();
    assert_eq!(segment.participant_id().unwrap(), 1);
    let (mut second, second_id) = spawn_member("open", &name);
    let (third, third_id) = spawn_member("open", &name);
    assert_eq!((second_id, third_id), (2, 3));
    let me = std::process::id();
    assert_eq!(seen(&segment), [(1, me, true), (2, second.pid(), true), (3, third.pid(), true)]);

    let all = segment.participants().unwrap();
    let name_of = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim_end().to_owned();
    assert!(all.iter().all(|one| one.name == name_of(one.pid) && !one.name.is_empty()), "{all:?}");
    assert!(all.windows(2).all(|pair| pair[0].attached_at <= pair[1].attached_at));
    assert!(before <= all[0].attached_at && all[2].attached_at <= now());

    assert_eq!(ask(&mut second, "leave"), "left");
    assert_eq!(seen(&segment), [(1, me, true), (3, third.pid(), true)]);
    // Opened again, by a process that has it already, it takes no other place.
    let again = Segment::open(&name).unwrap();
    assert_eq!(again.participant_id().unwrap(), 1);
    let (next, id) = spawn_member("open", &name);
    assert_eq!(id, 2);
    assert_eq!(seen(&again), [(1, me, true), (2, next.pid(), true), (3, third.pid(), true)]);
    assert_eq!(segment.reap().unwrap(), 0);
}

/// The segment has room for its creator and one more, so a thread that took a second place would be refused.
#[test]
fn open_in_sixteen_threads_at_once_takes_one_place() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("threads");
    let mut creator = Role::spawn(super::member, &["create for two", &name]);
    assert_eq!(creator.hear(), "1");
    for _ in 0..50 {
        let start = Barrier::new(16);
        let open = || {
            start.wait();
            let segment = Segment::open(&name).unwrap();
            let id = segment.participant_id().unwrap();
            (segment, id)
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
            let opened: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(opened.iter().all(|(_, id)| *id == 2));
            assert_eq!(opened[0].0.participants().unwrap().len(), 2);
        });
    }
}

#[test]
fn create_by_default_has_room_for_256_participants() {
    let name = Name::new("default");
    let segment = Segment::create(&name, SIZE).unwrap();
    let participants = u32::from_le_bytes(peek(&name.path(), 52));
    // SAFETY: no memory is passed.
    let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) } as u32;
    assert_eq!(participants, (4 * cpus).max(256));
    assert_eq!(segment.participants().unwrap().len(), 1);
}

#[test]
fn participants_shows_killed_as_dead_until_reap() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("killed");
    let segment = for_three().create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let (mut second, _) = spawn_member("open", &name);
    let (third, _) = spawn_member("open", &name);
    let (me, dead, living) = (std::process::id(), second.pid(), third.pid());
    assert_eq!(ask(&mut second, "hold"), "holds");
    second.kill();
    assert_eq!(seen(&segment), [(1, me, true), (2, dead, false), (3, living, true)]);
    assert_eq!(segment.reap().unwrap(), 1);
    assert_eq!(seen(&segment), [(1, me, true), (3, living, true)]);
    assert_eq!(segment.reap().unwrap(), 0);
    // That it was repaired after is no reason for the next locker not to be told.
    assert!(value.lock().unwrap().recovered());

    let (next, id) = spawn_member("open", &name);
    assert_eq!(id, 2);
    assert_eq!(seen(&segment), [(1, me, true), (2, next.pid(), true), (3, living, true)]);
}

#[test]
fn open_reuses_slots_of_dead_participants_last() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("places");
    let segment = for_three().create(&name, SIZE).unwrap();
    let (second, id) = spawn_member("open", &name);
    let dead = second.pid();
    assert_eq!(id, 2);
    second.kill();
    let (third, id) = spawn_member("open", &name);
    assert_eq!(id, 3);
    let me = std::process::id();
    assert_eq!(seen(&segment), [(1, me, true), (2, dead, false), (3, third.pid(), true)]);
    // There is no other place, so its owner is repaired after at once.
    let (fourth, id) = spawn_member("open", &name);
    assert_eq!(id, 2);
    assert_eq!(seen(&segment), [(1, me, true), (2, fourth.pid(), true), (3, third.pid(), true)]);
}

#[test]
fn reap_keeps_stopped_participant() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("stopped");
    let segment = Segment::builder().participants(2).create(&name, SIZE).unwrap();
    let (mut member, id) = spawn_member("open", &name);
    assert_eq!(id, 2);
    stop(member.pid());
    let everybody = [(1, std::process::id(), true), (2, member.pid(), true)];
    assert_eq!(seen(&segment), everybody);
    assert_eq!(segment.reap().unwrap(), 0);
    assert_eq!(spawn_refused(&name), "TooManyParticipants { max: 2 }");
    assert_eq!(seen(&segment), everybody);
    resume(member.pid());
    assert_eq!(ask(&mut member, "add"), "done");
    assert_eq!(segment.get::<Value<u64>>("value").unwrap().get(), 2);
    assert_eq!(seen(&segment), everybody);
}

#[test]
fn open_with_full_table_returns_too_many_participants() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("full");
    let segment = for_three().create(&name, SIZE).unwrap();
    let (mut second, _) = spawn_member("open", &name);
    let (third, _) = spawn_member("open", &name);
    for _ in 0..3 {
        assert_eq!(spawn_refused(&name), "TooManyParticipants { max: 3 }");
    }
    assert_eq!(segment.participants().unwrap().len(), 3);
    ask(&mut second, "leave");
    let (_two, id) = spawn_member("open", &name);
    assert_eq!(id, 2);
    third.kill();
    let (_three, id) = spawn_member("open", &name);
    assert_eq!(id, 3);
    assert_eq!(spawn_refused(&name), "TooManyParticipants { max: 3 }");
}

/// Threads share their process's locks, so they take turns among themselves.
#[test]
fn reap_by_threads_counts_each_death_once() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("threads");
    let segment = Segment::builder().participants(8).create(&name, SIZE).unwrap();
    for _ in 0..20 {
        let (doomed, _) = spawn_member("open", &name);
        let (living, id) = spawn_member("open", &name);
        doomed.kill();
        let reaped: u32 = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| segment.reap().unwrap()));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(reaped, 1);
        assert_eq!(seen(&segment), [(1, std::process::id(), true), (id, living.pid(), true)]);
        living.kill();
        assert_eq!(segment.reap().unwrap(), 1);
    }
}
