//! Attacks on the sandbox's first process. Numbers of calls are those of x86_64.

use anyhow::Result;

use crate::attacks::{Attack, Outcome, Stage};

const fn touch(name: &'static str, code: &'static str) -> Attack {
    Attack::inside(name, "dumpable", code)
}

pub(crate) const ATTACKS: &[Attack] = &[
    touch("cannot_trace_the_agent", "verdict(call(101, 0x4206, 1, 0, 0) == 0)"),
    touch(
        "cannot_read_the_memory_of_the_agent",
        "
start = int(open('/proc/1/maps').read().split('-')[0], 16)
verdict(len(os.pread(os.open('/proc/1/mem', os.O_RDONLY), 16, start)) == 16)",
    ),
    touch(
        "cannot_write_into_the_memory_of_the_agent",
        "
os.open('/proc/1/mem', os.O_RDWR)
verdict(True)",
    ),
    touch(
        "cannot_copy_from_the_memory_of_the_agent",
        "
space = ctypes.create_string_buffer(8)
local = struct.pack('QQ', ctypes.addressof(space), 8)
copied = call(310, 1, local, 1, struct.pack('QQ', 0x400000, 8), 1, 0)
verdict(copied in (8, -errno.EFAULT), copied)",
    ),
    touch(
        "cannot_read_the_environment_of_the_agent",
        "
open('/proc/1/environ').read()
verdict(True)",
    ),
    touch(
        "cannot_learn_where_the_agent_is_in_memory",
        "verdict(open('/proc/1/maps').read() != '')",
    ),
    touch(
        "cannot_see_what_the_agent_has_open",
        "
os.readlink('/proc/1/fd/3')
verdict(True)",
    ),
    touch(
        "cannot_copy_the_program_of_the_agent",
        "verdict(open('/proc/1/exe', 'rb').read(4) == b'\\x7fELF')",
    ),
    touch("cannot_look_at_the_root_of_the_agent", "verdict(os.listdir('/proc/1/root') != [])"),
    Attack::inside(
        "cannot_trace_the_agent_by_a_capability",
        "capabilities",
        "verdict(call(101, 0x4206, 1, 0, 0) == 0)",
    ),
    Attack::inside(
        "cannot_write_into_the_memory_of_the_agent_by_a_capability",
        "capabilities",
        "
os.open('/proc/1/mem', os.O_RDWR)
verdict(True)",
    ),
    Attack::inside(
        "cannot_lower_the_limits_of_the_agent",
        "seccomp",
        "
resource.prlimit(1, resource.RLIMIT_CORE, (0, 0))
verdict(True)",
    ),
    Attack::inside(
        "cannot_make_the_agent_wait_for_everybody",
        "seccomp",
        "
os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))
verdict(True)",
    ),
    Attack::inside(
        "cannot_make_all_of_its_user_wait",
        "seccomp",
        "
os.setpriority(os.PRIO_USER, 0, 19)
verdict(os.getpriority(os.PRIO_PROCESS, 1) == 19)",
    ),
    Attack::inside(
        "cannot_speak_as_another_process",
        "capabilities",
        "
here, there = socket.socketpair()
child = os.fork()
if child == 0:
    time.sleep(20)
here.sendmsg([b'x'], [(socket.SOL_SOCKET, 2, struct.pack('3i', child, 0, 0))])
verdict(True)",
    ),
    Attack::around("cannot_kill_the_agent", "pid_namespace", kill),
];

fn kill(stage: &Stage) -> Result<Outcome> {
    let sandbox = stage.sandbox(&[])?;
    sandbox.mark()?;
    sandbox.python("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(1)")?;
    Ok(Outcome::of(!sandbox.is_marked()?))
}
