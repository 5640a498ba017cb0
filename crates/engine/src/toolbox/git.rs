//! git inside a sandbox, by argv. Nothing of the host's git has a part in it.

mod remote;

use infield_domain::command::{OnDisconnect, StoppedBy};
use infield_domain::files::Removal;
use infield_domain::network::Policy;
use infield_domain::{Error, GuestPath, Kind, Permission, Principal, Result};
use tokio_util::sync::CancellationToken;

use crate::gate::clipped;
use crate::inside::Inside;
use crate::run::{Program, Start};
pub(crate) use crate::toolbox::git::remote::check as check_remote;
pub(super) use crate::toolbox::git::remote::without_credentials;
use crate::{
    Collect, CommandLine, Engine, HIGHEST_MAX_CHARS, Outcome, RunOptions, Shown, Target, TimeLimit,
    refused_sentence,
};

/// Transports that git may use at all; `ext` and others run programs of the remote's choice.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "true"),
    ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    ("LC_ALL", "C.UTF-8"),
    ("LANGUAGE", ""),
];
/// Everything inside a sandbox is of one trust, whichever of its users owns a folder; and a
/// commit without an author shall fail rather than make one up of the host name.
pub(super) const SETTINGS: [&str; 4] =
    ["safe.directory=*", "user.useConfigOnly=true", "color.ui=false", "core.quotePath=false"];
/// The author of commits where nobody is configured.
const DEFAULT_IDENTITY: [&str; 2] = ["user.name=infield", "user.email=infield@localhost"];
const ORIGIN: &str = "origin";
/// The longest time limit, and how long git's end is waited for after it.
const LONGEST_MS: u64 = 3_600_000;
const AFTER_LIMIT_MS: u64 = 5_000;

/// What git shall do, and where.
#[derive(Clone, Debug)]
pub struct GitRequest {
    /// What.
    pub operation: GitOperation,
    /// In which folder; the sandbox's working directory when there is none.
    pub working_directory: Option<GuestPath>,
    /// How long it may take, in milliseconds; at most 3,600,000.
    pub timeout_ms: u64,
}

/// What git can do.
#[derive(Clone, Debug)]
pub enum GitOperation {
    /// Brings a repository in.
    Clone {
        /// Where it is.
        url: String,
        /// Which branch; the remote's own choice when there is none.
        branch: Option<String>,
        /// Where it goes; git's own choice when there is none.
        path: Option<GuestPath>,
    },
    /// Brings commits in and merges them.
    Pull {
        /// From where; the upstream when there is none.
        remote: Option<String>,
        /// Which branch; needs a remote.
        branch: Option<String>,
    },
    /// Sends commits, and sets the upstream when there is none.
    Push {
        /// To where; `origin` when there is none.
        remote: Option<String>,
        /// Which branch; the present one when there is none.
        branch: Option<String>,
    },
    /// What is changed.
    Status,
    /// Records what was added.
    Commit {
        /// Why.
        message: String,
        /// Adds every change first, new files too.
        all: bool,
    },
    /// Switches to a branch or a commit.
    Checkout {
        /// Which.
        reference: String,
        /// Makes the branch.
        create: bool,
    },
    /// Lists the branches, or makes one.
    Branch {
        /// Which to make; none lists them.
        name: Option<String>,
    },
    /// The last commits.
    Log {
        /// How many, 1 to 1,000.
        limit: u32,
    },
    /// What is changed, line by line.
    Diff {
        /// What was added, and not what was not.
        staged: bool,
    },
    /// Takes changes up for the next commit.
    Add {
        /// Which; every change when empty.
        paths: Vec<GuestPath>,
    },
    /// Makes a repository.
    Init,
}

/// What git said.
#[derive(Clone, Debug)]
pub struct GitOutcome {
    /// Whether it succeeded.
    pub success: bool,
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote to standard output.
    pub stdout: Shown,
    /// What it wrote to standard error.
    pub stderr: Shown,
    /// What the network refused meanwhile, as a sentence.
    pub refused: Option<String>,
}

impl Engine {
    /// Runs one git operation and waits for its end. Needs `execute`.
    pub async fn git(
        &self,
        who: &Principal,
        sandbox: &str,
        request: GitRequest,
    ) -> Result<GitOutcome> {
        let action = action(&request.operation);
        let place = Place { engine: self, who, sandbox, request: &request };
        // What is refused before git runs has no record yet.
        let checked = match place.check().await {
            Err(error) => self.noted_inside(who, (action, sandbox, ""), Err(error)),
            checked => checked,
        };
        let (steps, debris) = checked?;
        let mut outcome = place.run_all(&steps, &[]).await?;
        if steps.identity && !outcome.success && lacks_identity(&outcome) {
            outcome = place.run_all(&steps, &DEFAULT_IDENTITY).await?;
        }
        if let Some(path) = debris.filter(|_| !outcome.success) {
            place.remove_clone(&path).await?;
        }
        Ok(outcome)
    }
}

/// A git operation and where it happens.
struct Place<'a> {
    engine: &'a Engine,
    who: &'a Principal,
    sandbox: &'a str,
    request: &'a GitRequest,
}

impl Place<'_> {
    async fn check(&self) -> Result<(Steps, Option<GuestPath>)> {
        self.who.require(Permission::Execute)?;
        if !(1..=LONGEST_MS).contains(&self.request.timeout_ms) {
            return Err(Error::invalid("the time limit of git is out of range")
                .with_hint("choose 1 to 3,600 s"));
        }
        let steps = steps(&self.request.operation)?;
        self.check_remote().await?;
        Ok((steps, self.new_clone().await?))
    }

    async fn run_all(&self, steps: &Steps, settings: &[&str]) -> Result<GitOutcome> {
        if let Some(first) = &steps.first {
            let outcome = self.run(first, settings).await?;
            if !outcome.success {
                return Ok(outcome);
            }
        }
        self.run(&steps.argv, settings).await
    }

    async fn run(&self, argv: &[String], settings: &[&str]) -> Result<GitOutcome> {
        let mut line = vec!["git".to_owned()];
        for setting in SETTINGS.iter().chain(settings) {
            line.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        line.extend(argv.iter().cloned());
        let mut options = RunOptions::standard();
        options.working_directory = self.request.working_directory.clone();
        options.time_limit = TimeLimit::After(self.request.timeout_ms);
        options.on_disconnect = OnDisconnect::Kill;
        let variables = ENVIRONMENT.iter();
        options.environment =
            variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let start = Start {
            target: Target::Existing(self.sandbox.to_owned()),
            program: Program::Command(CommandLine::Argv(line)),
            options,
            action: action(&self.request.operation),
            shown: without_credentials(&argv.join(" ")),
        };
        let run = self.engine.start(self.who, start).await?;
        let collected = run
            .collect(Collect {
                foreground_ms: self.request.timeout_ms.saturating_add(AFTER_LIMIT_MS),
                max_chars: HIGHEST_MAX_CHARS,
                cancel: CancellationToken::new(),
                on_progress: None,
            })
            .await?;
        outcome(collected, self.request.timeout_ms)
    }

    /// Refuses a remote that is not inside, before git makes anything.
    async fn check_remote(&self) -> Result<()> {
        match &self.request.operation {
            GitOperation::Clone { url, .. } => remote::check(url, &self.policy()?),
            GitOperation::Pull { remote, .. } => self.check_named(remote.as_deref(), &[]).await,
            GitOperation::Push { remote, .. } => {
                let name = remote.as_deref().unwrap_or(ORIGIN);
                self.check_named(Some(name), &["remote", "get-url", "--push", "--all"]).await
            }
            GitOperation::Status
            | GitOperation::Commit { .. }
            | GitOperation::Checkout { .. }
            | GitOperation::Branch { .. }
            | GitOperation::Log { .. }
            | GitOperation::Diff { .. }
            | GitOperation::Add { .. }
            | GitOperation::Init => Ok(()),
        }
    }

    /// Asks git for the address behind a remote's name, with its own rewriting rules, and checks
    /// that. What git says is the guest's word; the network's policy holds whatever it says.
    async fn check_named(&self, remote: Option<&str>, query: &[&str]) -> Result<()> {
        if let Some(text) = remote.filter(|text| text.contains(['/', ':'])) {
            return remote::check(text, &self.policy()?);
        }
        let query = if query.is_empty() { &["ls-remote", "--get-url"] } else { query };
        let mut argv: Vec<String> = query.iter().map(|part| (*part).to_owned()).collect();
        argv.push("--".to_owned());
        argv.extend(remote.map(str::to_owned));
        let answer = self.run(&argv, &[]).await?;
        if !answer.success {
            // There is no such remote, or no repository: git itself says it best.
            return Ok(());
        }
        let policy = self.policy()?;
        answer
            .stdout
            .text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .filter(|line| *line != ORIGIN)
            .try_for_each(|line| remote::check(line, &policy))
    }

    fn policy(&self) -> Result<Policy> {
        let seat = self.engine.registry().find(self.who, self.sandbox)?;
        Ok(seat.sandbox().spec.network.clone())
    }

    /// Where a clone goes, if nothing is there yet.
    async fn new_clone(&self) -> Result<Option<GuestPath>> {
        let GitOperation::Clone { url, path, .. } = &self.request.operation else {
            return Ok(None);
        };
        let path = match path {
            Some(path) => path.clone(),
            None => match remote::folder_of(url) {
                Some(folder) => folder.parse()?,
                None => return Ok(None),
            },
        };
        let inside = self.engine.enter(self.who, Permission::Execute, self.sandbox).await?;
        let path = self.beneath(&inside, &path)?;
        match inside.guest.stat(&path).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(Some(path)),
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A path as git resolves it: relative to where git runs.
    fn beneath(&self, inside: &Inside, path: &GuestPath) -> Result<GuestPath> {
        match &self.request.working_directory {
            Some(folder) if !path.as_str().starts_with('/') => {
                let folder = inside.path(folder)?;
                format!("{}/{path}", folder.as_str().trim_end_matches('/')).parse()
            }
            Some(_) | None => inside.path(path),
        }
    }

    async fn remove_clone(&self, path: &GuestPath) -> Result<()> {
        let inside = self.engine.enter(self.who, Permission::Execute, self.sandbox).await?;
        match inside.guest.remove(path, Removal::Tree).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// The arguments of one operation.
struct Steps {
    /// What must succeed before.
    first: Option<Vec<String>>,
    argv: Vec<String>,
    /// Whether it makes a commit, which needs an author.
    identity: bool,
}

fn steps(operation: &GitOperation) -> Result<Steps> {
    let mut identity = false;
    let mut first = None;
    let mut line = Line::default();
    match operation {
        GitOperation::Clone { .. } | GitOperation::Pull { .. } | GitOperation::Push { .. } => {
            identity = matches!(operation, GitOperation::Pull { .. });
            line.add_remote(operation)?;
        }
        GitOperation::Status => line.add(&["status", "--short", "--branch"]),
        GitOperation::Commit { message, all } => {
            identity = true;
            if message.trim().is_empty() {
                return Err(Error::invalid("a commit needs a message"));
            }
            line.add(&["commit", &format!("--message={message}")]);
            if *all {
                // Takes up new files too, which `--all` does not.
                first = Some(vec!["add".to_owned(), "--all".to_owned()]);
            }
        }
        GitOperation::Checkout { reference, create: false } => {
            line.add(&["checkout", named(reference)?, "--"]);
        }
        GitOperation::Checkout { reference, create: true } => {
            line.add(&["checkout", "-b", named(reference)?]);
        }
        GitOperation::Branch { name: None } => line.add(&["branch", "--all", "--verbose"]),
        GitOperation::Branch { name: Some(name) } => line.add(&["branch", "--", named(name)?]),
        GitOperation::Log { limit } => {
            let count = format!("--max-count={}", (*limit).clamp(1, 1_000));
            line.add(&["log", &count, "--date=iso-strict", "--format=%h %ad %an: %s%d"]);
        }
        GitOperation::Diff { staged } => {
            line.add(&["diff", "--no-ext-diff"]);
            line.add(if *staged { &["--staged"] } else { &[] });
        }
        GitOperation::Add { paths } if paths.is_empty() => line.add(&["add", "--all"]),
        GitOperation::Add { paths } => {
            line.add(&["add", "--"]);
            line.add(&paths.iter().map(GuestPath::as_str).collect::<Vec<_>>());
        }
        GitOperation::Init => line.add(&["init", "--initial-branch=main"]),
    }
    Ok(Steps { first, argv: line.argv, identity })
}

#[derive(Default)]
struct Line {
    argv: Vec<String>,
}

impl Line {
    /// What speaks to another repository; nothing for what does not.
    fn add_remote(&mut self, operation: &GitOperation) -> Result<()> {
        if let GitOperation::Clone { url, branch, path } = operation {
            self.add(&["clone"]);
            if let Some(branch) = branch {
                self.add(&["--branch", named(branch)?]);
            }
            self.add(&["--", url]);
            self.add(&path.iter().map(GuestPath::as_str).collect::<Vec<_>>());
        }
        if let GitOperation::Pull { remote, branch } = operation {
            self.add(&["pull", "--no-edit", "--no-rebase"]);
            match (remote, branch) {
                (None, None) => {}
                (Some(remote), None) => self.add(&["--", named(remote)?]),
                (remote, Some(branch)) => {
                    let remote = remote.as_deref().unwrap_or(ORIGIN);
                    self.add(&["--", named(remote)?, named(branch)?]);
                }
            }
        }
        if let GitOperation::Push { remote, branch } = operation {
            let remote = remote.as_deref().unwrap_or(ORIGIN);
            let branch = branch.as_deref().unwrap_or("HEAD");
            self.add(&["push", "--set-upstream", "--", named(remote)?, named(branch)?]);
        }
        Ok(())
    }

    fn add(&mut self, parts: &[&str]) {
        self.argv.extend(parts.iter().map(|part| (*part).to_owned()));
    }
}

/// A name that git cannot take for an option.
pub(super) fn named(name: &str) -> Result<&str> {
    if name.is_empty() || name.starts_with('-') || name.chars().any(char::is_control) {
        let shown = clipped(name);
        return Err(Error::invalid(format!("`{shown}` cannot be a name in git"))
            .with_hint("a name is not empty and does not begin with `-`"));
    }
    Ok(name)
}

fn action(operation: &GitOperation) -> &'static str {
    match operation {
        GitOperation::Clone { .. } => "git.clone",
        GitOperation::Pull { .. } => "git.pull",
        GitOperation::Push { .. } => "git.push",
        GitOperation::Status => "git.status",
        GitOperation::Commit { .. } => "git.commit",
        GitOperation::Checkout { .. } => "git.checkout",
        GitOperation::Branch { .. } => "git.branch",
        GitOperation::Log { .. } => "git.log",
        GitOperation::Diff { .. } => "git.diff",
        GitOperation::Add { .. } => "git.add",
        GitOperation::Init => "git.init",
    }
}

/// By the words of git itself, which `LC_ALL` keeps in English.
fn lacks_identity(outcome: &GitOutcome) -> bool {
    let words = ["auto-detection is disabled", "Please tell me who you are", "empty ident name"];
    words.iter().any(|words| outcome.stderr.text.contains(words))
}

fn outcome(collected: Outcome, timeout_ms: u64) -> Result<GitOutcome> {
    let Some(ending) = collected.ending else {
        return Err(Error::timeout("git has not ended in its time"));
    };
    if ending.stopped_by == Some(StoppedBy::Timeout) {
        return Err(Error::timeout(format!("git took longer than {} s", timeout_ms / 1_000))
            .with_hint("allow it more time"));
    }
    let refused = refused_sentence(&collected.sandbox, &collected.refusals);
    let shown = |shown: Shown| Shown { text: without_credentials(&shown.text), ..shown };
    Ok(GitOutcome {
        success: ending.exit_code == 0,
        exit_code: ending.exit_code,
        stdout: shown(collected.stdout),
        stderr: shown(collected.stderr),
        refused,
    })
}

#[cfg(test)]
mod tests;
