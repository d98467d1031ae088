//! The forms that several kinds are described in.

use crate::layout::fingerprint::TypeDescription;

/// `a Value<f64> (8 bytes, align 8)`, for the kind `a Value`.
pub(super) fn typed(kind: &str, of: &TypeDescription<'_>) -> String {
    format!("{kind}<{}> ({} bytes, align {})", of.name, of.size, of.align)
}

/// `a Queue<u64> of capacity 4 (8 bytes, align 8)`, for the kind `a Queue`.
pub(super) fn ring(kind: &str, of: &TypeDescription<'_>) -> String {
    match of.count {
        Some(count) => {
            format!("{kind}<{}> of capacity {count} ({} bytes, align {})", of.name, of.size, of.align)
        }
        None => typed(kind, of),
    }
}
