//! What only a client of a proxy can try.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::attempts::{Policy, program};
use super::super::product::Product;
use super::super::world::World;
use super::user;
use crate::attacks::Outcome;

const ALLOWED: Policy = Policy::Custom(&["allow allowed.example", "allow *.allowed.example"]);
const WEB: Policy = Policy::Custom(&["allow allowed.example:80,443"]);

/// How a script speaks to the proxy.
const SAY: &str = "
PROXY = ('127.0.0.1', 13986)
def say(*pieces, until=b'\\0never'):
    with socket.create_connection(PROXY, SECONDS) as stream:
        answer = b''
        for piece in pieces:
            stream.sendall(piece)
            answer += read(stream, until)
        return answer
def absolute(url, *headers, body=b''):
    return '\\r\\n'.join([f'GET {url} HTTP/1.1', *headers, '', '']).encode() + body
def socks(kind, host, port, command=1):
    with socket.create_connection(PROXY, SECONDS) as stream:
        stream.sendall(b'\\5\\1\\0')
        assert stream.recv(2) == b'\\5\\0'
        stream.sendall(bytes([5, command, 0, kind]) + host + struct.pack('!H', port))
        answer = stream.recv(10)
        if answer[1]:
            return b''
        stream.sendall(get('allowed.example'))
        return read(stream)
def named(text):
    return bytes([len(text)]) + text.encode()
";

/// What the proxy gives to those who ask in the right way.
const WORKS: &str = "
assert MARK in say(absolute('http://allowed.example/', 'Host: allowed.example')), 'plain'
assert MARK in socks(3, named('allowed.example'), 80), 'socks'
verdict(False)";

/// Attempts with the policy of each, each a script that gives its verdict.
#[rustfmt::skip]
const ATTEMPTS: &[(&str, Policy, &str)] = &[
    ("cannot_ask_for_another_host_in_absolute_form", ALLOWED,
        "verdict(MARK in say(absolute('http://allowed.example/', 'Host: evil.example')))"),
    ("cannot_ask_for_two_hosts_in_absolute_form", ALLOWED,
        "verdict(MARK in say(absolute('http://allowed.example/', 'Host: allowed.example', 'Host: evil.example')))"),
    ("cannot_ask_by_absolute_form_for_what_no_rule_names", ALLOWED,
        "verdict(MARK in say(absolute('http://evil.example/', 'Host: allowed.example')))"),
    ("cannot_hide_a_host_before_an_at_sign", ALLOWED,
        "verdict(MARK in say(absolute('http://allowed.example@evil.example/', 'Host: evil.example')))"),
    ("cannot_hide_a_host_behind_a_backslash", ALLOWED,
        "verdict(MARK in say(absolute('http://evil.example\\\\.allowed.example/', 'Host: evil.example')))"),
    ("cannot_send_a_second_request_for_another_host", ALLOWED, "
first = absolute('http://allowed.example/', 'Host: allowed.example')
second = absolute('http://evil.example/', 'Host: evil.example')
verdict(say(first + second).count(MARK) > 1 or say(first, second).count(MARK) > 1)"),
    ("cannot_smuggle_a_request_by_two_lengths", ALLOWED, "
body = b'0\\r\\n\\r\\n' + absolute('http://evil.example/', 'Host: evil.example')
both = ('Host: allowed.example', f'Content-Length: {len(body)}', 'Transfer-Encoding: chunked')
answer = say(absolute('http://allowed.example/', *both, body=body))
verdict(answer.count(MARK) > 1 or b'as evil' in answer)"),
    ("cannot_smuggle_a_request_behind_a_bare_line_end", ALLOWED,
        "verdict(MARK in say(b'GET http://allowed.example/ HTTP/1.1\\nHost: evil.example\\n\\n'))"),
    ("cannot_fold_a_host", ALLOWED,
        "verdict(MARK in say(absolute('http://allowed.example/', 'X: y', ' Host: allowed.example', 'Host: evil.example')))"),
    ("cannot_speak_plainly_on_a_port_for_tls", ALLOWED,
        "verdict(MARK in say(absolute('http://allowed.example:443/', 'Host: allowed.example:443')))"),
    ("cannot_connect_to_another_port", WEB,
        "verdict(b' 403 ' not in say(b'CONNECT allowed.example:22 HTTP/1.1\\r\\n\\r\\n'))"),
    ("cannot_connect_twice_in_one_tunnel", ALLOWED,
        "verdict(MARK in say(b'CONNECT allowed.example:80 HTTP/1.1\\r\\n\\r\\nCONNECT evil.example:80 HTTP/1.1\\r\\n\\r\\n' + get('evil.example')))"),
    ("cannot_ask_in_a_tunnel_for_another_host", ALLOWED,
        "verdict(MARK in say(b'CONNECT allowed.example:80 HTTP/1.1\\r\\n\\r\\n' + get('evil.example')))"),
    ("cannot_reach_the_proxy_by_itself", Policy::Public,
        "verdict(b' 200 ' in say(b'CONNECT 127.0.0.1:13986 HTTP/1.1\\r\\n\\r\\n'))"),
    ("cannot_reach_the_host_by_its_names", Policy::Public, "
verdict(any(b' 200 ' in say(f'CONNECT {host}:{BAIT} HTTP/1.1\\r\\n\\r\\n'.encode())
    for host in ('localhost', 'ip6-localhost', '127.0.0.1', '[::1]', '0.0.0.0', '[::]', HOST4, f'[{HOST6}]',
        '[::ffff:127.0.0.1]', '10.77.0.1', '2130706433', '0x7f000001', '127.1')))"),
    ("cannot_reach_a_private_address_by_socks", Policy::Public,
        "verdict(any([socks(1, bytes([169, 254, 169, 254]), 80), socks(1, bytes([10, 0, 0, 5]), 80), \
            socks(4, socket.inet_pton(socket.AF_INET6, '::ffff:10.0.0.5'), 80), socks(3, named('10.0.0.5'), 80)]))"),
    ("cannot_reach_what_no_rule_names_by_socks", ALLOWED,
        "verdict(any([socks(3, named('evil.example'), 80), socks(1, socket.inet_aton(EVIL4), 80)]))"),
    ("cannot_listen_or_send_datagrams_by_socks", Policy::Public,
        "verdict(any([socks(1, socket.inet_aton(EVIL4), 80, command=2), socks(1, socket.inet_aton(EVIL4), 53, command=3)]))"),
    ("cannot_take_the_port_of_the_proxy", ALLOWED, "
def taken(address, family=socket.AF_INET):
    with socket.socket(family) as mine:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            mine.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            mine.bind((address, 13986))
            mine.listen()
        except OSError:
            return False
        return True
verdict(any([taken('127.0.0.1'), taken('0.0.0.0'), taken('::', socket.AF_INET6)]))"),
    ("cannot_hold_a_place_with_a_slow_head", ALLOWED, "
with socket.create_connection(PROXY, SECONDS) as stream:
    stream.settimeout(30)
    stream.sendall(b'CONNECT allowed')
    begun = time.monotonic()
    try:
        ended = stream.recv(1) == b''
    except ConnectionResetError:
        ended = True
verdict(not ended or time.monotonic() - begun > 20)"),
];

#[test]
fn what_only_a_client_of_a_proxy_can_try_is_held() -> Result<()> {
    let test = "what_only_a_client_of_a_proxy_can_try_is_held";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::of_user(world, user::MALICE)?;
    let mut faults = Vec::new();
    for (name, policy) in [("named", ALLOWED), ("web", WEB), ("wide", Policy::Public)] {
        product.create(name, policy)?;
        let works = product.python(name, &program(&format!("{SAY}{WORKS}")))?;
        ensure!(works.starts_with("HELD"), "what is allowed does not work: {works}");
        let is_here = |other: &Policy| other.words() == policy.words();
        for (attempt, _, script) in ATTEMPTS.iter().filter(|(_, other, _)| is_here(other)) {
            let said = product.python(name, &program(&format!("{SAY}{script}")))?;
            match Outcome::read(&said) {
                Ok(Outcome::Held) => {}
                Ok(Outcome::Broke) | Err(_) => faults.push(format!("{attempt}: {said}")),
            }
        }
        let works = product.python(name, &program(&format!("{SAY}{WORKS}")))?;
        ensure!(works.starts_with("HELD"), "nothing works any more: {works}");
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// Distinct names that are looked up in a minute, and how much more often servers may be asked:
/// for both families, and again where the answer is lost.
const MOST_NAMES: usize = 1_000;

/// Connections that say nothing, more than there may be; and then one that asks.
const CROWD: &str = "
import resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
crowd = []
for number in range(5000):
    try:
        crowd.append(socket.create_connection(PROXY, SECONDS))
    except OSError:
        break
print('READY', len(crowd), flush=True)
limit = time.monotonic() + 60
while not os.path.exists('/tmp/changed') and time.monotonic() < limit:
    time.sleep(0.02)
for one in crowd:
    one.close()
time.sleep(0.5)
verdict(MARK not in say(absolute('http://allowed.example/', 'Host: allowed.example')))";

/// Names below a wildcard, each of them another one.
const TUNNEL: &str = "
def ask(number):
    say(f'CONNECT flood{number}.tunnel.allowed.example:81 HTTP/1.1\\r\\n\\r\\n'.encode())
for start in range(0, 3000, 50):
    all = [threading.Thread(target=ask, args=(start + number,)) for number in range(50)]
    [one.start() for one in all]
    [one.join() for one in all]
verdict(False)";

#[test]
fn who_only_connects_and_asks_takes_no_more_than_it_may() -> Result<()> {
    let test = "who_only_connects_and_asks_takes_no_more_than_it_may";
    // What INTERNET saw must come from this test.
    let Some(world) = World::apart(test)? else { return Ok(()) };
    let product = Product::of_user(world, user::CROWD)?;
    product.create_with("crowd", ALLOWED, &["--net-connections=1024"])?;
    let process = product.part("__network")?;
    product.begin("crowd", &program(&format!("{SAY}{CROWD}")))?;
    let open = fs::read_dir(format!("/proc/{process}/fd"))?.count();
    ensure!((1_000..1_200).contains(&open), "{open} descriptors are open");
    product.tell("crowd")?;
    let said = product.said("crowd", "BROKE|HELD|Error")?;
    ensure!(said.contains("HELD"), "{said}");
    let begun = Instant::now();
    let said = product.python("crowd", &program(&format!("{SAY}{TUNNEL}")))?;
    ensure!(said.contains("HELD"), "{said}");
    let minutes = 1 + usize::try_from(begun.elapsed().as_secs() / 60)?;
    let asked = product.world().queries()?;
    let names: std::collections::BTreeSet<_> =
        asked.iter().map(|query| &query.name).filter(|name| name.starts_with("flood")).collect();
    ensure!(!names.is_empty(), "nobody was asked for any");
    ensure!(names.len() <= MOST_NAMES * minutes, "{} names went out", names.len());
    ensure!(begun.elapsed() < Duration::from_secs(55), "it took {:?}", begun.elapsed());
    product.run(&["rm", "-f", "crowd"]).map(drop).context("it goes")
}
