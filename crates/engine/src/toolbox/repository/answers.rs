//! What git's answers say. They are the guest's word: whatever they hold, reading them ends.

/// The state of a worktree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The branch; empty when there is none.
    pub branch: String,
    /// Whether a commit is checked out and no branch.
    pub detached: bool,
    /// Where the branch is pulled from.
    pub upstream: Option<String>,
    /// Commits that are here and not there; none when the upstream has no such branch.
    pub ahead: Option<u64>,
    /// Commits that are there and not here.
    pub behind: Option<u64>,
    /// Files that are not as in the last commit.
    pub changes: Vec<Change>,
}

/// A file that is not as in the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path.
    pub name: String,
    /// Its former path, when it was renamed or copied.
    pub former: Option<String>,
    /// What is taken up for the next commit.
    pub staging: State,
    /// What is not.
    pub worktree: State,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Unmodified,
    /// Git does not know it.
    Untracked,
    /// It has another content or kind.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// It has another name.
    Renamed,
    /// It came of another one.
    Copied,
    /// Both sides of a merge changed it.
    Unmerged,
}

/// The branches of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branches {
    /// Their names.
    pub names: Vec<String>,
    /// The one that is checked out.
    pub current: Option<String>,
}

/// A commit of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub hash: String,
    /// Who wrote it.
    pub author: String,
    /// And their address.
    pub email: String,
    /// When, as RFC 3339 has it.
    pub at: String,
    /// Why.
    pub message: String,
}

/// Another repository that has a name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
}

/// Reads the answer to [`super::Local::Status`].
pub fn status(text: &str) -> Status {
    let mut status = Status::default();
    let mut records = text.split('\0');
    while let Some(record) = records.next() {
        if let Some(header) = record.strip_prefix("# branch.") {
            read_header(&mut status, header);
            continue;
        }
        let (kind, rest) = record.split_once(' ').unwrap_or(("", ""));
        // The number of words before the path, git-status(1), "Porcelain Format Version 2".
        let (words, renamed) = match kind {
            "1" => (7, false),
            "2" => (8, true),
            "u" => (9, false),
            "?" => (0, false),
            _ => continue,
        };
        let Some(name) = rest.splitn(words + 1, ' ').nth(words) else { continue };
        let mut letters = rest.chars();
        let (staging, worktree) = match kind {
            "?" => (State::Untracked, State::Untracked),
            "u" => (State::Unmerged, State::Unmerged),
            _ => (state(letters.next()), state(letters.next())),
        };
        let former = if renamed { records.next().map(str::to_owned) } else { None };
        status.changes.push(Change { name: name.to_owned(), former, staging, worktree });
    }
    status
}

fn read_header(status: &mut Status, header: &str) {
    match header.split_once(' ') {
        Some(("head", "(detached)")) => status.detached = true,
        Some(("head", name)) => name.clone_into(&mut status.branch),
        Some(("upstream", name)) => status.upstream = Some(name.to_owned()),
        Some(("ab", counts)) => {
            let mut counts =
                counts.split(' ').map(|count| count.trim_start_matches(['+', '-']).parse().ok());
            status.ahead = counts.next().flatten();
            status.behind = counts.next().flatten();
        }
        Some(_) | None => {}
    }
}

fn state(letter: Option<char>) -> State {
    match letter {
        Some('M' | 'T') => State::Modified,
        Some('A') => State::Added,
        Some('D') => State::Deleted,
        Some('R') => State::Renamed,
        Some('C') => State::Copied,
        Some('U') => State::Unmerged,
        Some(_) | None => State::Unmodified,
    }
}

/// Reads the answer to [`super::Local::Branches`].
pub fn branches(text: &str) -> Branches {
    let mut branches = Branches::default();
    for line in text.lines() {
        let mut letters = line.chars();
        let is_current = letters.next() == Some('*');
        let name = letters.as_str().to_owned();
        if is_current {
            branches.current = Some(name.clone());
        }
        branches.names.push(name);
    }
    branches
}

/// Reads the answer to [`super::Local::History`].
pub fn history(text: &str) -> Vec<Commit> {
    let commits = text.split('\0').filter_map(|record| {
        let mut fields = record.splitn(5, '\x1f').map(str::to_owned);
        Some(Commit {
            hash: fields.next().filter(|hash| !hash.is_empty())?,
            author: fields.next()?,
            email: fields.next()?,
            at: fields.next()?,
            message: fields.next()?.trim_end().to_owned(),
        })
    });
    commits.collect()
}

/// Reads the answer to [`super::Exchange::Remotes`].
pub fn remotes(text: &str) -> Vec<RemoteAddress> {
    let lines = text.lines().filter_map(|line| {
        let (name, rest) = line.strip_suffix(" (fetch)")?.split_once('\t')?;
        Some(RemoteAddress { name: name.to_owned(), url: rest.to_owned() })
    });
    lines.collect()
}
