//! What is settled about a sandbox: words of the path, sizes, networks.

use infield_daytona as wire;
use infield_domain::network::Choice;
use infield_domain::preview::Access;
use infield_domain::{Error, Result};
use infield_engine::Resize;

use super::{GIB, minutes, network};

/// Minutes of one interval at most, ten years.
const MOST_MINUTES: f64 = 5_256_000.0;

/// Minutes in a path. Clients write whole numbers in either way, `5` or `5.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Interval(i64);

impl Interval {
    /// Reads it.
    pub(in super::super) fn read(word: &str) -> Result<Self> {
        let number = word.parse::<f64>().ok();
        let number = number.filter(|n| n.fract() == 0.0 && n.abs() <= MOST_MINUTES);
        let wrong = || {
            let shown = crate::hint::shown(word);
            Error::invalid(format!("`{shown}` is no interval"))
                .with_hint(format!("write whole minutes, {MOST_MINUTES} at most"))
        };
        Ok(Self(number.ok_or_else(wrong)? as i64))
    }

    /// In milliseconds; 0 stands for none.
    pub(in super::super) fn unless_zero(self) -> Result<Option<u64>> {
        if self.0 < 0 {
            return Err(
                Error::invalid("an interval is not negative").with_hint("write 0 to switch it off")
            );
        }
        Ok(Some(minutes(self.0)).filter(|ms| *ms > 0))
    }

    /// In milliseconds; negative numbers stand for none.
    pub(in super::super) fn unless_negative(self) -> Option<u64> {
        (self.0 >= 0).then(|| minutes(self.0))
    }
}

/// Yes or no. Python writes it in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Switch(bool);

impl Switch {
    /// Reads it.
    pub(in super::super) fn read(name: &str, word: &str) -> Result<Self> {
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(Error::invalid(format!("`{name}` is `true` or `false`"))),
        }
    }

    /// Whether it is yes.
    pub(in super::super) fn is_on(self) -> bool {
        self.0
    }

    /// Who may visit, if it says whether a sandbox is public.
    pub(in super::super) fn access(self) -> Access {
        if self.0 { Access::Public } else { Access::Private }
    }
}

/// What a sandbox may reach from now on: all that is said, and nothing of what was said before.
pub(in super::super) fn set_network(wish: &wire::NetworkSettings) -> Result<Choice> {
    let lists = [wish.network_allow_list.as_ref(), wish.domain_allow_list.as_ref()];
    let says_nothing = lists.iter().flatten().all(|list| list.trim().is_empty());
    // Silence must not open what was closed.
    if wish.network_block_all.is_none() && says_nothing {
        return Err(Error::invalid("the network settings say nothing")
            .with_hint("set `networkBlockAll`, `networkAllowList` or `domainAllowList`"));
    }
    network(wish.network_block_all, lists)
}

/// What a sandbox may use from its next start on.
pub(in super::super) fn resize(wish: &wire::ResizeSandbox) -> Result<Resize> {
    let checked = |field: &str, given: Option<f64>| match given {
        Some(number) if (1.0..=65_536.0).contains(&number) => Ok(Some(number)),
        Some(_) => Err(Error::invalid(format!("`{field}` is out of range"))
            .with_hint("give a number from 1 to 65536")),
        None => Ok(None),
    };
    let cpu = checked("cpu", wish.cpu)?;
    let memory = checked("memory", wish.memory)?;
    let disk = checked("disk", wish.disk)?;
    if (cpu, memory, disk) == (None, None, None) {
        return Err(
            Error::invalid("nothing is to be resized").with_hint("set `cpu`, `memory` or `disk`")
        );
    }
    let bytes = |gib: f64| (gib * GIB as f64) as u64;
    Ok(Resize {
        cpu_millis: cpu.map(|cpus| (cpus * 1_000.0) as u32),
        memory_bytes: memory.map(bytes),
        disk_bytes: disk.map(bytes),
    })
}
