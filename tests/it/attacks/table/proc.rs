//! What /proc tells and steers. There is no /sys.

use crate::attacks::Attack;

/// Writes a setting's own value to it, so that nothing changes where the attack succeeds.
macro_rules! setting {
    ($name:literal, $path:literal) => {
        Attack::inside(
            $name,
            "read_only_proc",
            concat!(
                "
path = '/proc/sys/",
                $path,
                "'
value = open(path).read()
open(path, 'w').write(value)
verdict(True)"
            ),
        )
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    setting!("cannot_set_the_size_of_segments", "kernel/shmmax"),
    setting!("cannot_set_how_much_segments_may_have", "kernel/shmall"),
    setting!("cannot_set_when_segments_vanish", "kernel/shm_rmid_forced"),
    setting!("cannot_set_the_size_of_messages", "kernel/msgmax"),
    setting!("cannot_set_the_number_of_queues", "kernel/msgmni"),
    setting!("cannot_set_the_number_of_semaphores", "kernel/sem"),
    setting!("cannot_set_the_number_of_named_queues", "fs/mqueue/queues_max"),
    setting!("cannot_choose_the_next_process_number", "kernel/ns_last_pid"),
    Attack::inside(
        "cannot_read_addresses_of_the_kernel",
        "masked_paths",
        "verdict(open('/proc/kallsyms').read(100) != '')",
    ),
    Attack::inside(
        "cannot_learn_its_place_among_the_hosts_groups",
        "cgroup_namespace",
        "
groups = [line.strip().split(':', 2)[2] for line in open('/proc/self/cgroup')]
verdict(any('infield' in group for group in groups), groups)",
    ),
];
