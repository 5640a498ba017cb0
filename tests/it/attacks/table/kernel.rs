//! Doors into the kernel that sandboxes do not need. Numbers of calls are those of x86_64.

use crate::attacks::Attack;

const fn attack(name: &'static str, code: &'static str) -> Attack {
    Attack::inside(name, "seccomp", code)
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack(
        "cannot_set_up_io_uring",
        "verdict(call(425, 4, ctypes.create_string_buffer(120)) >= 0)",
    ),
    attack("cannot_handle_page_faults", "verdict(call(323, 1) >= 0)"),
    attack(
        "cannot_add_a_key",
        "verdict(call(248, b'user\\0', b'x\\0', b'y', 1, ctypes.c_int(-3)) > 0)",
    ),
    attack("cannot_switch_off_address_randomisation", "verdict(call(135, 0x0040000) >= 0)"),
    attack(
        "cannot_install_a_segment_table_entry",
        "verdict(call(154, 1, struct.pack('4I', 0, 0, 0xfffff, 0x51), 16) == 0)",
    ),
    attack("cannot_watch_a_file_system", "verdict(call(300, 0x200, 0) >= 0)"),
    attack(
        "cannot_open_a_machine_socket",
        "
socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
verdict(True)",
    ),
    attack(
        "cannot_take_a_descriptor_of_another_process",
        "
ours, theirs = os.pipe()
child = os.fork()
if child == 0:
    time.sleep(20)
verdict(call(438, os.pidfd_open(child), ours, 0) >= 0)",
    ),
    attack(
        "cannot_compare_objects_of_the_kernel",
        "verdict(call(312, os.getpid(), os.getpid(), 0, 1, 1) >= 0)",
    ),
    attack(
        "cannot_count_events_of_the_processor",
        "
attributes = struct.pack('IIQQQQQ', 1, 128, 0, 0, 0, 0, 0b1100001).ljust(128, b'\\0')
verdict(call(298, attributes, 0, -1, -1, 0) >= 0)",
    ),
    attack(
        "cannot_use_up_the_asynchronous_requests_of_the_host",
        "verdict(call(206, 1000, ctypes.byref(ctypes.c_ulong(0))) == 0)",
    ),
    Attack::inside(
        "cannot_use_up_the_terminals_of_the_host",
        "terminals",
        "
hold = [os.open('/dev/ptmx', os.O_RDWR) for _ in range(100)]
verdict(True)",
    ),
    attack("cannot_ask_where_memory_lies", "verdict(call(279, 0, 0, 0, 0, 0, 0) >= 0)"),
];
