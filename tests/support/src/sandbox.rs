//! Sandboxes in which a system call is refused.

#![allow(unsafe_code)]

use std::io;

/// For this thread and those it makes: the call of this number fails with this error.
pub fn refuse_call(number: libc::c_long, error: i32) {
    let step = |code: u32, skip_if_not: u8, value: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: skip_if_not,
        k: value,
    };
    let mut filter = [
        // The call's number comes first.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, number as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | error as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: no memory is passed.
    let answer = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(answer, 0);
    // SAFETY: a program of as many steps as it says, which the kernel copies.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(answer, 0, "{}", io::Error::last_os_error());
}
