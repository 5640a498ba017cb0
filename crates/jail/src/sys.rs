//! The system calls that no safe crate offers, each behind a function that cannot be misused.
//!
//! The only module of this crate with `unsafe`. Nothing here decides anything.

#![expect(unsafe_code, reason = "the one place for system calls without a safe wrapper")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

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

/// One instruction of a program for the kernel, `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// What to do.
    pub(crate) code: u8,
    /// With which registers.
    pub(crate) registers: u8,
    /// Where, for loads, stores and jumps.
    pub(crate) offset: i16,
    /// With which number.
    pub(crate) immediate: i32,
}

/// Where a program can be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// The search of a network namespace for the socket of a packet.
    SkLookup,
}

impl Attachment {
    /// `BPF_PROG_TYPE_*`.
    fn program_type(self) -> u32 {
        match self {
            Self::SkLookup => 30,
        }
    }

    /// `enum bpf_attach_type`.
    fn attach_type(self) -> u32 {
        match self {
            Self::SkLookup => 36,
        }
    }
}

/// The part of `union bpf_attr` that makes a map. The kernel takes the rest as zeros; this holds
/// for the others below, too.
#[repr(C)]
struct MapAttributes {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

/// The part that sets an element.
#[repr(C)]
struct ElementAttributes {
    map: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The part that loads a program.
#[repr(C)]
struct ProgramAttributes {
    program_type: u32,
    length: u32,
    instructions: u64,
    license: u64,
    log: [u64; 2],
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

/// The part that attaches a program by a link.
#[repr(C)]
struct LinkAttributes {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// Attributes without gaps between their fields, so that the kernel is given no unwritten byte.
trait Attributes {}
impl Attributes for MapAttributes {}
impl Attributes for ElementAttributes {}
impl Attributes for ProgramAttributes {}
impl Attributes for LinkAttributes {}

/// Calls bpf(2).
///
/// # Safety
///
/// Addresses among the attributes must be of memory that the command may read.
unsafe fn bpf<T: Attributes>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_long> {
    // SAFETY: the structure is complete and outlives the call, its size is given, and the caller
    // answers for what it points at. The commands here only read it.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes the descriptor that a command of bpf(2) made.
fn made(result: libc::c_long) -> io::Result<OwnedFd> {
    let number =
        RawFd::try_from(result).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn plain(descriptor: BorrowedFd<'_>) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

/// Makes a map of sockets for programs.
pub(crate) fn bpf_socket_map(entries: u32) -> io::Result<OwnedFd> {
    const BPF_MAP_CREATE: libc::c_int = 0;
    const BPF_MAP_TYPE_SOCKMAP: u32 = 15;
    let attributes = MapAttributes {
        map_type: BPF_MAP_TYPE_SOCKMAP,
        key_size: 4,
        value_size: 4,
        max_entries: entries,
    };
    // SAFETY: there is no address among the attributes.
    made(unsafe { bpf(BPF_MAP_CREATE, &attributes) }?)
}

/// Puts a socket into a map of sockets. It leaves by itself when it is closed.
pub(crate) fn bpf_put_socket(
    map: BorrowedFd<'_>,
    place: u32,
    socket: BorrowedFd<'_>,
) -> io::Result<()> {
    const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
    let value = plain(socket);
    let attributes = ElementAttributes {
        map: plain(map),
        _padding: 0,
        key: &raw const place as u64,
        value: &raw const value as u64,
        flags: 0,
    };
    // SAFETY: key and value outlive the call and have the four bytes that the map's were made with.
    unsafe { bpf(BPF_MAP_UPDATE_ELEM, &attributes) }.map(drop)
}

/// Has the kernel check and keep a program.
pub(crate) fn bpf_program(program: &[Instruction], for_: Attachment) -> io::Result<OwnedFd> {
    const BPF_PROG_LOAD: libc::c_int = 5;
    let attributes = ProgramAttributes {
        program_type: for_.program_type(),
        length: u32::try_from(program.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        instructions: program.as_ptr() as u64,
        // It calls nothing that asks for another.
        license: c"Apache-2.0".as_ptr() as u64,
        log: [0; 2],
        kernel_version: 0,
        flags: 0,
        name: *b"infield\0\0\0\0\0\0\0\0\0",
        interface: 0,
        attach_type: for_.attach_type(),
    };
    // SAFETY: the program outlives the call and its length is given; the license ends with a nul.
    made(unsafe { bpf(BPF_PROG_LOAD, &attributes) }?)
}

/// Attaches a program to what `target` stands for, until the link is closed.
pub(crate) fn bpf_link(
    program: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    at: Attachment,
) -> io::Result<OwnedFd> {
    const BPF_LINK_CREATE: libc::c_int = 28;
    let attributes = LinkAttributes {
        program: plain(program),
        target: plain(target),
        attach_type: at.attach_type(),
        flags: 0,
    };
    // SAFETY: there is no address among the attributes.
    made(unsafe { bpf(BPF_LINK_CREATE, &attributes) }?)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Memory that is wiped when it is given back, once the process asked for that.
///
/// What passes through a process on its way lies in buffers of libraries, which nobody wipes: the
/// one place that they all come back to is the allocator.
pub struct Wiping;

static WIPES: AtomicBool = AtomicBool::new(false);

/// From now on memory is wiped when it is given back.
pub fn wipe_freed_memory() {
    WIPES.store(true, Ordering::Relaxed);
}

// SAFETY: every call goes on to the system's allocator with the same arguments, whose promises these
// are; memory is written to only between its last use by its owner and its return.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller owes what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller owes what `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if WIPES.load(Ordering::Relaxed) {
            // SAFETY: the block has this length and belongs to us from now on; libc's function is
            // never left out as a store that nobody reads.
            unsafe { libc::explicit_bzero(pointer.cast(), layout.size()) };
        }
        // SAFETY: the caller owes what `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPES.load(Ordering::Relaxed) {
            // SAFETY: the caller owes what `System` asks for.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return std::ptr::null_mut();
        };
        // The system's function would give the old block back as it is.
        // SAFETY: the size is not zero, as the caller owes.
        let moved = unsafe { System.alloc(wanted) };
        if !moved.is_null() {
            let kept = layout.size().min(size);
            // SAFETY: both blocks are that long, and the new one is nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(pointer, moved, kept) };
            // SAFETY: it is the caller's block, who has no use for it any more.
            unsafe { self.dealloc(pointer, layout) };
        }
        moved
    }
}
