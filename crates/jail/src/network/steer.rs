//! Steers every TCP connection of a namespace into one socket.
//!
//! A program of type `SK_LOOKUP` (`Documentation/bpf/prog_sk_lookup.rst`, Linux 5.9) is asked for
//! each connection request that arrives in a namespace which socket is to have it. Ours gives all
//! of them to the listener, whatever their address and port, except those to the loopback
//! addresses, which the kernel finds a socket for as always. The accepted socket's own address is
//! the one that was asked for. Only requests pass it: what is connected costs nothing more.
//!
//! Where the listener is gone, or cannot be given, the request is refused.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::sys::{self, Attachment, Instruction};

/// The listener's place in the map of sockets.
const LISTENER: i32 = 0;

/// Offsets in `struct bpf_sk_lookup`, which the kernel keeps for ever.
mod field {
    pub(super) const FAMILY: i16 = 8;
    pub(super) const PROTOCOL: i16 = 12;
    pub(super) const LOCAL_IP4: i16 = 40;
    /// Four numbers.
    pub(super) const LOCAL_IP6: [i16; 4] = [44, 48, 52, 56];
}

/// Numbers of functions that the kernel offers to programs.
mod helper {
    pub(super) const MAP_LOOKUP_ELEM: i32 = 1;
    pub(super) const SK_RELEASE: i32 = 86;
    pub(super) const SK_ASSIGN: i32 = 124;
}

const SK_DROP: i32 = 0;
const SK_PASS: i32 = 1;

/// Addresses come in network byte order and are loaded as numbers of this machine's.
const FIRST_BYTE: i32 = i32::from_ne_bytes([0xff, 0, 0, 0]);
const IS_127: i32 = i32::from_ne_bytes([127, 0, 0, 0]);
const IS_ONE: i32 = i32::from_ne_bytes([0, 0, 0, 1]);
const IS_MAPPED: i32 = i32::from_ne_bytes([0, 0, 0xff, 0xff]);

/// Registers: where helpers answer, their arguments, those that they leave alone, and the stack.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const CONTEXT: u8 = 6;
const SOCKET: u8 = 7;
const REFUSAL: u8 = 8;
const STACK: u8 = 10;

/// Lines of [`program`] that others jump to.
const IPV6: i16 = 9;
const MAPPED: i16 = 18;
const STEER: i16 = 21;
const PASS: i16 = 37;
const DROP: i16 = 39;

/// The program, for the map behind `map`. A jump's first argument is the number of its own line.
#[rustfmt::skip]
fn program(map: RawFd) -> [Instruction; 41] {
    [
        /*  0 */ copy(CONTEXT, R1),
        // Datagrams find their socket as always: the resolver's, the sandbox's own, or none.
        /*  1 */ load(R1, field::PROTOCOL),
        /*  2 */ unless(2, R1, libc::IPPROTO_TCP, PASS),
        /*  3 */ load(R1, field::FAMILY),
        /*  4 */ when(4, R1, libc::AF_INET6, IPV6),
        // 127.0.0.0/8 is the sandbox itself.
        /*  5 */ load(R1, field::LOCAL_IP4),
        /*  6 */ mask(R1, FIRST_BYTE),
        /*  7 */ when(7, R1, IS_127, PASS),
        /*  8 */ always(8, STEER),
        // IPV6: so is ::1,
        /*  9 */ load(R1, field::LOCAL_IP6[0]),
        /* 10 */ unless(10, R1, 0, STEER),
        /* 11 */ load(R1, field::LOCAL_IP6[1]),
        /* 12 */ unless(12, R1, 0, STEER),
        /* 13 */ load(R1, field::LOCAL_IP6[2]),
        /* 14 */ load(R2, field::LOCAL_IP6[3]),
        /* 15 */ unless(15, R1, 0, MAPPED),
        /* 16 */ when(16, R2, IS_ONE, PASS),
        /* 17 */ always(17, STEER),
        // MAPPED: and ::ffff:127.0.0.0/104.
        /* 18 */ unless(18, R1, IS_MAPPED, STEER),
        /* 19 */ mask(R2, FIRST_BYTE),
        /* 20 */ when(20, R2, IS_127, PASS),
        // STEER: everything else is the listener's, if it is still in the map.
        /* 21 */ store(STACK, -4, LISTENER),
        /* 22 */ copy(R2, STACK),
        /* 23 */ add(R2, -4),
        /* 24 */ address_of_map(R1, map),
        /* 25 */ REST_OF_ADDRESS,
        /* 26 */ call(helper::MAP_LOOKUP_ELEM),
        /* 27 */ when_null(27, R0, DROP),
        /* 28 */ copy(SOCKET, R0),
        /* 29 */ copy(R1, CONTEXT),
        /* 30 */ copy(R2, SOCKET),
        /* 31 */ set(R3, 0),
        /* 32 */ call(helper::SK_ASSIGN),
        /* 33 */ copy(REFUSAL, R0),
        // What was looked up has to be given back, whether or not it was taken.
        /* 34 */ copy(R1, SOCKET),
        /* 35 */ call(helper::SK_RELEASE),
        /* 36 */ unless(36, REFUSAL, 0, DROP),
        // PASS: with a socket that was given, or else as always.
        /* 37 */ set(R0, SK_PASS),
        /* 38 */ EXIT,
        // DROP:
        /* 39 */ set(R0, SK_DROP),
        /* 40 */ EXIT,
    ]
}

/// Steers the connections of `namespace` into `listener` until the link that is returned, and
/// every copy of it, is closed.
pub(super) fn attach(namespace: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (map, program) = load_program()?;
    sys::bpf_put_socket(map.as_fd(), LISTENER.cast_unsigned(), listener)?;
    // The link keeps the program, and the program keeps the map.
    sys::bpf_link(program.as_fd(), namespace, Attachment::SkLookup)
}

fn load_program() -> io::Result<(OwnedFd, OwnedFd)> {
    let map = sys::bpf_socket_map(1)?;
    let program = sys::bpf_program(&program(map.as_raw_fd()), Attachment::SkLookup)?;
    Ok((map, program))
}

fn instruction(code: u8, to: u8, from: u8, (offset, immediate): (i16, i32)) -> Instruction {
    // Two halves of a byte; which comes first in memory depends on the machine.
    let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
    Instruction { code, registers, offset, immediate }
}

/// `to = from`
fn copy(to: u8, from: u8) -> Instruction {
    instruction(0xbf, to, from, (0, 0))
}

/// `to = value`
fn set(to: u8, value: i32) -> Instruction {
    instruction(0xb7, to, 0, (0, value))
}

/// `to += value`
fn add(to: u8, value: i32) -> Instruction {
    instruction(0x07, to, 0, (0, value))
}

/// `to &= value`, 32 bits
fn mask(to: u8, value: i32) -> Instruction {
    instruction(0x54, to, 0, (0, value))
}

/// `to = CONTEXT[offset]`, 32 bits
fn load(to: u8, offset: i16) -> Instruction {
    instruction(0x61, to, CONTEXT, (offset, 0))
}

/// `to[offset] = value`, 32 bits
fn store(to: u8, offset: i16, value: i32) -> Instruction {
    instruction(0x62, to, 0, (offset, value))
}

/// `to` = the address of the map behind a descriptor; takes two instructions
fn address_of_map(to: u8, map: RawFd) -> Instruction {
    const BY_DESCRIPTOR: u8 = 1;
    instruction(0x18, to, BY_DESCRIPTOR, (0, map))
}

const REST_OF_ADDRESS: Instruction = Instruction { code: 0, registers: 0, offset: 0, immediate: 0 };

/// Goes to `target` if `register == value`, 32 bits
fn when(here: i16, register: u8, value: i32, target: i16) -> Instruction {
    instruction(0x16, register, 0, (target - here - 1, value))
}

/// Goes to `target` if `register != value`, 32 bits
fn unless(here: i16, register: u8, value: i32, target: i16) -> Instruction {
    instruction(0x56, register, 0, (target - here - 1, value))
}

/// Goes to `target` if the pointer is null; the verifier wants to see all 64 bits compared
fn when_null(here: i16, register: u8, target: i16) -> Instruction {
    instruction(0x15, register, 0, (target - here - 1, 0))
}

/// Goes to `target`
fn always(here: i16, target: i16) -> Instruction {
    instruction(0x05, 0, 0, (target - here - 1, 0))
}

/// `R0 = helper(R1, R2, R3)`
fn call(helper: i32) -> Instruction {
    instruction(0x85, 0, 0, (0, helper))
}

const EXIT: Instruction = Instruction { code: 0x95, registers: 0, offset: 0, immediate: 0 };

#[cfg(test)]
mod tests;
