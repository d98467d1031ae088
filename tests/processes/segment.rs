//! Segments between processes: participants, forks, permissions, serialised handles.

mod foreign_files;
mod fork_races;
mod forked_child;
mod life;
mod limits;
mod liveness;
mod objects;
mod options;
mod participants;
mod procless;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "serde")]
mod stopped_repair;
