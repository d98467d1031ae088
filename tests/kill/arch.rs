//! What depends on the processor: the program counter, system calls and breakpoints.

use std::io;

#[cfg(target_arch = "x86_64")]
mod processor {
    /// `syscall`.
    pub(crate) const SYSTEM_CALL: &[u8] = &[0x0f, 0x05];
    /// `int3`.
    pub(crate) const BREAKPOINT: &[u8] = &[0xcc];
    /// How far past a breakpoint the program counter is after the trap.
    pub(crate) const BREAKPOINT_LENGTH: u64 = 1;

    pub(crate) fn program_counter(registers: &mut libc::user_regs_struct) -> &mut u64 {
        &mut registers.rip
    }
}

#[cfg(target_arch = "aarch64")]
mod processor {
    /// `svc #0`.
    pub(crate) const SYSTEM_CALL: &[u8] = &0xd400_0001_u32.to_le_bytes();
    /// `brk #0`.
    pub(crate) const BREAKPOINT: &[u8] = &0xd420_0000_u32.to_le_bytes();
    /// How far past a breakpoint the program counter is after the trap.
    pub(crate) const BREAKPOINT_LENGTH: u64 = 0;

    pub(crate) fn program_counter(registers: &mut libc::user_regs_struct) -> &mut u64 {
        &mut registers.pc
    }
}

/// The address of the stopped process's next instruction.
pub(crate) fn program_counter(pid: libc::pid_t) -> u64 {
    *processor::program_counter(&mut registers(pid))
}

/// Whether the instruction at this address is a system call.
pub(crate) fn is_system_call(pid: libc::pid_t, address: u64) -> bool {
    peek(pid, address).is_ok_and(|word| word.to_ne_bytes().starts_with(processor::SYSTEM_CALL))
}

/// A breakpoint in the stopped process's private copy of the code.
pub(crate) struct Breakpoint {
    address: u64,
    word: u64,
}

impl Breakpoint {
    /// Sets a breakpoint. Fails if the code cannot be written, as in the vDSO.
    pub(crate) fn set(pid: libc::pid_t, address: u64) -> io::Result<Self> {
        let word = peek(pid, address)?;
        let mut bytes = word.to_ne_bytes();
        bytes[..processor::BREAKPOINT.len()].copy_from_slice(processor::BREAKPOINT);
        poke(pid, address, u64::from_ne_bytes(bytes))?;
        Ok(Self { address, word })
    }

    /// Removes the breakpoint after the process has run into it, and moves the program counter back
    /// to it.
    pub(crate) fn clear(self, pid: libc::pid_t) -> io::Result<()> {
        poke(pid, self.address, self.word)?;
        let mut registers = registers(pid);
        let counter = processor::program_counter(&mut registers);
        assert_eq!(*counter, self.address + processor::BREAKPOINT_LENGTH, "stopped at the breakpoint");
        *counter = self.address;
        with_registers(libc::PTRACE_SETREGSET, pid, &mut registers);
        Ok(())
    }
}

fn registers(pid: libc::pid_t) -> libc::user_regs_struct {
    // SAFETY: plain numbers, for which zeros are valid.
    let mut registers = unsafe { core::mem::zeroed() };
    with_registers(libc::PTRACE_GETREGSET, pid, &mut registers);
    registers
}

fn with_registers(request: impl Into<i64>, pid: libc::pid_t, registers: &mut libc::user_regs_struct) {
    let mut piece = libc::iovec {
        iov_base: core::ptr::from_mut(registers).cast(),
        iov_len: size_of::<libc::user_regs_struct>(),
    };
    // SAFETY: NT_PRSTATUS reads or writes the general registers where `piece` says, which is their
    // struct.
    let answer = unsafe { libc::ptrace(request.into() as _, pid, libc::NT_PRSTATUS, &raw mut piece) };
    assert_eq!(answer, 0, "the registers of {pid}: {}", io::Error::last_os_error());
}

fn peek(pid: libc::pid_t, address: u64) -> io::Result<u64> {
    // SAFETY: this thread's own errno.
    unsafe { *libc::__errno_location() = 0 };
    // SAFETY: reads the other process's memory, or says why not in errno.
    let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, pid, address, 0_usize) };
    // SAFETY: as above.
    match unsafe { *libc::__errno_location() } {
        0 => Ok(word as u64),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn poke(pid: libc::pid_t, address: u64, word: u64) -> io::Result<()> {
    // SAFETY: writes the other process's memory only.
    match unsafe { libc::ptrace(libc::PTRACE_POKETEXT, pid, address, word) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
