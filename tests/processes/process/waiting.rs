//! Waiting for processes and receivers at once.

use std::time::Duration;

use breezeway::pipe::{self, Sender};
use breezeway::process::{Child, Process, wait};
use breezeway::sync::Event;
use support::Watchdog;
use support::process::until;

#[test]
fn wait_for_two_pipes_and_two_processes() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    let work = |(mut tx, n, event): (Sender<u8>, u8, Event)| {
        tx.send(n).unwrap();
        event.wait().unwrap();
    };
    let (a_tx, mut a) = pipe::simplex::<u8>().unwrap();
    let (b_tx, mut b) = pipe::simplex::<u8>().unwrap();
    let mut first = Process::builder().daemon(true).spawn(work, (a_tx, 1, event.clone())).unwrap();
    // Without its result it can be waited for as well.
    let mut second: Child =
        Process::builder().daemon(true).spawn(work, (b_tx, 2, event.clone())).unwrap().child().clone();
    until(|| wait(&mut [&mut a, &mut b, &mut first, &mut second], None) == [0, 1]);
    assert_eq!((a.recv().unwrap(), b.recv().unwrap()), (1, 2));
    let soon = Duration::from_millis(20);
    assert!(wait(&mut [&mut a, &mut b, &mut first, &mut second], soon).is_empty());
    second.kill().unwrap();
    assert_eq!(second.join().unwrap(), -9);
    // Its end of the pipe is gone with it, also for who never sleeps because the sentinel is ready.
    assert_eq!(wait(&mut [&mut a, &mut b, &mut first, &mut second], Duration::ZERO), [1, 3]);
    assert_eq!(wait(&mut [&mut first, &mut second], None), [1]);
    event.set();
    until(|| wait(&mut [&mut a, &mut b, &mut first, &mut second], None) == [0, 1, 2, 3]);
    assert_eq!(first.join().unwrap(), 0);
}
