//! `MessageQueue`: a message ring.

use super::super::kind_ops::KindOps;
use super::messages;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::MessageQueue,
    describe: |of| format!("a MessageQueue<{}>", of.name),
    repair: messages::repair,
    inspected_bytes: messages::inspected_bytes,
    inspect: |object, facts| messages::inspect(object, false, facts),
};
