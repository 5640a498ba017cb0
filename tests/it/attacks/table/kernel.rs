//! Doors into the kernel that sandboxes do not need.

use crate::attacks::{Attack, Program};

const fn python(name: &'static str, code: &'static str) -> Attack {
    Attack { name, defence: "seccomp", program: Program::Python(code), options: &[] }
}

/// Numbers of calls are those of x86_64.
pub(crate) const ATTACKS: &[Attack] = &[
    python("cannot_make_a_user_namespace", "verdict(call(272, 0x10000000) == 0)"),
    python(
        "cannot_set_up_io_uring",
        "verdict(call(425, 4, ctypes.create_string_buffer(120)) >= 0)",
    ),
    python("cannot_handle_page_faults", "verdict(call(323, 1) >= 0)"),
    python(
        "cannot_add_a_key",
        "verdict(call(248, b'user\\0', b'x\\0', b'y', 1, ctypes.c_int(-3)) > 0)",
    ),
    python("cannot_switch_off_address_randomisation", "verdict(call(135, 0x0040000) >= 0)"),
    python(
        "cannot_install_a_segment_table_entry",
        "verdict(call(154, 1, struct.pack('4I', 0, 0, 0xfffff, 0x51), 16) == 0)",
    ),
    python("cannot_watch_a_file_system", "verdict(call(300, 0x200, 0) >= 0)"),
    python(
        "cannot_open_a_machine_socket",
        "
try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    verdict(True)
except OSError as error:
    verdict(False, error)",
    ),
];
