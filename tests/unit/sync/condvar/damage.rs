//! A condition variable whose bytes are damaged.

use std::time::Duration;

use breezeway::CondvarError;
use support::Watchdog;
use support::scratch::patch;
use support::waiting::asleep;

use super::scene::Scene;

const TAKEN: u64 = 8;
const SLOTS: u64 = 128;
const SLOT: u64 = 16;

fn write(scene: &Scene, at: u64, bytes: &[u8]) {
    patch(&scene.segment.path().unwrap(), scene.offset() + at, bytes);
}

const BRIEFLY: Duration = Duration::from_millis(20);

#[test]
fn notify_and_wait_with_every_byte_damaged() {
    let _watchdog = Watchdog::start(60);
    for byte in [0xff, 0x01, 0x11, 0x02, 0x22, 0x80, 0x41] {
        let (_, scene) = Scene::create("condvar-damaged");
        let all = vec![byte; (SLOTS + 256 * SLOT) as usize];
        write(&scene, 0, &all);
        for count in [0, 1, 2, 255, usize::MAX] {
            assert!(scene.condvar.notify_n(count) <= 256);
        }
        let waited = scene.condvar.wait_timeout(scene.mutex.lock().unwrap(), BRIEFLY);
        assert!(matches!(waited, Err(CondvarError::TooMany { limit: 256 })), "{byte:x}: {waited:?}");
        scene.segment.reap().unwrap();
        assert!(scene.mutex.try_lock().is_ok());
    }
}

/// Marks with nobody there, slots that nobody has marked, and a count near its end.
#[test]
fn notify_and_wait_with_damaged_marks_and_tickets() {
    let _watchdog = Watchdog::start(60);
    let (_, scene) = Scene::create("condvar-marks");
    write(&scene, 0, &u64::MAX.to_ne_bytes());
    write(&scene, TAKEN, &[0xff; 32]);
    assert_eq!((scene.condvar.notify_one(), scene.condvar.notify_all()), (0, 0));
    for _ in 0..4 {
        let (condvar, mutex) = (scene.condvar.clone(), scene.mutex.clone());
        let waiter = asleep(move || {
            let guard = mutex.lock().unwrap();
            condvar.wait_timeout(guard, Duration::from_secs(50)).unwrap().1.has_timed_out()
        });
        drop(scene.mutex.lock().unwrap());
        assert_eq!(scene.condvar.notify_n(3), 1);
        assert!(!waiter.wake());
    }
}

/// A waiter whose slot is somebody else's, or nobody's, is told so, and has the mutex no more.
#[test]
fn wait_with_overwritten_slot_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    for word in [0, 3, 0x1234_5671, u64::MAX] {
        let (_, scene) = Scene::create("condvar-robbed");
        let (condvar, mutex) = (scene.condvar.clone(), scene.mutex.clone());
        let waiter = asleep(move || condvar.wait(mutex.lock().unwrap()).err());
        scene.until_waiting(1);
        write(&scene, SLOTS, &u64::to_ne_bytes(word));
        assert!(matches!(waiter.wake(), Some(CondvarError::Corrupt { .. })), "{word:x}");
        assert!(scene.mutex.try_lock().is_ok());
    }
}
