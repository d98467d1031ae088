//! What was received, and how many times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// For each of n numbers, how many times it was received.
#[derive(Clone)]
pub struct ReceiptLedger(Arc<[AtomicU32]>);

impl ReceiptLedger {
    pub fn of(count: u64) -> Self {
        Self((0..count).map(|_| AtomicU32::new(0)).collect())
    }

    pub fn take(&self, number: u64) {
        let before = self.0[number as usize].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "{number} has come twice");
    }

    #[track_caller]
    pub fn is_complete(&self) {
        let missing: Vec<_> = (0..self.0.len()).filter(|&n| self.0[n].load(Ordering::Relaxed) == 0).collect();
        assert!(missing.is_empty(), "{missing:?} have not come");
    }
}
