//! A semaphore with damaged bytes: waits still end, and permits come back after a death.

use std::time::Duration;

use breezeway::SemaphoreError;
use breezeway::sync::BoundedSemaphore;
use support::scratch::patch;
use support::waiting::asleep;
use support::{Role, Watchdog, unique};

const SOON: Duration = Duration::from_millis(150);

#[test]
fn acquire_survives_any_event_word() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-event");
    let semaphore = BoundedSemaphore::create(&name, 1).unwrap();
    let path = semaphore.segment().path().unwrap();
    let at = semaphore.segment().objects().unwrap()[0].offset;
    for word in [0_u32, 1, 2, 3, u32::MAX - 1, u32::MAX] {
        let mut holder = Role::spawn(super::in_a_child, &["hold", &name, "1", "0"]);
        assert_eq!(holder.hear(), "holding");
        let clone = semaphore.clone();
        let sleeper = asleep(move || clone.acquire().map(drop));
        patch(&path, at, &word.to_ne_bytes());
        assert_eq!(semaphore.acquire_timeout(SOON).err(), Some(SemaphoreError::Timeout));
        patch(&path, at, &word.to_ne_bytes());
        holder.tell("release");
        assert_eq!(holder.hear(), "released");
        assert_eq!(sleeper.wake(), Ok(()));
        drop(semaphore.acquire().unwrap());
    }
}
