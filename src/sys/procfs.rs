//! Other processes' commands, and the words that their threads sleep on, as far as `/proc` shows
//! them.

use std::fs;

use rustix::fs::{major, minor};

use super::file::FileId;
use super::process::Identity;

/// The number of the system call that sleeps on a word.
const FUTEX: libc::c_long = libc::SYS_futex;

/// Its operations that sleep, without their flags.
const WAITS: [u64; 2] = [libc::FUTEX_WAIT as u64, libc::FUTEX_WAIT_BITSET as u64];
const OPERATION: u64 = 0x7f;

/// Whether the process runs, in this process's pid namespace.
pub(crate) fn is_running(process: Identity) -> bool {
    process.pid != 0 && Identity::of(process.pid) == Some(process)
}

/// The command line of a process; its name if it has none.
pub(crate) fn command(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let command = words.join(" ");
    // A process chooses its command line itself, which must not move a terminal's cursor.
    let command: String = command.trim_end().chars().filter(|c| !c.is_control()).collect();
    if command.is_empty() { name(pid).unwrap_or_default() } else { command }
}

fn name(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(field(&status, "Name")?.chars().filter(|c| !c.is_control()).collect())
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(str::trim)
}

/// For each thread of a process that sleeps on a word of a file, the word's offset in the file.
pub(crate) fn futex_words(pid: u32, file: FileId) -> Vec<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mappings: Vec<_> = maps.lines().filter_map(|line| MapsEntry::of(line, file)).collect();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let calls = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("syscall")).ok());
    let words = calls.filter_map(|call| sleeps_on(&call));
    words.filter_map(|word| mappings.iter().find_map(|mapping| mapping.file_offset_of(word))).collect()
}

/// The address of the word that a thread sleeps on, from its line in /proc: the number of its
/// system call, then the arguments.
fn sleeps_on(call: &str) -> Option<u64> {
    let mut words = call.split_ascii_whitespace();
    let is_futex = words.next()?.parse() == Ok(FUTEX);
    let (word, operation) = (hexadecimal(words.next()?)?, hexadecimal(words.next()?)?);
    (is_futex && WAITS.contains(&(operation & OPERATION))).then_some(word)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// A mapping of a part of a file in a process's memory.
struct MapsEntry {
    start: u64,
    end: u64,
    offset: u64,
}

impl MapsEntry {
    /// The mapping of a line of `maps`, if it is of this file. The line has addresses, rights,
    /// offset, device, inode and path.
    fn of(line: &str, file: FileId) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let offset = fields.nth(1)?;
        let (high, low) = fields.next()?.split_once(':')?;
        let device = (hexadecimal(high)?, hexadecimal(low)?);
        let is_of_file = fields.next()?.parse() == Ok(file.inode)
            && device == (major(file.device).into(), minor(file.device).into());
        let mapping =
            Self { start: hexadecimal(start)?, end: hexadecimal(end)?, offset: hexadecimal(offset)? };
        is_of_file.then_some(mapping)
    }

    fn file_offset_of(&self, address: u64) -> Option<u64> {
        (self.start..self.end).contains(&address).then(|| (address - self.start).saturating_add(self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_on_finds_the_word_of_a_futex_call() {
        let number = libc::SYS_futex;
        assert_eq!(sleeps_on(&format!("{number} 0x7f10 0x109 0x1 0x0 0x0 0x0 0x7ffe 0x7f99")), Some(0x7f10));
        assert_eq!(sleeps_on(&format!("{number} 0x7f10 0x1 0x1 0x0 0x0 0x0 0x7ffe 0x7f99")), None);
        assert_eq!(sleeps_on("running"), None);
        assert_eq!(sleeps_on(""), None);
    }

    #[test]
    fn procfs_finds_this_process() {
        let me = Identity::current();
        assert!(is_running(me));
        assert!(!is_running(Identity { start: me.start + 1, ..me }));
        assert!(!is_running(Identity { pid: 0, ..me }));
        assert!(!command(me.pid).is_empty());
        assert_eq!(command(u32::MAX), "");
    }
}
