//! Names that are allowed and lead, at once or later, to what is not public.

use super::{ALLOWED, Attempt};

/// A name of an allowed zone that leads inward.
macro_rules! lead {
    ($name:literal, $defence:literal, $words:literal) => {
        Attempt::new($name, $defence, ALLOWED, concat!("reached(", $words, ")"))
    };
}

/// Looks at every turn of the name, which is forgotten after five seconds at the latest, and says
/// where it got to.
const OFTEN: &str = "
seen = set()
for turn in range(3):
    seen.add(where('rebind.allowed.example'))
    time.sleep(5.3 if turn < 2 else 0)
verdict(seen - {'', RECORDER4, RECORDER6}, seen)";

/// The same with an address that was public when it was looked up.
const KEPT: &str = "
found = socket.getaddrinfo('rebind.allowed.example', 80, type=socket.SOCK_STREAM)
seen = set()
for turn in range(3):
    for *_, address in list(found):
        seen.add(where(address[0], data=get('rebind.allowed.example')))
    time.sleep(5.3 if turn < 2 else 0)
    found += socket.getaddrinfo('rebind.allowed.example', 80, type=socket.SOCK_STREAM)
verdict(seen - {'', RECORDER4, RECORDER6}, seen)";

const AT_ONCE: &str = "
seen = []
def one():
    for _ in range(3):
        seen.append(where('rebind.allowed.example'))
        time.sleep(2.7)
threads = [threading.Thread(target=one) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
verdict(set(seen) - {'', RECORDER4, RECORDER6}, seen)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_rebind_an_allowed_name", "special", ALLOWED, OFTEN),
    Attempt::new("cannot_rebind_an_address_that_is_kept", "special", ALLOWED, KEPT),
    Attempt::new("cannot_rebind_in_a_race", "special", ALLOWED, AT_ONCE),
    lead!("cannot_reach_metadata_among_other_answers", "special", "'mixed.allowed.example'"),
    lead!("cannot_reach_metadata_by_an_alias", "special", "'inward.allowed.example'"),
    lead!("cannot_reach_metadata_by_name", "special", "'to-metadata.allowed.example'"),
    lead!("cannot_reach_private_addresses_by_name", "special", "'to-private.allowed.example'"),
    lead!("cannot_reach_shared_space_by_name", "special", "'to-shared.allowed.example'"),
    lead!("cannot_reach_the_hosts_loopback_by_name", "special,own",
        "'to-loopback.allowed.example', port=BAIT"),
    lead!("cannot_reach_the_hosts_loopback_by_a_name_for_nothing", "special,own",
        "'to-unspecified.allowed.example', port=BAIT"),
    lead!("cannot_reach_the_host_by_name", "own", "'to-host.allowed.example'"),
    lead!("cannot_reach_the_host_by_a_name_for_an_inner_address", "special,own",
        "'to-inner-host.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_mapped_answer", "special", "'to-mapped.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_nat64_answer", "special", "'to-nat64.allowed.example'"),
    lead!("cannot_reach_metadata_by_a_6to4_answer", "special", "'to-6to4.allowed.example'"),
];
