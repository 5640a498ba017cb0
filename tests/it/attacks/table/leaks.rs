//! What the daemon's starter had in the environment and open, and what the launcher has: a test
//! build that does not close descriptors leaves a folder of the launcher's as number 32.

use crate::attacks::Attack;

const fn variable(name: &'static str, code: &'static str) -> Attack {
    Attack::inside(name, "environment", code)
}

const fn descriptor(name: &'static str, code: &'static str) -> Attack {
    Attack::inside(name, "descriptors", code)
}

pub(crate) const ATTACKS: &[Attack] = &[
    variable("cannot_read_a_variable_of_the_daemon", "verdict('INFIELD_CANARY' in os.environ)"),
    variable("cannot_learn_where_the_home_is", "verdict('INFIELD_HOME' in os.environ)"),
    variable(
        "cannot_find_a_variable_of_the_daemon_in_a_child",
        "verdict(b'canary' in subprocess.run(['env'], capture_output=True).stdout)",
    ),
    descriptor(
        "cannot_find_an_open_descriptor",
        "verdict([name for name in os.listdir('/proc/self/fd') if int(name) > 5])",
    ),
    descriptor("cannot_list_an_open_folder_of_the_host", "verdict(os.listdir(32))"),
    descriptor("cannot_look_at_an_open_folder_of_the_host", "verdict(os.fstat(32).st_ino)"),
    descriptor(
        "cannot_learn_the_path_of_an_open_folder",
        "verdict(os.readlink('/proc/self/fd/32') != '')",
    ),
    descriptor(
        "cannot_hand_an_open_folder_to_a_child",
        "
code = 'import os; os.listdir(32)'
verdict(subprocess.run(['python3', '-c', code], pass_fds=[32]).returncode == 0)",
    ),
];
