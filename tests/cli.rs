//! The `breezeway` command.
