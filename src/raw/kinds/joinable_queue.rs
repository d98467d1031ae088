//! `JoinableQueue`: a message ring, whose messages workers lease.

use super::super::kind_ops::KindOps;
use super::messages;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::JoinableQueue,
    describe: |of| format!("a JoinableQueue<{}>", of.name),
    repair: messages::repair,
    inspected_bytes: messages::inspected_bytes,
    inspect: |object, facts| messages::inspect(object, true, facts),
};
