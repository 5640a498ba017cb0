//! Addresses that are not public, by every way to write them, and public ones that no rule names.

use super::{ALLOWED, Attempt, Policy};

/// A server that is not there for sandboxes, reached by one of some words for it.
macro_rules! reach {
    ($name:literal, $defence:literal, $policy:expr, $words:literal) => {
        Attempt::new($name, $defence, $policy, concat!("reached(", $words, ")"))
    };
}

const ANY: Policy = Policy::Custom(&["allow 0.0.0.0/0", "allow ::/0"]);
const ONE_PORT: Policy = Policy::Custom(&["allow 10.0.0.5/32:443", "allow [fd00::5]/128:443"]);
const ONE_BLOCK: Policy = Policy::Custom(&["allow 93.184.200.64/29:80"]);

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    reach!("cannot_reach_metadata_by_address", "special", Policy::Public, "'169.254.169.254'"),
    reach!("cannot_reach_metadata_by_address6", "special", Policy::Public, "'fd00:ec2::254'"),
    reach!("cannot_reach_metadata_of_other_clouds", "special", Policy::Public,
        "'100.100.100.200', '192.0.0.192'"),
    reach!("cannot_reach_the_link", "network_namespace", Policy::Public,
        "*['fe80::9%' + name for _, name in socket.if_nameindex()]"),
    reach!("cannot_reach_a_private_ten", "special", Policy::Public, "'10.0.0.5'"),
    reach!("cannot_reach_a_private_172", "special", Policy::Public, "'172.16.0.9'"),
    reach!("cannot_reach_a_private_192", "special", Policy::Public, "'192.168.1.1'"),
    reach!("cannot_reach_a_private_address6", "special", Policy::Public, "'fd00::5'"),
    reach!("cannot_reach_shared_space", "special", Policy::Public, "'100.64.0.9'"),
    reach!("cannot_reach_reserved_space", "special", Policy::Public, "'240.0.0.9'"),
    reach!("cannot_reach_documentation", "special", Policy::Public,
        "'198.51.100.9', '2001:db8::9'"),
    reach!("cannot_reach_metadata_as_a_number", "special", Policy::Public, "'2852039166'"),
    reach!("cannot_reach_metadata_in_hex", "special", Policy::Public, "'0xa9fea9fe'"),
    reach!("cannot_reach_metadata_in_octal", "special", Policy::Public, "'0251.0376.0251.0376'"),
    reach!("cannot_reach_a_private_address_in_short", "special", Policy::Public, "'10.5'"),
    reach!("cannot_reach_metadata_mapped_to_6", "special", Policy::Public,
        "'::ffff:169.254.169.254'"),
    reach!("cannot_reach_metadata_by_nat64", "special", Policy::Public,
        "'64:ff9b::a9fe:a9fe'"),
    reach!("cannot_reach_a_private_address_by_local_nat64", "special", Policy::Public,
        "'64:ff9b:1::a00:5'"),
    reach!("cannot_reach_metadata_by_6to4", "special", Policy::Public, "'2002:a9fe:a9fe::1'"),
    reach!("cannot_reach_metadata_by_teredo", "special", Policy::Public,
        "'2001:0:a9fe:a9fe::1'"),
    reach!("cannot_reach_the_host_by_its_public_address", "own", Policy::Public, "HOST4"),
    reach!("cannot_reach_the_host_by_its_public_address6", "own", Policy::Public, "HOST6"),
    reach!("cannot_reach_the_host_by_a_rule_for_everything", "own", ANY, "HOST4, HOST6"),
    reach!("cannot_reach_the_host_by_an_inner_address", "special,own", Policy::Public,
        "'10.77.0.1', 'fd77::1'"),
    reach!("cannot_reach_the_hosts_loopback", "network_namespace", Policy::Public,
        "'127.0.0.1', '::1', port=BAIT"),
    reach!("cannot_reach_the_hosts_loopback_mapped_to_6", "network_namespace", Policy::Public,
        "'::ffff:127.0.0.1', port=BAIT"),
    reach!("cannot_reach_the_hosts_loopback_by_no_address", "network_namespace", Policy::Public,
        "'0.0.0.0', '::', port=BAIT"),
    reach!("cannot_reach_private_addresses_by_a_rule_for_everything", "special", ANY,
        "'10.0.0.5', 'fd00::5', '169.254.169.254'"),
    reach!("cannot_reach_another_port_of_a_private_rule", "ports", ONE_PORT,
        "'10.0.0.5', 'fd00::5'"),
    reach!("cannot_reach_past_the_end_of_a_block", "rules", ONE_BLOCK, "STREAMS4"),
    reach!("cannot_reach_an_address_that_no_rule_names", "rules", ALLOWED, "EVIL4, EVIL6"),
    reach!("cannot_reach_an_allowed_names_address_by_itself", "rules", ALLOWED,
        "RECORDER4, RECORDER6"),
];
