//! The system calls that no safe crate offers, each behind a function that cannot be misused.
//!
//! The only module of this crate with `unsafe`. Nothing here decides anything.

#![expect(unsafe_code, reason = "the one place for system calls without a safe wrapper")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::thread::UnshareFlags;

/// See clone(2); the C library's constant is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What the two sides of a [`clone`] see.
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The caller, with the new process.
    Parent {
        /// Its number in the caller's pid namespace.
        pid: u32,
        /// Its descriptor.
        pidfd: OwnedFd,
    },
}

/// Makes a process with `namespaces` (`CLONE_NEW*`), in the v2 cgroup `group` if one is given.
///
/// The child is a copy of the caller like after `fork(2)`. The process must have one thread, or
/// the others must be idle: a lock that another thread holds stays held in the child for ever.
pub(crate) fn clone(namespaces: u64, group: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let mut flags = namespaces | libc::CLONE_PIDFD as u64;
    if group.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    let mut arguments = libc::clone_args {
        flags,
        pidfd: &raw mut pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: group.map_or(0, |group| group.as_raw_fd() as u64),
    };
    // SAFETY: without CLONE_VM the child gets its own copy of the memory, as by fork; the
    // structure is complete, its size is given, and `pidfd` outlives the call.
    let pid = unsafe {
        libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>())
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Cloned::Child),
        pid => {
            // SAFETY: CLONE_PIDFD stored a new descriptor that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent { pid: u32::try_from(pid).unwrap_or(u32::MAX), pidfd })
        }
    }
}

/// Ends the process at once, without running anything on the way.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// Moves the calling thread into new namespaces.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES), "descriptors stay shared");
    // SAFETY: only CLONE_FILES breaks what owners of descriptors rely on, and no caller sets it.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

/// Attributes for [`mount_setattr`].
#[derive(Clone, Copy, Default)]
pub(crate) struct MountAttributes<'a> {
    /// `MOUNT_ATTR_*` to set.
    pub(crate) set: u64,
    /// `MS_*` propagation to set, 0 to leave it.
    pub(crate) propagation: u64,
    /// The user namespace that maps the ids of the mount.
    pub(crate) idmap: Option<BorrowedFd<'a>>,
}

/// Whether an attribute goes to the mounts below as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only this mount.
    One,
    /// This mount and all below.
    Tree,
}

/// Changes the attributes of the mount at `directory`/`path`.
pub(crate) fn mount_setattr(
    directory: BorrowedFd<'_>,
    path: &CStr,
    depth: Depth,
    attributes: MountAttributes<'_>,
) -> io::Result<()> {
    let mut set = attributes.set;
    if attributes.idmap.is_some() {
        set |= libc::MOUNT_ATTR_IDMAP;
    }
    let argument = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: attributes.propagation,
        userns_fd: attributes.idmap.map_or(0, |idmap| idmap.as_raw_fd() as u64),
    };
    let recursive = if depth == Depth::Tree { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path ends with a nul and the structure is complete; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const argument,
            size_of::<libc::mount_attr>(),
        )
    };
    check(result)
}

/// Replaces the process by the program behind `program`. Returns only with an error.
pub(crate) fn execute(
    program: BorrowedFd<'_>,
    arguments: &[CString],
    environment: &[CString],
) -> io::Error {
    let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
        words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with a null pointer, and every string in them ends with a nul.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    io::Error::last_os_error()
}

/// Puts a copy of `descriptor` at `number`, to be inherited by the next program.
///
/// Whatever was at `number` is closed, so this belongs at the end of a child's way, when nothing
/// uses what it had.
pub(crate) fn place(descriptor: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: dup2 takes two numbers. The owner of `number`, if there is one, loses its
    // descriptor; callers are on the last lines before exec and drop nothing afterwards.
    check(unsafe { libc::dup2(descriptor.as_raw_fd(), number) }.into())
}

/// Marks every descriptor from `first` on as closed by the next exec.
pub fn close_from_at_exec(first: RawFd) -> io::Result<()> {
    let first =
        libc::c_uint::try_from(first).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: close_range with CLOEXEC closes nothing now, so no owner loses anything.
    check(unsafe {
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    })
}

/// Closes every descriptor from 3 on that is not in `kept`.
///
/// For a child on its way. Owners of the others keep dead numbers, so the child
/// must end by [`exit_now`] or [`execute`] and drop nothing that it did not open afterwards.
pub(crate) fn close_all_but(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).filter(|fd| *fd >= 3).collect();
    kept.sort_unstable();
    kept.dedup();
    let mut first = 3;
    for stays in kept.into_iter().chain([RawFd::MAX]) {
        if first < stays {
            // SAFETY: close_range takes numbers. The owners of what is closed never run again,
            // as the caller promises.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, stays - 1, 0) })?;
        }
        first = stays.saturating_add(1);
    }
    Ok(())
}

/// Installs a seccomp program for this thread and all that it becomes.
pub(crate) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = libc::c_ushort::try_from(program.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let argument = libc::sock_fprog {
        len: length,
        // The kernel only reads through it.
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the program and the structure that points at it outlive the call, and the length
    // is the program's.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const argument)
    })
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
