//! Where connections cannot be steered: the proxy that the programs of a sandbox are told of.
//!
//! It is a convenience of theirs. What holds a sandbox is that nothing but the proxy is there.

/// What is said of a network that is reached through a proxy.
pub const NOTE: &str = "by a proxy: programs that know no proxy reach nothing";

/// Where it listens, in each sandbox's own network.
pub const URL: &str = "http://127.0.0.1:13986";

/// What is reached without it.
const ITSELF: &str = "localhost,127.0.0.1,::1";

/// Variables that tell programs of it. Some read the one case, some the other.
pub const VARIABLES: [(&str, &str); 9] = [
    ("HTTP_PROXY", URL),
    ("HTTPS_PROXY", URL),
    ("http_proxy", URL),
    ("https_proxy", URL),
    // No word for SOCKS, which libraries refuse at their start that have no part for it.
    ("ALL_PROXY", URL),
    ("all_proxy", URL),
    ("NO_PROXY", ITSELF),
    ("no_proxy", ITSELF),
    // Node itself looks at them only then.
    ("NODE_USE_ENV_PROXY", "1"),
];
