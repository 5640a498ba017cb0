//! Who lives where in the world: addresses and names of both families, as data.
//!
//! HOST and INTERNET have ordinary public addresses, so that nothing must be told to treat them as
//! such. INTERNET answers on addresses that are not public as well: behind each of them is
//! what a program wants to reach that gets past the check of addresses.

use serde_json::{Value, json};

/// Servers of INTERNET that share their two addresses.
pub(crate) struct Place {
    /// What scripts and tests call it.
    pub(crate) word: &'static str,
    pub(crate) four: &'static str,
    pub(crate) six: &'static str,
    /// Names that lead here by both families.
    pub(crate) names: &'static [&'static str],
}

macro_rules! places {
    ($($word:ident $number:literal: $($name:literal)*;)*) => {
        pub(crate) const PLACES: &[Place] = &[$(Place {
            word: stringify!($word),
            four: concat!("93.184.200.", $number),
            six: concat!("2606:2800:200::", $number),
            names: &[$($name),*],
        },)*
        Place {
            word: "FOREIGN_RESOLVER",
            four: "8.8.8.8",
            six: "2001:4860:4860::8888",
            names: &["dns.google"],
        }];
    };
}

places! {
    RESOLVER 53: "resolver.example";
    // One address for an allowed and a forbidden name, as content networks have it.
    CDN 10: "allowed.example" "www.allowed.example" "evil.example" "evilallowed.example"
        "xn--llowed-hta.example";
    PACKAGES 20: "pypi.org" "files.pythonhosted.org" "registry.npmjs.org" "index.crates.io"
        "static.crates.io" "crates.io";
    GITHUB 30: "github.com" "gitlab.com";
    DEBIAN 40: "deb.debian.org";
    EVIL 66: "alone.example" "*.evil.example";
    RECORDER 70: "raw.allowed.example" "under_score.allowed.example";
    RETRY 71: "retry.allowed.example";
    PROXY 72: "proxy.allowed.example";
    STREAMS 73: "streams.allowed.example";
    STRANGE 74: "strange.allowed.example";
    // Nobody listens here.
    CLOSED 99:;
}

/// The product's machine, on its side of the wire and on INTERNET's.
pub(crate) const HOST: [&str; 2] = ["93.184.100.2", "2606:2800:100::2"];
const GATEWAY: [&str; 2] = ["93.184.100.1", "2606:2800:100::1"];
/// Addresses of HOST in networks that are not public.
const HOST_INNER: [&str; 2] = ["10.77.0.1", "fd77::1"];
/// Where HOST has something open on every address, its loopback included.
pub(crate) const BAIT_PORT: u16 = 8099;

/// Addresses that are not public, each with a server behind it.
const INNER: &[&str] = &[
    "169.254.169.254",
    "10.0.0.5",
    "172.16.0.9",
    "192.168.1.1",
    "100.64.0.9",
    "100.100.100.200",
    "192.0.0.192",
    "198.51.100.9",
    "240.0.0.9",
    "fd00:ec2::254",
    "fd00::5",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:5",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:db8::9",
];
/// The same on the wire alone.
const LINK_LOCAL: &str = "fe80::9";

/// The name of the interface between the two, on both sides.
const WIRE: &str = "uplink";

/// One look-up's records, each a type and a value.
type Records = &'static [(&'static str, &'static str)];

/// Names with a trick: time to live, delay in ms, and the answers in turn.
#[rustfmt::skip]
const TRICKS: &[(&str, u32, u32, &[Records])] = &[
    ("only4.allowed.example", 60, 0, &[&[("A", "93.184.200.10")]]),
    ("only6.allowed.example", 60, 0, &[&[("AAAA", "2606:2800:200::10")]]),
    ("alias.allowed.example", 60, 0, &[&[("CNAME", "allowed.example.")]]),
    ("leaving.allowed.example", 60, 0, &[&[("CNAME", "alone.example.")]]),
    ("slow.allowed.example", 60, 3_000, &[&[("A", "93.184.200.10")]]),
    ("*.slow.allowed.example", 0, 3_000, &[&[("A", "93.184.200.10")]]),
    ("rebind.allowed.example", 0, 0, &[
        &[("A", "93.184.200.70"), ("AAAA", "2606:2800:200::70")],
        &[("A", "169.254.169.254"), ("AAAA", "fd00:ec2::254")],
        &[("A", "127.0.0.1"), ("AAAA", "::1")],
        &[("A", "10.0.0.5"), ("AAAA", "fd00::5")],
    ]),
    ("mixed.allowed.example", 0, 0, &[
        &[("A", "93.184.200.99"), ("A", "169.254.169.254"), ("AAAA", "fd00:ec2::254")],
    ]),
    ("inward.allowed.example", 0, 0, &[&[("CNAME", "metadata.inner.example.")]]),
    ("metadata.inner.example", 0, 0, &[&[("A", "169.254.169.254"), ("AAAA", "fd00:ec2::254")]]),
    ("to-metadata.allowed.example", 60, 0, &[&[("A", "169.254.169.254")]]),
    ("to-private.allowed.example", 60, 0, &[&[("A", "10.0.0.5"), ("AAAA", "fd00::5")]]),
    ("to-shared.allowed.example", 60, 0, &[&[("A", "100.64.0.9")]]),
    ("to-loopback.allowed.example", 60, 0, &[&[("A", "127.0.0.1"), ("AAAA", "::1")]]),
    ("to-unspecified.allowed.example", 60, 0, &[&[("A", "0.0.0.0"), ("AAAA", "::")]]),
    ("to-host.allowed.example", 60, 0, &[&[("A", "93.184.100.2"), ("AAAA", "2606:2800:100::2")]]),
    ("to-inner-host.allowed.example", 60, 0, &[&[("A", "10.77.0.1"), ("AAAA", "fd77::1")]]),
    ("to-mapped.allowed.example", 60, 0, &[&[("AAAA", "::ffff:169.254.169.254")]]),
    ("to-nat64.allowed.example", 60, 0, &[&[("AAAA", "64:ff9b::a9fe:a9fe")]]),
    ("to-6to4.allowed.example", 60, 0, &[&[("AAAA", "2002:a9fe:a9fe::1")]]),
    ("txt.allowed.example", 60, 0, &[&[
        ("A", "93.184.200.10"), ("TXT", "\"got-through\""), ("HTTPS", "1 . alpn=h2"),
    ]]),
    ("*.tunnel.allowed.example", 0, 0, &[&[
        ("A", "93.184.200.10"), ("TXT", "\"got-through\""), ("NULL", "\\# 11 676f742d7468726f756768"),
        ("MX", "1 there.evil.example."), ("SRV", "1 1 7 there.evil.example."),
    ]]),
    ("*.chain.allowed.example", 0, 0, &[&[("CNAME", "there.evil.example.")]]),
    ("secret.evil.example", 60, 0, &[&[("TXT", "\"got-through\""), ("A", "93.184.200.66")]]),
    ("many.allowed.example", 60, 0, &[MANY]),
];

/// More addresses than a datagram of 512 bytes holds; none but the first has a server.
#[rustfmt::skip]
const MANY: Records = &[
    ("A", "93.184.200.10"), ("A", "93.184.201.1"), ("A", "93.184.201.2"), ("A", "93.184.201.3"),
    ("A", "93.184.201.4"), ("A", "93.184.201.5"), ("A", "93.184.201.6"), ("A", "93.184.201.7"),
    ("A", "93.184.201.8"), ("A", "93.184.201.9"), ("A", "93.184.201.10"), ("A", "93.184.201.11"),
    ("A", "93.184.201.12"), ("A", "93.184.201.13"), ("A", "93.184.201.14"), ("A", "93.184.201.15"),
    ("A", "93.184.201.16"), ("A", "93.184.201.17"), ("A", "93.184.201.18"), ("A", "93.184.201.19"),
    ("A", "93.184.201.20"), ("A", "93.184.201.21"), ("A", "93.184.201.22"), ("A", "93.184.201.23"),
    ("A", "93.184.201.24"), ("A", "93.184.201.25"), ("A", "93.184.201.26"), ("A", "93.184.201.27"),
    ("A", "93.184.201.28"), ("A", "93.184.201.29"), ("A", "93.184.201.30"), ("A", "93.184.201.31"),
];

/// The place of a word.
pub(crate) fn place(word: &str) -> &'static Place {
    PLACES.iter().find(|place| place.word == word).expect("the word is one of the table's")
}

/// Every name and address that the web servers' certificate is for.
pub(super) fn certified() -> Vec<String> {
    let names = PLACES.iter().flat_map(|place| place.names).copied();
    let tricks = TRICKS.iter().map(|(name, ..)| *name);
    let addresses = PLACES.iter().flat_map(|place| [place.four, place.six]);
    let is_strange = |name: &&str| !place("STRANGE").names.contains(name);
    names.chain(tricks).chain(addresses).filter(is_strange).map(str::to_owned).collect()
}

/// What makes an empty namespace INTERNET's end, and the wire to HOST's.
pub(super) fn internet(host: &str) -> String {
    let mut lines = vec![format!("link add {WIRE} type veth peer name {WIRE} netns {host}")];
    lines.push(format!("link set {WIRE} up"));
    lines.extend(addresses(&GATEWAY, WIRE, ["/24", "/64"]));
    lines.extend(addresses(&[LINK_LOCAL], WIRE, ["", "/64"]));
    let places = PLACES.iter().flat_map(|place| [place.four, place.six]).collect::<Vec<_>>();
    lines.extend(addresses(&places, "lo", ["/32", "/128"]));
    lines.extend(addresses(INNER, "lo", ["/32", "/128"]));
    lines.join("\n")
}

/// The same for HOST's, when the wire is there.
pub(super) fn host() -> String {
    let mut lines = vec![format!("link set {WIRE} up")];
    lines.extend(addresses(&HOST, WIRE, ["/24", "/64"]));
    lines.extend(addresses(&HOST_INNER, "lo", ["/32", "/128"]));
    lines.extend(GATEWAY.iter().map(|gateway| format!("route add default via {gateway}")));
    lines.join("\n")
}

fn addresses(all: &[&str], interface: &str, bits: [&str; 2]) -> Vec<String> {
    let add = |address: &&str| {
        // Nobody else can have an address here, and the check for it takes a second.
        let (bits, check) = if address.contains(':') { (bits[1], "nodad") } else { (bits[0], "") };
        format!("address add {address}{bits} dev {interface} {check}")
    };
    all.iter().map(add).collect()
}

/// The `listen` lines of the web server: for all places with one, and for the stranger.
pub(super) fn listens() -> (String, String) {
    let lines = |words: &[&str]| {
        let places = words.iter().map(|word| place(word));
        let both = places.flat_map(|place| [place.four.to_owned(), format!("[{}]", place.six)]);
        both.map(|address| format!("listen {address}:80; listen {address}:443 ssl http2;\n"))
            .collect::<String>()
    };
    let all = ["CDN", "PACKAGES", "GITHUB", "DEBIAN", "EVIL", "FOREIGN_RESOLVER"];
    (lines(&all), lines(&["STRANGE"]))
}

/// All of it for the servers. `name` makes the abstract socket unlike those of others.
pub(super) fn servers(folder: &str, nginx: &str) -> Value {
    let plain = PLACES.iter().flat_map(|place| {
        let records = json!([[["A", place.four], ["AAAA", place.six]]]);
        let entry = move || json!({ "ttl": 60, "delay_ms": 0, "steps": records.clone() });
        place.names.iter().map(move |name| ((*name).to_owned(), entry()))
    });
    let tricks = TRICKS.iter().map(|(name, ttl, delay_ms, steps)| {
        ((*name).to_owned(), json!({ "ttl": ttl, "delay_ms": delay_ms, "steps": steps }))
    });
    let names: serde_json::Map<_, _> = plain.chain(tricks).collect();
    let places: serde_json::Map<_, _> = PLACES
        .iter()
        .map(|place| (place.word.to_owned(), json!([place.four, place.six])))
        .collect();
    let link_local = format!("{LINK_LOCAL}%{WIRE}");
    json!({
        "folder": folder,
        "nginx": nginx,
        "certificate": format!("{folder}/site.pem"),
        "key": format!("{folder}/site.key"),
        "places": places,
        "names": names,
        "inner": INNER.iter().copied().chain([link_local.as_str()]).collect::<Vec<_>>(),
        "bait": HOST.iter().chain(&HOST_INNER).collect::<Vec<_>>(),
        "bait_port": BAIT_PORT,
        "abstract": ABSTRACT,
    })
}

/// The abstract socket of HOST's bait. It is the namespace's own: unix(7).
pub(crate) const ABSTRACT: &str = "infield-bait";
