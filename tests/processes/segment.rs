//! Segments between processes: participants, forks, permissions, serialised handles.

mod forked_child;
mod life;
mod objects;
mod options;
mod participants;
#[cfg(feature = "serde")]
mod serde;
