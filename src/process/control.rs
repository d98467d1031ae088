//! The file between a parent and its child: the parent's request, and the child's answer.
//!
//! ```text
//! byte 0        8                 16                24              32
//!      +--------+-----------------+-----------------+---------------+------+-----------+--------+
//!      | state  | length of head  | ... arguments   | ... answer    | head | arguments | answer |
//!      +--------+-----------------+-----------------+---------------+------+-----------+--------+
//!       child    parent            parent            child           parent  parent      child
//! ```
//!
//! | state | meaning | what the answer is |
//! |---|---|---|
//! | 0 | started | |
//! | 1 | the child has its arguments and runs | |
//! | 2 | the function has returned | its result |
//! | 3 | the function has panicked | the message |
//! | 4 | the arguments could not be decoded | the message |
//! | 5 | the child could not begin | the message |
//! | 6 | the result could not be encoded | the message |
//!
//! Only the child changes the state, after it has written the state's answer: a child that is
//! killed in between has not answered. The file is a memfd of the parent, which the keeper keeps.
//! The child opens it through the keeper, and so inherits nothing; both open it anew if the program
//! closes their descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use serde::{Deserialize, Serialize};

use super::call::{CallOutcome, FunctionCall};
use crate::codec;
use crate::sys::checked_file::CheckedFile;
use crate::sys::keeper::FileAddress;
use crate::sys::{file, process};

/// What a parent asks of its child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChildSpec {
    /// The build of the parent's executable.
    pub(super) build: Vec<u8>,
    pub(super) call: FunctionCall,
    pub(super) name: String,
    /// The child's number among its parent's children, after the numbers of its ancestors.
    pub(super) path: Vec<u32>,
    pub(super) is_daemon: bool,
    pub(super) parent_name: String,
}

/// How far a child has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    Started,
    Running,
    Answered(CallOutcome),
    /// The child could not start, for this reason.
    Refused(String),
}

const SPEC_LEN_OFFSET: u64 = 8;
const ARGUMENTS_LEN_OFFSET: u64 = 16;
const OUTCOME_LEN_OFFSET: u64 = 24;
const SPEC_OFFSET: u64 = 32;

const RUNNING: u64 = 1;
const RETURNED: u64 = 2;
const PANICKED: u64 = 3;
const UNDECODABLE: u64 = 4;
const REFUSED: u64 = 5;
const UNENCODABLE: u64 = 6;

/// One side's handle of the file.
#[derive(Debug)]
pub(super) struct ControlFile {
    file: CheckedFile,
}

impl ControlFile {
    /// In the parent: creates the file.
    pub(super) fn create(spec: &[u8], arguments: &[u8]) -> io::Result<Self> {
        file::check_size_limit(SPEC_OFFSET + spec.len() as u64 + arguments.len() as u64)?;
        let file = file::create_anonymous()?;
        file::write_at(&file, SPEC_LEN_OFFSET, &(spec.len() as u64).to_ne_bytes())?;
        file::write_at(&file, ARGUMENTS_LEN_OFFSET, &(arguments.len() as u64).to_ne_bytes())?;
        file::write_at(&file, SPEC_OFFSET, spec)?;
        file::write_at(&file, SPEC_OFFSET + spec.len() as u64, arguments)?;
        let file = CheckedFile::without_path(file)?;
        file.keep();
        Ok(Self { file })
    }

    /// Where the child opens the file.
    pub(super) fn address(&self) -> FileAddress {
        self.file.address()
    }

    /// In the child: opens the parent's file.
    pub(super) fn open(address: FileAddress) -> io::Result<Self> {
        let file = CheckedFile::open(address)?;
        // The file decides what this process does, so it must be this user's.
        if file.ask(|file| file::status(file))?.owner != process::effective_user() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self { file })
    }

    pub(super) fn spec(&self) -> io::Result<ChildSpec> {
        let bytes = self.read(SPEC_OFFSET, self.get(SPEC_LEN_OFFSET)?)?;
        codec::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    pub(super) fn arguments(&self) -> io::Result<Vec<u8>> {
        self.read(self.arguments_offset()?, self.get(ARGUMENTS_LEN_OFFSET)?)
    }

    /// In the child: tells that it has its arguments.
    pub(super) fn set_running(&self) -> io::Result<()> {
        self.set(0, RUNNING)
    }

    /// In the child: answers with what the call has led to.
    pub(super) fn set_outcome(&self, outcome: &CallOutcome) -> io::Result<()> {
        let (state, bytes) = match outcome {
            CallOutcome::Returned(result) => (RETURNED, &**result),
            CallOutcome::Panicked(message) => (PANICKED, message.as_bytes()),
            CallOutcome::Undecodable(message) => (UNDECODABLE, message.as_bytes()),
            CallOutcome::Unencodable(message) => (UNENCODABLE, message.as_bytes()),
        };
        self.write_outcome(state, bytes)
    }

    /// In the child: answers why it cannot start.
    pub(super) fn set_refused(&self, message: &str) -> io::Result<()> {
        self.write_outcome(REFUSED, message.as_bytes())
    }

    fn write_outcome(&self, state: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = self.outcome_offset()?;
        file::check_size_limit(offset.saturating_add(bytes.len() as u64))?;
        self.file.change(|file| file::write_at(file, offset, bytes))?;
        self.set(OUTCOME_LEN_OFFSET, bytes.len() as u64)?;
        self.set(0, state)
    }

    /// In the parent: whether the child has its arguments, or has answered why it will never have
    /// them.
    pub(super) fn has_started(&self) -> io::Result<bool> {
        Ok(self.get(0)? != 0)
    }

    /// In the parent: how far the child has come, or had come when it ended.
    pub(super) fn state(&self) -> io::Result<ChildState> {
        let bytes = || self.read(self.outcome_offset()?, self.get(OUTCOME_LEN_OFFSET)?);
        let text = || Ok::<_, io::Error>(String::from_utf8_lossy(&bytes()?).into_owned());
        Ok(match self.get(0)? {
            0 => ChildState::Started,
            RUNNING => ChildState::Running,
            RETURNED => ChildState::Answered(CallOutcome::Returned(bytes()?)),
            PANICKED => ChildState::Answered(CallOutcome::Panicked(text()?)),
            UNDECODABLE => ChildState::Answered(CallOutcome::Undecodable(text()?)),
            UNENCODABLE => ChildState::Answered(CallOutcome::Unencodable(text()?)),
            REFUSED => ChildState::Refused(text()?),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }

    fn arguments_offset(&self) -> io::Result<u64> {
        SPEC_OFFSET.checked_add(self.get(SPEC_LEN_OFFSET)?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn outcome_offset(&self) -> io::Result<u64> {
        let place = self.arguments_offset()?.checked_add(self.get(ARGUMENTS_LEN_OFFSET)?);
        place.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn get(&self, at: u64) -> io::Result<u64> {
        self.file.ask(|file| {
            let mut bytes = [0; 8];
            read_exact(file, at, &mut bytes)?;
            Ok(u64::from_ne_bytes(bytes))
        })
    }

    fn set(&self, at: u64, number: u64) -> io::Result<()> {
        self.file.change(|file| file::write_at(file, at, &number.to_ne_bytes()))
    }

    /// Reads `len` bytes, which must be there: a damaged length allocates nothing.
    fn read(&self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        self.file.ask(|file| {
            let there = file::status(file)?.len;
            if at.checked_add(len).is_none_or(|end| end > there) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut bytes = vec![0; len as usize];
            read_exact(file, at, &mut bytes)?;
            Ok(bytes)
        })
    }
}

fn read_exact(file: BorrowedFd<'_>, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let count = file::read_at(file.as_fd(), at, buffer)?;
    if count == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_file_round_trip() {
        let ours = ControlFile::create(b"head", b"arguments").unwrap();
        let theirs = ControlFile::open(ours.address()).unwrap();
        assert_eq!(ours.state().unwrap(), ChildState::Started);
        assert_eq!(theirs.arguments().unwrap(), b"arguments");
        theirs.set_running().unwrap();
        assert_eq!(ours.state().unwrap(), ChildState::Running);
        let outcome = CallOutcome::Returned(b"result".to_vec());
        theirs.set_outcome(&outcome).unwrap();
        assert_eq!(ours.state().unwrap(), ChildState::Answered(outcome));
        theirs.set_refused("no").unwrap();
        assert_eq!(ours.state().unwrap(), ChildState::Refused("no".to_owned()));
    }

    #[test]
    fn control_file_damaged_lengths() {
        let control = ControlFile::create(b"head", b"arguments").unwrap();
        for at in [SPEC_LEN_OFFSET, ARGUMENTS_LEN_OFFSET, OUTCOME_LEN_OFFSET] {
            let before = control.get(at).unwrap();
            control.set(0, RETURNED).unwrap();
            for len in [u64::MAX, u64::MAX - 40, 1 << 40] {
                control.set(at, len).unwrap();
                assert!(control.state().is_err());
                let _ = (control.spec().is_err(), control.arguments());
            }
            control.set(at, before).unwrap();
        }
        control.set(0, 99).unwrap();
        assert!(control.state().is_err());
    }
}
