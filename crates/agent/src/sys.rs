//! The system calls that Rust cannot vouch for, each behind a function that can be called freely.
//!
//! The agent has one thread, always: that is what makes `fork` and what follows it sound.
#![expect(unsafe_code, reason = "the one file of this crate that may")]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::Pid;

/// Which side of a fork this is.
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's id.
    Parent(Pid),
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Copies this process.
///
/// Not by vfork(2) or anything else that shares memory, though it would be cheaper: the child
/// joins the work's memory group before it executes, and the kernel's out-of-memory killer ends
/// every process that shares memory with its victim. The agent would be one of them.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the agent has one thread, so the child finds no lock taken by another.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent))
}

/// Ends this process at once, without running what a copied process must not run twice.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes any number and does not return.
    unsafe { libc::_exit(code) }
}

/// Takes a descriptor that was inherited under this number, and marks it close-on-exec.
///
/// The caller names each number once, before any descriptor was opened.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD touches no memory; a number without a descriptor gives an error.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: the descriptor is open, as just seen, and nobody else of this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes every descriptor from this number on. Only for a process that is about to execute or
/// that uses nothing but what it moved below.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: no memory is touched. The caller is a forked child that never drops an owned
    // descriptor of that range: it ends by `execve` or `_exit`.
    check(unsafe { libc::close_range(first, u32::MAX, 0) }).map(drop)
}

/// Marks every descriptor from this number on close-on-exec.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: only flags of descriptors change.
    check(unsafe { libc::close_range(first, u32::MAX, flags) }).map(drop)
}

/// Makes `fd` also known as `number`, which is not close-on-exec.
pub(crate) fn duplicate_as(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: no memory is touched; the callers name 0 to 3 in a forked child, where nothing
    // else relies on those numbers.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) }).map(drop)
}

/// The descriptor that a forked child has under this number.
pub(crate) fn adopt(number: RawFd) -> OwnedFd {
    // SAFETY: the caller put a descriptor of its own there with [`duplicate_as`].
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn every_signal() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the whole set and cannot fail.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Gives every signal its default action, blocks them all, and opens a descriptor that tells
/// of ended children.
pub(crate) fn take_signals() -> io::Result<OwnedFd> {
    // The kernel's own `struct sigaction`: SIG_DFL, no flags, no mask. libc's `signal` would
    // leave out the two signals that it keeps for itself, and they may be ignored by whoever
    // started us.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: the kernel reads the 32 bytes of `default` and writes nothing; it refuses
        // the signals that cannot be changed.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u8>(),
                8,
            );
        }
    }
    let all = every_signal();
    // SAFETY: `all` is an initialised set, and no old set is asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()) })?;
    let mut children = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set that `sigaddset` and `signalfd` then read.
    let fd = unsafe {
        libc::sigemptyset(children.as_mut_ptr());
        libc::sigaddset(children.as_mut_ptr(), libc::SIGCHLD);
        libc::signalfd(-1, children.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    // SAFETY: `signalfd` gave a new descriptor, which nobody else owns.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets every signal through again.
pub(crate) fn release_signals() -> io::Result<()> {
    let mut none = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set that `sigprocmask` then reads.
    check(unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut())
    })
    .map(drop)
}

/// Sets supplementary groups.
pub(crate) fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: pointer and length describe `groups`.
    check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).map(drop)
}

/// Becomes this user and group for good: real, effective and saved.
pub(crate) fn set_ids(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: no memory is touched. The process has one thread, as libc's wrapper wants.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: as above.
    check(unsafe { libc::setresuid(uid, uid, uid) }).map(drop)
}

/// Strings as execve(2) takes them. Made before a fork, so that the child touches no heap.
pub(crate) struct Strings {
    strings: Vec<CString>,
    /// To each of them, and a null pointer behind.
    pointers: Vec<*const libc::c_char>,
}

impl Strings {
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { strings, pointers }
    }

    pub(crate) fn as_slice(&self) -> &[CString] {
        &self.strings
    }
}

/// Runs another program in this process. Returns only when it could not.
pub(crate) fn execute(path: &CStr, argv: &Strings, environment: &Strings) -> io::Error {
    let (argv, environment) = (argv.pointers.as_ptr(), environment.pointers.as_ptr());
    // SAFETY: both lists end with a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv, environment) };
    io::Error::last_os_error()
}

/// Pages of memory that a forked child does not get, so that forking stays cheap however much
/// output is kept, and that go back to the system when dropped.
pub(crate) struct Region {
    address: *mut u8,
    length: usize,
}

impl Region {
    /// Maps pages; they cost memory only once they are written to.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: the kernel chooses a free place, so that no other memory is affected.
        let address =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), length, protection, flags) }?;
        // SAFETY: exactly the pages that were just mapped; only a forked child misses them, and
        // no child touches kept output or what the loop reads into.
        let advised = unsafe { rustix::mm::madvise(address, length, Advice::LinuxDontFork) };
        let region = Self { address: address.cast(), length };
        advised?;
        Ok(region)
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as `self` lives, zeroed by the kernel, and not aliased by a
        // mutable slice while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.address, self.length) }
    }

    /// The bytes, to write to.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.address, self.length) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: these pages are this region's own, and no slice of them outlives it. Unmapping
        // a whole mapping fails only for a wrong address, which this is not.
        let unmapped = unsafe { rustix::mm::munmap(self.address.cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "the pages were mapped");
    }
}
