//! What process numbers of the host's tell and reach. The host's process is the test itself.

use anyhow::Result;

use crate::attacks::{Attack, Outcome, Stage};

macro_rules! probe {
    ($name:literal, $code:literal) => {
        Attack::around($name, "pid_namespace", |stage| probe(stage, $code))
    };
}

fn probe(stage: &Stage, code: &str) -> Result<Outcome> {
    let code = format!("host = {}\n{code}", std::process::id());
    stage.run(&[], &code)
}

pub(crate) const ATTACKS: &[Attack] = &[
    probe!(
        "cannot_find_a_process_of_the_host",
        "
try:
    os.kill(host, 0)
except PermissionError as error:
    verdict(True, error)
verdict(True)"
    ),
    probe!("cannot_learn_a_session_of_the_host", "verdict(os.getsid(host) is not None)"),
    probe!("cannot_learn_a_group_of_the_host", "verdict(os.getpgid(host) is not None)"),
    probe!(
        "cannot_learn_a_priority_of_the_host",
        "verdict(os.getpriority(os.PRIO_PROCESS, host) is not None)"
    ),
    probe!("cannot_learn_where_a_process_of_the_host_runs", "verdict(os.sched_getaffinity(host))"),
    probe!(
        "cannot_learn_how_a_process_of_the_host_is_scheduled",
        "verdict(os.sched_getscheduler(host) is not None)"
    ),
    probe!(
        "cannot_read_a_command_line_of_the_host",
        "verdict(open(f'/proc/{host}/cmdline').read())"
    ),
    probe!("cannot_hold_a_process_of_the_host", "verdict(os.pidfd_open(host) >= 0)"),
    probe!("cannot_list_the_processes_of_the_host", "verdict(str(host) in os.listdir('/proc'))"),
    probe!(
        "cannot_see_threads_of_the_kernel",
        "verdict('kthreadd' in open('/proc/2/comm').read())"
    ),
];
