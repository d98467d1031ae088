//! Queues between processes, which lose nothing when one of them is killed.
