//! A repository, asked and changed step by step, with answers that programs read.
//!
//! A credential reaches git in the environment of that one process, by way of a helper that git
//! asks: it is in no argument, no file and no log.

mod answers;
mod lines;
mod steps;

use std::collections::BTreeMap;

use infield_domain::command::Stdin;
use infield_domain::{Error, GuestPath, Permission, Principal, Result};

use crate::Engine;
use crate::inside::Inside;
use crate::toolbox::ask::{Question, Said, ask};
use crate::toolbox::git::{ENVIRONMENT, SETTINGS, check_remote, without_credentials};

pub use answers::{
    Branches, Change, Commit, RemoteAddress, State, Status, branches, history, remotes, status,
};
pub use steps::{Exchange, Local, NewRepository, Reset, Scope, Setting, Step};

#[cfg(test)]
mod tests;

/// For a step that stays inside, and for one that speaks to another repository.
const HERE_MS: u64 = 120_000;
const FAR_MS: u64 = 1_800_000;
/// Answers git's question for a credential from the environment, gitcredentials(7).
const HELPER: &str = "!f() { test \"$1\" = get && \
    printf 'username=%s\\npassword=%s\\n' \"$INFIELD_GIT_USERNAME\" \"$INFIELD_GIT_PASSWORD\"; }; f";

/// What to do with a repository.
pub struct RepositoryRequest {
    /// Where it is; none for what is of no repository.
    pub path: Option<GuestPath>,
    /// What.
    pub step: Step,
    /// What remotes are shown.
    pub credential: Option<Credential>,
}

/// A name and a password, or a token in its place.
pub struct Credential {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// What git answered, or why it refused.
pub type RepositoryAnswer = std::result::Result<String, Refusal>;

/// Why git refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason.
    pub reason: Reason,
    /// Its own words.
    pub message: String,
}

/// Reasons for which git refuses, by its own words, which `LC_ALL` keeps in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The remote wants a credential, or another one.
    Authentication,
    /// There is no repository.
    NoRepository,
    /// There is no such branch or commit.
    NoBranch,
    /// The branch is there already.
    BranchExists,
    /// The remote has commits that are not here.
    PushRejected,
    /// The remote refuses by a rule of its own.
    RemoteRejected,
    /// Changes that nobody recorded would be lost.
    DirtyWorktree,
    /// Both sides changed the same lines.
    Conflict,
    /// The remote cannot be reached.
    Transport,
    /// Anything else.
    Other,
}

impl Engine {
    /// Does one thing with a repository. Needs `execute`.
    pub async fn repository(
        &self,
        who: &Principal,
        sandbox: &str,
        request: RepositoryRequest,
    ) -> Result<RepositoryAnswer> {
        let action = request.step.action();
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            if let Some(url) = request.step.address() {
                check_remote(url, &inside.sandbox.spec.network)?;
            }
            run(&inside, &request).await
        };
        let result = result.await;
        let detail = request.path.as_ref().map_or("", GuestPath::as_str);
        self.noted_inside(who, (action, sandbox, detail), result)
    }
}

async fn run(inside: &Inside, request: &RepositoryRequest) -> Result<RepositoryAnswer> {
    let mut stdout = String::new();
    for part in request.step.parts(request.path.as_ref())? {
        let said = ask(inside, question(request, part.argv, part.stdin)).await?;
        if said.exit_code != 0 && !part.may_fail {
            return Ok(Err(refusal(&said)));
        }
        stdout = String::from_utf8_lossy(&said.stdout).into_owned();
    }
    Ok(Ok(stdout))
}

fn question(request: &RepositoryRequest, argv: Vec<String>, stdin: Option<String>) -> Question {
    let mut line = vec!["git".to_owned()];
    for setting in SETTINGS {
        line.extend(["-c".to_owned(), setting.to_owned()]);
    }
    let variables = ENVIRONMENT.iter();
    let mut environment: BTreeMap<String, String> =
        variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if let Some(Credential { username, password }) = &request.credential {
        // The empty one takes away the helpers that are configured.
        for setting in ["credential.helper=", &format!("credential.helper={HELPER}")] {
            line.extend(["-c".to_owned(), setting.to_owned()]);
        }
        environment.insert("INFIELD_GIT_USERNAME".to_owned(), username.clone());
        environment.insert("INFIELD_GIT_PASSWORD".to_owned(), password.clone());
    }
    line.extend(argv);
    Question {
        argv: line,
        user: request.step.needs_root().then(|| "root".to_owned()),
        folder: None,
        environment,
        stdin: stdin.map_or(Stdin::Empty, |text| Stdin::Bytes(text.into())),
        timeout_ms: if request.step.is_far() { FAR_MS } else { HERE_MS },
    }
}

/// The first fitting words decide.
const REASONS: &[(&str, Reason)] = &[
    ("Authentication failed", Reason::Authentication),
    ("could not read Username", Reason::Authentication),
    ("could not read Password", Reason::Authentication),
    ("returned error: 401", Reason::Authentication),
    ("returned error: 403", Reason::Authentication),
    ("Permission denied (publickey", Reason::Authentication),
    ("[remote rejected]", Reason::RemoteRejected),
    ("[rejected]", Reason::PushRejected),
    ("would be overwritten", Reason::DirtyWorktree),
    ("commit your changes or stash", Reason::DirtyWorktree),
    ("CONFLICT (", Reason::Conflict),
    ("unmerged files", Reason::Conflict),
    ("fix conflicts", Reason::Conflict),
    ("not a git repository", Reason::NoRepository),
    ("does not appear to be a git repository", Reason::NoRepository),
    ("cannot change to", Reason::NoRepository),
    ("returned error: 404", Reason::NoRepository),
    ("Remote branch", Reason::NoBranch),
    ("couldn't find remote ref", Reason::NoBranch),
    ("invalid reference", Reason::NoBranch),
    ("bad revision", Reason::NoBranch),
    ("src refspec", Reason::NoBranch),
    ("Could not resolve host", Reason::Transport),
    ("Failed to connect", Reason::Transport),
    ("unable to access", Reason::Transport),
    ("Connection refused", Reason::Transport),
    ("Could not read from remote", Reason::Transport),
];

/// How git and servers say that there is none.
const MISSING: [&str; 2] = ["not found", "does not exist"];

fn refusal(said: &Said) -> Refusal {
    let text = format!(
        "{}\n{}",
        String::from_utf8_lossy(&said.stderr),
        String::from_utf8_lossy(&said.stdout)
    );
    let known = REASONS.iter().find(|(words, _)| text.contains(words));
    let reason = match known {
        Some((_, reason)) => *reason,
        None if text.contains("branch") && text.contains("already exists") => Reason::BranchExists,
        None if text.contains("branch '") && text.contains("not found") => Reason::NoBranch,
        None if text.contains("repository") && MISSING.iter().any(|w| text.contains(w)) => {
            Reason::NoRepository
        }
        None => Reason::Other,
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("hint:")).take(8);
    let message: String = lines.collect::<Vec<_>>().join("; ");
    let message: String = without_credentials(&message)
        .chars()
        .filter(|letter| !letter.is_control())
        .take(1_000)
        .collect();
    Refusal { reason, message }
}

/// Refuses what would end a line of git's own protocol for credentials.
fn one_line(text: &str) -> Result<&str> {
    if text.chars().any(char::is_control) {
        return Err(Error::invalid("a credential has one line"));
    }
    Ok(text)
}
