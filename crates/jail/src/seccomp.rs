//! Compiles the system call table into the two programs that every sandbox runs under.
//!
//! The first allows what the table allows and answers ENOSYS to the rest; the second answers EPERM
//! to what the table refuses by name. The kernel takes the stricter answer, and of two refusals
//! that of the program installed last. Calls of another architecture end the process, and those
//! of the x32 table are not in the list.

mod table;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use self::table::{ALLOWED, ALLOWED_HERE, Line, REFUSED, REFUSED_HERE};
use crate::failure::{Outcome, unsupported};

const NEW_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;
/// In `clone` these bits are part of the exit signal; in `unshare` they are `CLONE_NEWTIME`.
const NEW_TIME: u64 = 0x80;

/// With which arguments a call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// With any.
    Always,
    /// `clone` without a flag that makes a namespace.
    NoNewNamespace,
    /// `unshare` without a flag that makes a namespace.
    NoNewNamespaceEither,
    /// `ioctl` that does not type into a terminal.
    NoTerminalInjection,
    /// `socket` of a family that sandboxes need.
    KnownFamily,
    /// `socketpair` of unix sockets.
    UnixPair,
    /// `personality` that asks, or sets the plain one.
    DefaultPersonality,
}

/// The two programs, in the order of their installation.
pub(crate) struct Programs([BpfProgram; 2]);

impl Programs {
    /// Compiles the table.
    pub(crate) fn compile() -> Outcome<Self> {
        let enosys = SeccompAction::Errno(libc::ENOSYS as u32);
        let eperm = SeccompAction::Errno(libc::EPERM as u32);
        let allowed = [ALLOWED, ALLOWED_HERE];
        let refused = [REFUSED, REFUSED_HERE];
        let allow = compile(&allowed, enosys, SeccompAction::Allow);
        let refuse = compile(&refused, SeccompAction::Allow, eperm);
        match (allow, refuse) {
            (Ok(allow), Ok(refuse)) => Ok(Self([allow, refuse])),
            (Err(error), _) | (_, Err(error)) => Err(unsupported(
                format!("compile the system call filter: {error}"),
                "infield runs on x86_64, aarch64 and riscv64",
            )),
        }
    }

    /// Installs both for the calling process.
    pub(crate) fn install(&self) -> std::io::Result<()> {
        self.0.iter().try_for_each(|program| crate::sys::install_filter(program))
    }
}

fn compile(
    tables: &[&[Line]],
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for line in tables.iter().copied().flatten() {
        for (_, number) in line.calls {
            rules.insert(*number, conditions(line.when)?);
        }
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, otherwise, listed, arch)?;
    Ok(BpfProgram::try_from(filter)?)
}

/// Any of the rules must hold; all conditions of a rule must. No rule at all means always.
fn conditions(when: When) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let dword = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    };
    let is =
        |argument, value: i32| dword(argument, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()));
    let is_not = |argument, value: u64| dword(argument, SeccompCmpOp::Ne, value);
    let without =
        |mask| SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), 0);
    let rules = match when {
        When::Always => vec![],
        When::NoNewNamespace => vec![vec![without(NEW_NAMESPACES)?]],
        When::NoNewNamespaceEither => vec![vec![without(NEW_NAMESPACES | NEW_TIME)?]],
        When::NoTerminalInjection => {
            vec![vec![is_not(1, libc::TIOCSTI)?, is_not(1, libc::TIOCLINUX)?]]
        }
        When::KnownFamily => vec![
            vec![is(0, libc::AF_UNIX)?],
            vec![is(0, libc::AF_INET)?],
            vec![is(0, libc::AF_INET6)?],
            vec![is(0, libc::AF_NETLINK)?, is(2, libc::NETLINK_ROUTE)?],
        ],
        When::UnixPair => vec![vec![is(0, libc::AF_UNIX)?]],
        When::DefaultPersonality => vec![vec![is(0, 0)?], vec![is(0, -1)?]],
    };
    Ok(rules.into_iter().map(SeccompRule::new).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
