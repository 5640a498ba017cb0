//! One word for each wall of the network process, so that an attempt can name the wall that stops
//! it.
//!
//! A build with the feature `weaken` leaves out the walls named in `INFIELD_WITHOUT`, and the
//! attempts' tests use it to prove that each attempt would succeed without its wall. In every other
//! build [`Without`] is empty and nothing can fill it. The words are shared with the launcher's;
//! those of others are passed over.

use infield_domain::network::Allowance;

macro_rules! defences {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A wall that can be named.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Defence {
            $($(#[$doc])* $variant,)*
        }

        #[cfg(feature = "weaken")]
        const WORDS: &[(Defence, &str)] = &[$((Defence::$variant, $word),)*];
    };
}

defences! {
    /// What is not public opens by a rule alone that names it with its ports.
    Special = "special",
    /// The host's own addresses are never connected to.
    Own = "own",
    /// A rule is about its ports alone.
    Ports = "ports",
    /// What no rule allows, or one denies, is refused.
    Rules = "rules",
    /// A name that the policy does not resolve is not asked for outside.
    Names = "names",
    #[cfg(feature = "weaken")]
    /// Nobody outside is asked for other types of records than addresses.
    Types = "types",
    #[cfg(feature = "weaken")]
    /// A question is understood and asked anew, and answered with addresses of our own.
    Questions = "questions",
    /// Look-ups are bounded: so many a second and at once, and so many names a minute.
    Rate = "rate",
    /// TLS must be for the name that the connection is for, and say so in one way.
    Sni = "sni",
    /// TLS must not hide the name.
    Ech = "ech",
    /// Port 443 is for TLS, and port 80 for HTTP.
    Protocol = "protocol",
    /// Each request of HTTP must be for the name that its connection is for.
    Host = "host",
    /// HTTP is read, understood and written anew.
    Requests = "requests",
    /// A sandbox is reached by those of its owner alone that are in one network with it. The daemon
    /// has the same wall.
    Members = "members",
    /// A connection that was made to the listener itself is not carried.
    Straight = "straight",
    /// What no longer fits a policy that changed is cut.
    Cut = "cut",
    /// A sandbox has so many connections at once.
    Most = "most",
    /// What waits in the kernel for a slow reader is bounded.
    Buffers = "buffers",
    /// Bytes a second are bounded where a ceiling says so.
    Pace = "pace",
    /// Bytes of all time are bounded where a ceiling says so.
    Total = "total",
}

/// The walls that this process leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Without(u32);

impl Without {
    /// Reads `INFIELD_WITHOUT`, words with commas between them.
    #[cfg(feature = "weaken")]
    pub(crate) fn from_environment() -> Self {
        let words = std::env::var("INFIELD_WITHOUT").unwrap_or_default();
        let named = |word: &str| words.split(',').any(|each| each == word);
        let left_out = WORDS.iter().filter(|(_, word)| named(word));
        Self(left_out.fold(0, |all, (defence, _)| all | defence.bit()))
    }

    /// Leaves out nothing: this build cannot be weakened.
    #[cfg(not(feature = "weaken"))]
    pub(crate) fn from_environment() -> Self {
        Self::default()
    }

    /// The ceilings that are kept.
    pub(crate) fn ceilings(self, asked: Allowance) -> Allowance {
        Allowance {
            connections: if self.keeps(Defence::Most) { asked.connections } else { u32::MAX },
            bytes_per_second: asked.bytes_per_second.filter(|_| self.keeps(Defence::Pace)),
            total_bytes: asked.total_bytes.filter(|_| self.keeps(Defence::Total)),
        }
    }

    /// Whether `defence` is kept.
    pub(crate) fn keeps(self, defence: Defence) -> bool {
        self.0 & defence.bit() == 0
    }
}

impl Defence {
    fn bit(self) -> u32 {
        1 << self as u32
    }
}
