//! What a slot's tag says: one word, so that one store changes it all.
//!
//! ```text
//! 63   62 61            46 45    38 37                                   0
//! +------+----------------+--------+-------------------------------------+
//! | what |     owner      | leases |                stamp                |
//! +------+----------------+--------+-------------------------------------+
//!   0 FREE, 1 READY, 2 LEASED       ascending in the order of putting
//! ```

/// What a slot's tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag(u64);

const WHAT: u32 = 62;
const OWNER: u32 = 46;
const LEASES: u32 = 38;

const READY: u64 = 1;
const LEASED: u64 = 2;

/// Stamps wrap. That takes 2.7 * 10^11 messages, and no message waits while so many pass it by.
const STAMPS: u64 = (1 << LEASES) - 1;

impl Tag {
    pub(crate) const FREE: Self = Self(0);

    /// The tag of a new message.
    pub(super) fn ready(stamp: u64) -> Self {
        Self(READY << WHAT | stamp & STAMPS)
    }

    /// The tag when a participant works on the message: one lease more, hence no tag that the message ever had.
    pub(super) fn leased_by(self, owner: u16) -> Self {
        // More leases than can be counted look like two.
        let leases = self.leases().checked_add(1).unwrap_or(2);
        Self(LEASED << WHAT | u64::from(owner) << OWNER | u64::from(leases) << LEASES | self.0 & STAMPS)
    }

    /// The tag when the message is to be had again. The stamp is as old as before, so it is among the first.
    pub(super) fn returned(self) -> Self {
        Self(READY << WHAT | u64::from(self.leases()) << LEASES | self.0 & STAMPS)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn is_free(self) -> bool {
        self.0 >> WHAT == 0
    }

    pub(super) fn is_ready(self) -> bool {
        self.0 >> WHAT == READY
    }

    pub(super) fn is_leased(self) -> bool {
        self.0 >> WHAT == LEASED
    }

    pub(super) fn owner(self) -> u16 {
        (self.0 >> OWNER) as u16
    }

    /// How often the message was leased.
    pub(super) fn leases(self) -> u8 {
        (self.0 >> LEASES) as u8
    }

    /// How many stamps were given out since this one.
    pub(super) fn age(self, next_stamp: u64) -> u64 {
        next_stamp.wrapping_sub(self.0) & STAMPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life() {
        let new = Tag::ready(7);
        assert!(new.is_ready() && new.leases() == 0);
        let leased = new.leased_by(u16::MAX);
        assert!(leased.is_leased() && leased.owner() == u16::MAX && leased.leases() == 1);
        let returned = leased.returned();
        assert!(returned.is_ready() && returned.leases() == 1 && returned.age(9) == 2);
        assert_ne!(returned.leased_by(u16::MAX), leased);
        assert!(Tag::FREE.is_free());
    }

    #[test]
    fn leases_beyond_counting_are_still_more_than_one() {
        let mut tag = Tag::ready(0);
        for _ in 0..1000 {
            tag = tag.leased_by(1).returned();
            assert!(tag.leases() > 0);
        }
        assert!(tag.leases() > 1);
    }

    #[test]
    fn stamps_wrap_and_stay_in_order() {
        let (old, new) = (Tag::ready(STAMPS), Tag::ready(STAMPS + 1));
        assert!(old.age(STAMPS + 2) > new.age(STAMPS + 2));
    }
}
