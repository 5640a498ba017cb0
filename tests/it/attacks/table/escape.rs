//! Ways out of the namespaces. Numbers of calls are those of x86_64.

use std::net::{TcpListener, UdpSocket};

use anyhow::Result;

use crate::attacks::{Attack, Outcome, Stage};

const USER_NAMESPACE: &str = "cannot_make_a_user_namespace";

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::inside(USER_NAMESPACE, "seccomp", "verdict(call(272, 0x10000000) == 0)"),
    Attack::inside(
        "cannot_bear_a_process_in_a_user_namespace",
        "seccomp",
        "
born = call(56, 0x10000000 | 17, 0, 0, 0, 0)
if born == 0:
    os._exit(0)
verdict(born > 0, born)",
    ),
    Attack::inside(
        "cannot_bear_a_process_in_a_namespace_by_the_newer_call",
        "seccomp",
        "
arguments = struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0)
born = call(435, arguments, len(arguments))
if born == 0:
    os._exit(0)
verdict(born > 0, born)",
    ),
    Attack::inside(
        "cannot_have_every_capability_in_a_new_namespace",
        "seccomp",
        "
call(272, 0x10000000)
mask = next(line for line in open('/proc/self/status') if line.startswith('CapEff'))
verdict(int(mask.split()[1], 16) >> 21 & 1, mask)",
    ),
    Attack::inside(
        "cannot_change_the_root",
        "seccomp",
        "
call(272, 0x10000000)
os.mkdir('/tmp/root')
verdict(call(161, b'/tmp/root\\0') == 0)",
    ),
    Attack::inside(
        "cannot_make_a_network_with_raw_sockets",
        "seccomp",
        "
call(272, 0x50000000)
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
verdict(True)",
    ),
    Attack::inside(
        "cannot_take_another_name_in_a_new_namespace",
        "seccomp",
        "
call(272, 0x14000000)
verdict(call(170, b'escaped', 7) == 0)",
    ),
    Attack::inside(
        "cannot_join_the_namespace_of_a_child",
        "seccomp",
        "
ours, theirs = os.pipe()
child = os.fork()
if child == 0:
    call(272, 0x10000000)
    os.write(theirs, b'.')
    time.sleep(20)
os.read(ours, 1)
verdict(call(308, os.open(f'/proc/{child}/ns/user', os.O_RDONLY), 0) == 0)",
    ),
    Attack::inside(
        "cannot_have_more_than_nine_capabilities",
        "capabilities",
        "
mask = next(line for line in open('/proc/self/status') if line.startswith('CapBnd'))
verdict(int(mask.split()[1], 16).bit_count() > 9, mask)",
    ),
    Attack::inside(
        "cannot_make_a_whiteout_for_another_overlay",
        "landlock",
        "
os.mknod('/tmp/whiteout', 0o20600, 0)
verdict(True)",
    ),
    Attack::around("cannot_climb_to_the_root_that_was", "old_root", climb_out),
    Attack::inside(
        "cannot_see_the_interfaces_of_the_host",
        "network_namespace",
        "
names = {name for _, name in socket.if_nameindex()}
verdict(names != {'lo'}, names)",
    ),
    Attack::around("cannot_reach_a_server_of_the_host", "network_namespace", reach_server),
    Attack::around("cannot_collide_with_a_port_of_the_host", "network_namespace", take_port),
    Attack::around("cannot_send_a_datagram_to_the_host", "network_namespace", send_datagram),
    Attack::around("cannot_list_the_connections_of_the_host", "network_namespace", list_sockets),
];

fn climb_out(stage: &Stage) -> Result<Outcome> {
    let canary = stage.host.local.join("canary");
    let variable = format!("CANARY={}", canary.display());
    let code = "verdict('canary' in open('/tmp' + os.environ['CANARY']).read())";
    stage.run(&["-e", &variable], code)
}

fn with_port(stage: &Stage, port: u16, code: &str) -> Result<Outcome> {
    stage.run(&["-e", &format!("PORT={port}")], code)
}

fn reach_server(stage: &Stage) -> Result<Outcome> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let code = "
socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 5)
verdict(True)";
    with_port(stage, listener.local_addr()?.port(), code)
}

fn take_port(stage: &Stage) -> Result<Outcome> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let code = "
try:
    socket.socket().bind(('127.0.0.1', int(os.environ['PORT'])))
    verdict(False)
except OSError as error:
    verdict(error.errno == errno.EADDRINUSE, error)";
    with_port(stage, listener.local_addr()?.port(), code)
}

fn send_datagram(stage: &Stage) -> Result<Outcome> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    receiver.set_nonblocking(true)?;
    let code = "
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b'out', ('127.0.0.1', int(os.environ['PORT'])))
verdict(False, 'sent to somebody')";
    with_port(stage, receiver.local_addr()?.port(), code)?;
    Ok(Outcome::of(receiver.recv(&mut [0; 8]).is_ok()))
}

fn list_sockets(stage: &Stage) -> Result<Outcome> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let code = "
port = '%04X' % int(os.environ['PORT'])
verdict(any(f':{port} ' in line for line in open('/proc/net/tcp')))";
    with_port(stage, listener.local_addr()?.port(), code)
}
