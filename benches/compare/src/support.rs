//! What the benches of the crate itself use too.

#![allow(dead_code)] // Each bench uses its part.

#[path = "../../support/cpu.rs"]
pub mod cpu;
#[path = "../../support/futex.rs"]
pub mod futex;
#[path = "../../support/page.rs"]
pub mod page;
#[path = "../../support/partner.rs"]
pub mod partner;
#[path = "../../support/sides.rs"]
pub mod sides;
