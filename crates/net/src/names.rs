//! Which address stands for which name.
//!
//! A look-up is answered with an address that means this one name, in this one sandbox: so a
//! connection says by which name it was asked for, and two names of one server stay two
//! decisions. The addresses are of blocks that nobody routes: 198.18.0.0/15 (RFC 2544) and
//! 2001:2::/48 (RFC 5180), both for benchmarks.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use infield_domain::network::DomainName;

/// The sandbox's resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Names that one sandbox can have looked up. With more, the one that was looked up longest ago
/// loses its address.
const MOST: usize = 4_096;
/// Addresses that are given in turn, so that one rests as long as possible before it means
/// another name.
const NUMBERS: u32 = 1 << 16;
/// The first number: those before it are the resolver's and nobody's.
const FIRST: u32 = 256;

/// What an address means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This name.
    Name(DomainName),
    /// A name that was forgotten, or none ever.
    Nothing,
    /// Itself.
    Address(IpAddr),
}

/// The names of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_name: HashMap<DomainName, u32>,
    /// By number, with the turn of the last look-up.
    by_number: HashMap<u32, (DomainName, u64)>,
    /// By that turn.
    by_turn: BTreeMap<u64, u32>,
    turn: u64,
    next: u32,
}

impl Names {
    /// The addresses that stand for a name from now on.
    pub(crate) fn bind(&self, name: &DomainName) -> (Ipv4Addr, Ipv6Addr) {
        let number = self.lock().bind(name);
        let four = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number);
        let six = Ipv6Addr::from_bits(
            Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0).to_bits() + u128::from(number),
        );
        (four, six)
    }

    /// What an address means that somebody connects to.
    pub(crate) fn meaning(&self, address: IpAddr) -> Meaning {
        let number = match address.to_canonical() {
            IpAddr::V4(four) if matches!(four.octets(), [198, 18 | 19, _, _]) => {
                u128::from(four.to_bits() - Ipv4Addr::new(198, 18, 0, 0).to_bits())
            }
            IpAddr::V6(six) if matches!(six.segments(), [0x2001, 2, 0, ..]) => {
                six.to_bits() - Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0).to_bits()
            }
            other => return Meaning::Address(other),
        };
        let table = self.lock();
        let known = u32::try_from(number).ok().and_then(|number| table.by_number.get(&number));
        known.map_or(Meaning::Nothing, |(name, _)| Meaning::Name(name.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing in a critical section can panic half-way, so the table is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn bind(&mut self, name: &DomainName) -> u32 {
        self.turn += 1;
        let number = match self.by_name.get(name) {
            Some(number) => *number,
            None => self.give(name),
        };
        if let Some((_, turn)) = self.by_number.get_mut(&number) {
            self.by_turn.remove(turn);
            *turn = self.turn;
        }
        self.by_turn.insert(self.turn, number);
        number
    }

    fn give(&mut self, name: &DomainName) -> u32 {
        if self.by_name.len() >= MOST
            && let Some((_, oldest)) = self.by_turn.pop_first()
            && let Some((forgotten, _)) = self.by_number.remove(&oldest)
        {
            self.by_name.remove(&forgotten);
        }
        let number = loop {
            let number = FIRST + self.next % (NUMBERS - FIRST);
            self.next = self.next.wrapping_add(1);
            if !self.by_number.contains_key(&number) {
                break number;
            }
        };
        self.by_name.insert(name.clone(), number);
        // No turn is 0, so nothing else is removed for it.
        self.by_number.insert(number, (name.clone(), 0));
        number
    }
}

#[cfg(test)]
mod tests;
