//! The attacks, by kind.

mod kernel;

use super::Attack;

/// What each Python program begins with.
pub(crate) const PRELUDE: &str = r#"
import ctypes, errno, mmap, os, resource, signal, socket, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *words):
    """A raw system call: its result, or minus the error number."""
    words = [w if isinstance(w, (ctypes._SimpleCData, ctypes.Array, bytes)) or hasattr(w, '_obj')
             else ctypes.c_long(w) for w in words]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    return -ctypes.get_errno() if result == -1 else result
def verdict(broke, note=''):
    print('BROKE' if broke else 'HELD', note, flush=True)
    os._exit(0)
"#;

/// Every kind with its attacks.
pub(crate) const KINDS: &[(&str, &[Attack])] = &[("kernel interfaces", kernel::ATTACKS)];
