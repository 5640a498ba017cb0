//! Names that are allowed and lead, at once or later, to what is not public.

use super::{ALLOWED, Attempt};

/// A name of an allowed zone that leads inward.
macro_rules! lead {
    ($name:literal, $defence:literal, $words:literal) => {
        Attempt::new($name, $defence, ALLOWED, concat!("reached(", $words, ")"))
    };
}

/// Looks often enough for every turn of the name, and says where it got to.
const OFTEN: &str = "
seen = {where('rebind.allowed.example') for _ in range(10)}
verdict(seen - {'', RECORDER4, RECORDER6}, seen)";

/// The same with an address that was public when it was looked up.
const KEPT: &str = "
found = socket.getaddrinfo('rebind.allowed.example', 80, type=socket.SOCK_STREAM)
again = lambda: socket.getaddrinfo('rebind.allowed.example', 80, type=socket.SOCK_STREAM)
seen = set()
for _ in range(8):
    for *_, address in found:
        seen.add(where(address[0]))
    found += again()
verdict(seen - {'', RECORDER4, RECORDER6}, seen)";

const AT_ONCE: &str = "
seen = []
def one():
    seen.append(where('rebind.allowed.example'))
threads = [threading.Thread(target=one) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
verdict(set(seen) - {'', RECORDER4, RECORDER6}, seen)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_rebind_an_allowed_name", "net_special", ALLOWED, OFTEN),
    Attempt::new("cannot_rebind_an_address_that_is_kept", "net_special", ALLOWED, KEPT),
    Attempt::new("cannot_rebind_in_a_race", "net_special", ALLOWED, AT_ONCE),
    lead!("cannot_reach_metadata_among_other_answers", "net_special", "'mixed.allowed.example'"),
    lead!("cannot_reach_metadata_by_an_alias", "net_special", "'inward.allowed.example'"),
    lead!("cannot_reach_metadata_by_name", "net_special", "'to-metadata.allowed.example'"),
    lead!("cannot_reach_private_addresses_by_name", "net_special", "'to-private.allowed.example'"),
    lead!("cannot_reach_shared_space_by_name", "net_special", "'to-shared.allowed.example'"),
    lead!("cannot_reach_the_hosts_loopback_by_name", "net_special",
        "'to-loopback.allowed.example', port=BAIT"),
    lead!("cannot_reach_the_hosts_loopback_by_a_name_for_nothing", "net_special",
        "'to-unspecified.allowed.example', port=BAIT"),
    lead!("cannot_reach_the_host_by_name", "net_own", "'to-host.allowed.example'"),
    lead!("cannot_reach_the_host_by_a_name_for_an_inner_address", "net_special",
        "'to-inner-host.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_mapped_answer", "net_special", "'to-mapped.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_nat64_answer", "net_embedded", "'to-nat64.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_6to4_answer", "net_embedded", "'to-6to4.allowed.example'"),
];
