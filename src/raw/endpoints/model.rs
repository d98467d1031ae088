//! loom's exploration of the repair of [`Endpoints`]: two processes repair after a dead holder of
//! both, while others open them.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::Arc;
use loom::thread;

use super::{EndpointRole, EndpointState, Endpoints};
use crate::raw::model;

/// The participant that dies.
const DEAD: u32 = 7;

impl Endpoints {
    /// Opens an endpoint that has no holder, as a participant does.
    fn open(&self, end: EndpointRole, me: u32) {
        while !self.change_from(end, EndpointState::Disconnected, EndpointState::Taken(me)) {
            thread::yield_now();
        }
    }
}

#[test]
fn endpoints_repair_late_spares_next_holder() {
    for is_sent in [false, true] {
        let seen = model::explore(2, move || {
            let ends = Arc::new(Endpoints::default());
            let of_dead = if is_sent { EndpointState::InTransit(DEAD) } else { EndpointState::Taken(DEAD) };
            assert!(ends.change_from(EndpointRole::Producer, EndpointState::Vacant, of_dead));
            let taken = EndpointState::Taken(DEAD);
            assert!(ends.change_from(EndpointRole::Consumer, EndpointState::Vacant, taken));
            let late = thread::spawn({
                let ends = Arc::clone(&ends);
                move || ends.repair(DEAD, false)
            });
            let successor = thread::spawn({
                let ends = Arc::clone(&ends);
                move || ends.open(EndpointRole::Consumer, 2)
            });
            let had_one = ends.repair(DEAD, false);
            ends.open(EndpointRole::Producer, 1);
            successor.join().unwrap();
            let late_had_one = late.join().unwrap();
            assert!(had_one || late_had_one);
            assert_eq!(ends.view().holder(EndpointRole::Producer), EndpointState::Taken(1));
            assert_eq!(ends.view().holder(EndpointRole::Consumer), EndpointState::Taken(2));
            (had_one, late_had_one)
        });
        assert!(seen.len() > 1, "{seen:?}");
    }
}
