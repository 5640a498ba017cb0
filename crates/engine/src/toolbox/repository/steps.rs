//! What can be done with a repository. How git is asked for it is in [`super::lines`].

use infield_domain::GuestPath;

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Step {
    /// Makes a repository.
    New(NewRepository),
    /// Speaks of, or to, other repositories.
    Exchange(Exchange),
    /// Reads or changes settings.
    Setting(Setting),
    /// Stays in one repository.
    Local(Local),
}

/// A repository that is made.
#[derive(Clone, Debug)]
pub enum NewRepository {
    /// Brings a repository in.
    Clone {
        /// From where.
        url: String,
        /// Which branch.
        branch: Option<String>,
        /// Which commit of it.
        commit: Option<String>,
        /// How many commits; every one when it is missing.
        depth: Option<u32>,
        /// Whether the remote's certificate is not looked at.
        unchecked_tls: bool,
    },
    /// Makes a repository.
    Init {
        /// Without a worktree.
        bare: bool,
        /// The name of the first branch.
        branch: Option<String>,
    },
}

/// What has to do with other repositories.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// Brings commits in and merges them.
    Pull {
        /// From where.
        remote: Option<String>,
        /// Which branch.
        branch: Option<String>,
    },
    /// Sends commits.
    Push {
        /// To where.
        remote: Option<String>,
        /// Which branch.
        branch: Option<String>,
        /// Whether later pulls come from there.
        upstream: bool,
    },
    /// The remotes; [`super::remotes`] reads the answer.
    Remotes,
    /// Names another repository.
    AddRemote {
        /// The name.
        name: String,
        /// Where it is.
        url: String,
        /// Whether its commits are brought in.
        fetch: bool,
        /// Whether another one of this name gives way.
        overwrite: bool,
    },
}

/// What is set.
#[derive(Clone, Debug)]
pub enum Setting {
    /// A setting; the answer is empty when nobody set it.
    GetConfig(Scope, String),
    /// Sets settings.
    SetConfig(Scope, Vec<(String, String)>),
    /// Keeps a credential in the user's home, in plain text.
    StoreCredential {
        /// Such as `https`.
        protocol: String,
        /// For which host.
        host: String,
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
}

/// What stays in one repository.
#[derive(Clone, Debug)]
pub enum Local {
    /// Takes changes up for the next commit.
    Add {
        /// Which.
        files: Vec<GuestPath>,
    },
    /// Asks for the branches; [`super::branches`] reads the answer.
    Branches,
    /// Makes a branch.
    CreateBranch(String),
    /// Removes a branch.
    DeleteBranch(String),
    /// Switches to a branch or a commit.
    Checkout(String),
    /// Records what was added; the answer is the commit's hash.
    Commit {
        /// Why.
        message: String,
        /// Who wrote it.
        author: String,
        /// And their address.
        email: String,
        /// Also when nothing changed.
        may_be_empty: bool,
    },
    /// The history; [`super::history`] reads the answer.
    History,
    /// Moves back.
    Reset {
        /// What moves.
        what: Reset,
        /// To where; the last commit when it is missing.
        target: Option<String>,
    },
    /// Brings files back.
    Restore {
        /// Which.
        files: Vec<GuestPath>,
        /// In what is taken up for the next commit.
        staged: bool,
        /// In the worktree.
        worktree: bool,
        /// As they were there.
        source: Option<String>,
    },
    /// What is changed; [`super::status`] reads the answer.
    Status,
}

/// What a reset moves.
#[derive(Clone, Debug)]
pub enum Reset {
    /// The branch, and by this word what else.
    Branch(String),
    /// What is taken up of these files.
    Files(Vec<GuestPath>),
}

/// Where a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The user's own.
    Global,
    /// The repository's.
    Local,
    /// Everybody's.
    System,
}

impl Step {
    /// How the audit trail calls it.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::New(NewRepository::Clone { .. }) => "git.clone",
            Self::New(NewRepository::Init { .. }) => "git.init",
            Self::Exchange(Exchange::Pull { .. }) => "git.pull",
            Self::Exchange(Exchange::Push { .. }) => "git.push",
            Self::Exchange(Exchange::Remotes | Exchange::AddRemote { .. }) => "git.remote",
            Self::Setting(Setting::GetConfig(..) | Setting::SetConfig(..)) => "git.config",
            Self::Setting(Setting::StoreCredential { .. }) => "git.credential",
            Self::Local(local) => local.action(),
        }
    }

    /// The address of another repository that it names.
    pub(super) fn address(&self) -> Option<&str> {
        match self {
            Self::New(NewRepository::Clone { url, .. })
            | Self::Exchange(Exchange::AddRemote { url, .. }) => Some(url),
            Self::Exchange(Exchange::Pull { remote, .. } | Exchange::Push { remote, .. }) => {
                remote.as_deref().filter(|remote| remote.contains(['/', ':']))
            }
            Self::New(NewRepository::Init { .. })
            | Self::Exchange(Exchange::Remotes)
            | Self::Setting(_)
            | Self::Local(_) => None,
        }
    }

    /// Whether it may speak to another repository, which takes its time.
    pub(super) fn is_far(&self) -> bool {
        match self {
            Self::New(NewRepository::Clone { .. })
            | Self::Exchange(Exchange::Pull { .. } | Exchange::Push { .. }) => true,
            Self::Exchange(Exchange::AddRemote { fetch, .. }) => *fetch,
            Self::New(NewRepository::Init { .. })
            | Self::Exchange(Exchange::Remotes)
            | Self::Setting(_)
            | Self::Local(_) => false,
        }
    }

    /// Whether only root may do it.
    pub(super) fn needs_root(&self) -> bool {
        matches!(self, Self::Setting(Setting::SetConfig(Scope::System, _)))
    }
}

impl Local {
    fn action(&self) -> &'static str {
        match self {
            Self::Add { .. } => "git.add",
            Self::Branches | Self::CreateBranch(_) | Self::DeleteBranch(_) => "git.branch",
            Self::Checkout(_) => "git.checkout",
            Self::Commit { .. } => "git.commit",
            Self::History => "git.log",
            Self::Reset { .. } => "git.reset",
            Self::Restore { .. } => "git.restore",
            Self::Status => "git.status",
        }
    }
}
