//! Variables of a sandbox that are changed while it lives; processes that start later see them.

use std::collections::BTreeMap;
use std::time::Duration;

use infield_domain::sandbox::Spec;
use infield_domain::{GuestPath, Permission, Principal, Result};

use crate::create::{check_environment, check_pairs};
use crate::driver::Change;
use crate::sandboxes::masked;
use crate::{CommandLine, Engine, RunCommand, RunOptions, Target, TimeLimit};

/// How long the driver may take to record a change.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);
/// How long a shell may take to say where its home is, in milliseconds.
const HOME_LIMIT_MS: u64 = 10_000;

/// What becomes of a sandbox's variables.
#[derive(Clone, Debug, Default)]
pub struct ChangeEnvironment {
    /// These are set.
    pub set: BTreeMap<String, String>,
    /// These are taken away.
    pub unset: Vec<String>,
    /// Those whose value begins with this are taken away.
    pub unset_value_prefix: Option<String>,
}

impl Engine {
    /// Changes the variables of a sandbox; gives those that it has then, with masked values. Needs
    /// `execute`.
    pub async fn change_environment(
        &self,
        who: &Principal,
        sandbox: &str,
        change: ChangeEnvironment,
    ) -> Result<BTreeMap<String, String>> {
        let names: Vec<_> = change.set.keys().chain(&change.unset).cloned().collect();
        let result = self.set_environment(who, sandbox, change).await;
        self.noted_inside(who, ("sandbox.environment", sandbox, &names.join(" ")), result)
    }

    /// The home folder of a sandbox's user, as a shell of theirs knows it. Needs `execute`.
    pub async fn home_directory(&self, who: &Principal, sandbox: &str) -> Result<String> {
        let run = RunCommand {
            target: Target::Existing(sandbox.to_owned()),
            command: CommandLine::Shell("printf %s ~".to_owned()),
            options: RunOptions {
                time_limit: TimeLimit::After(HOME_LIMIT_MS),
                ..RunOptions::standard()
            },
        };
        let told = self.execute_command(who, run).await?.output;
        let home: GuestPath = told.parse()?;
        Ok(home.into())
    }

    async fn set_environment(
        &self,
        who: &Principal,
        sandbox: &str,
        change: ChangeEnvironment,
    ) -> Result<BTreeMap<String, String>> {
        who.require(Permission::Execute)?;
        check_environment(&change.set)?;
        let seat = self.registry().find(who, sandbox)?;
        let changed = seat.change(Change::Environment(change), CHANGE_LIMIT).await?;
        Ok(masked(&changed).spec.environment)
    }
}

impl ChangeEnvironment {
    /// Applies it, unless there would be too many variables then.
    pub(crate) fn apply(self, spec: &mut Spec) -> Result<()> {
        let mut all = spec.environment.clone();
        if let Some(prefix) = self.unset_value_prefix.filter(|prefix| !prefix.is_empty()) {
            all.retain(|_, value| !value.starts_with(&prefix));
        }
        all.retain(|name, _| !self.unset.contains(name));
        all.extend(self.set);
        check_pairs("variables", &all)?;
        spec.environment = all;
        Ok(())
    }
}
