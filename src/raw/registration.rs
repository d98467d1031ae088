//! [`Registration`]: which process held something, in words that outlive it.

/// One registration of a process as a participant of a segment.
///
/// An id alone does not tell a dead process from its successor: once everything that the dead one
/// held is reclaimed, the next process to attach may get its id. The epoch tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// The participant's id, 1 to the number of participants.
    pub(crate) id: u32,
    /// How many registrations of this id there were, this one included, modulo [`EPOCHS`].
    pub(crate) epoch: u32,
}

/// Epochs that are told apart. They begin anew after this many registrations of one id.
pub(crate) const EPOCHS: u32 = 1 << 25;
