//! The step that a clause becomes, once it is known what it asks for and where.

use super::Question;
use super::code;
use super::facts::{Clause, Piece};
use super::grammar::Operation;
use super::lexer::Kind;
use super::names::Whereabouts;
use super::planner::{Planner, Purpose, Request};
use super::slots;
use super::step::{
    FileOperation, FileVerb, GitOperation, GitVerb, NewSandbox, RunCode, RunShell, Step, Target,
};
use super::vocabulary::{Act, Place, Quality, Sense, Thing};

/// Adds what a clause asks for to the plan; false when it turns out to ask for nothing.
pub(super) fn build(
    planner: &mut Planner<'_>,
    request: Request<'_, '_, '_>,
) -> Result<bool, Question> {
    match request.operation {
        Operation::Create => {
            planner.make(request.fresh);
        }
        Operation::List => planner.steps.push(Step::ListSandboxes {}),
        Operation::Describe => {
            let sandbox_id = planner.target(&request.found, Purpose::Use)?;
            planner.steps.push(Step::GetSandboxInfo { sandbox_id });
        }
        Operation::Delete => return delete(planner, &request),
        Operation::Keep => planner.keep(&request.found),
        Operation::Run => run(planner, &request)?,
        Operation::Install => install(planner, &request)?,
        Operation::ReadFile
        | Operation::WriteFile
        | Operation::DeleteFile
        | Operation::ListFiles
        | Operation::Upload
        | Operation::Download => file(planner, &request)?,
        Operation::Clone => clone(planner, request)?,
        Operation::Pull
        | Operation::Push
        | Operation::Status
        | Operation::Commit
        | Operation::Checkout => git(planner, &request)?,
        Operation::Amend => return Ok(amend(planner, &request)),
        Operation::Foreign => {
            let said = "there is no operation for this; sandboxes can be created, listed, described and deleted";
            return Err(Question::about("operation", said));
        }
    }
    Ok(true)
}

fn delete(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<bool, Question> {
    let clause = &request.clause;
    let speaks_of_it = clause.has(Sense::It)
        || clause.has_thing(Thing::Sandbox)
        || clause.has_quality(Quality::Current)
        || clause.pieces.iter().any(|piece| !piece.is_free());
    if request.found == Whereabouts::Unsaid && !speaks_of_it {
        return Err(planner
            .target(&Whereabouts::All, Purpose::Destroy)
            .err()
            .unwrap_or_else(|| Question::about("sandbox_id", "which sandbox?")));
    }
    if request.found == Whereabouts::Unsaid && clause.has(Sense::It) && planner.last_path.is_some()
    {
        return Err(Question::about("file_path", "the file, or the sandbox?"));
    }
    let found =
        if request.found == Whereabouts::Fresh { &Whereabouts::Unsaid } else { &request.found };
    let sandbox_id = planner.target(found, Purpose::Destroy)?;
    if !planner.deleted.contains(&sandbox_id) {
        planner.deleted.push(sandbox_id.clone());
        planner.steps.push(Step::DeleteSandbox { sandbox_id });
    }
    Ok(true)
}

/// Where something runs: a sandbox that is made for it, if the clause says so.
fn place(
    planner: &mut Planner<'_>,
    request: &Request<'_, '_, '_>,
    purpose: Purpose,
    language: Option<&str>,
) -> Result<Target, Question> {
    let unsaid = request.found == Whereabouts::Unsaid && purpose == Purpose::RunCode;
    if request.found == Whereabouts::Fresh || (unsaid && planner.knows_nothing()) {
        let fresh = &request.fresh;
        let language = fresh.language.clone().or_else(|| language.map(str::to_owned));
        let new = NewSandbox {
            language,
            name: fresh.name.clone().filter(|_| request.raw.is_none()),
            persistent: fresh.persistent,
            ..NewSandbox::default()
        };
        return Ok(planner.make(new));
    }
    planner.target(&request.found, purpose)
}

fn run(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<(), Question> {
    let clause = &request.clause;
    let said = request.fresh.language.clone();
    let explicit = slots::languages(clause).first().map(|language| (*language).to_owned());
    let data = slots::data(clause);
    let block = data.iter().find(|at| clause.pieces[**at].kind == Kind::Block);
    let piece = block.or(data.first()).map(|at| &clause.pieces[*at]);
    let Some(text) =
        request.raw.or(piece.map(|piece| piece.value)).filter(|text| !text.trim().is_empty())
    else {
        return run_last_file(planner, request);
    };
    let piece = piece.filter(|_| request.raw.is_none());
    let fence = piece.and_then(|piece| piece.fence);
    let fenced = fence.and_then(code::fence_language).map(str::to_owned);
    let working_directory = request.folder.map(str::to_owned);
    if !is_code(clause, piece, text, explicit.as_deref()) {
        let sandbox_id = place(planner, request, Purpose::Use, said.as_deref())?;
        let command = text.to_owned();
        planner.steps.push(Step::ExecuteShell(RunShell { sandbox_id, command, working_directory }));
        return Ok(());
    }
    let looks = code::language_of(text).map(str::to_owned);
    let known = fenced.or(explicit).or(looks);
    let for_new = known.clone().or_else(|| said.clone()).unwrap_or_else(|| "python".to_owned());
    let sandbox_id = place(planner, request, Purpose::RunCode, Some(&for_new))?;
    let its = planner.language(&sandbox_id);
    let language = known.or(its).unwrap_or_else(|| "python".to_owned());
    let code = text.to_owned();
    planner.steps.push(Step::ExecuteCode(RunCode {
        sandbox_id,
        code,
        language,
        working_directory,
    }));
    Ok(())
}

/// Whether what is to run is a program; without a piece it stood unquoted.
fn is_code(
    clause: &Clause<'_, '_>,
    piece: Option<&Piece<'_>>,
    text: &str,
    explicit: Option<&str>,
) -> bool {
    let looks = code::looks_like_code(text);
    let first = text.split_whitespace().next().unwrap_or_default();
    let says_code = clause.has_thing(Thing::Code) && !clause.has_thing(Thing::Command);
    match piece {
        None => looks,
        Some(piece) => match piece.fence.map(code::fence_language) {
            Some(Some(language)) => language != "bash",
            Some(None) => false,
            None if clause.has_thing(Thing::Command) => false,
            None if explicit == Some("bash") => false,
            None if says_code || explicit.is_some() => true,
            None => looks && !code::is_program(first),
        },
    }
}

/// `run it`, behind a step that has a script.
fn run_last_file(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<(), Question> {
    let paths = slots::paths(request.clause);
    let path = paths.first().map(|at| request.clause.pieces[*at].value.to_owned());
    let refers = request.clause.has(Sense::It) || request.clause.has_thing(Thing::File);
    let path = path.or_else(|| planner.last_path.clone().filter(|_| refers));
    let runner = path.as_deref().and_then(|path| match path.rsplit('.').next()? {
        "py" => Some("python"),
        "js" | "mjs" | "cjs" => Some("node"),
        "sh" => Some("bash"),
        "rb" => Some("ruby"),
        "php" => Some("php"),
        "pl" => Some("perl"),
        _ => None,
    });
    if let (Some(path), Some(runner)) = (path, runner) {
        let sandbox_id = planner.target(&request.found, Purpose::Use)?;
        let quoted = if path.contains(' ') { format!("'{path}'") } else { path };
        let command = format!("{runner} {quoted}");
        let working_directory = request.folder.map(str::to_owned);
        planner.steps.push(Step::ExecuteShell(RunShell { sandbox_id, command, working_directory }));
        return Ok(());
    }
    Err(match request.clause.has_thing(Thing::Code) {
        true => Question::about("code", "which code shall run?"),
        false => Question::about("command", "which command shall run?"),
    })
}

/// Programs that install, and the words before the packages.
const INSTALLERS: &[(&[&str], &str)] = &[
    (&["pip", "pip3"], "pip install"),
    (&["uv"], "uv pip install"),
    (&["poetry"], "poetry add"),
    (&["conda"], "conda install -y"),
    (&["npm"], "npm install"),
    (&["yarn"], "yarn add"),
    (&["pnpm"], "pnpm add"),
    (&["bun"], "bun add"),
    (&["apt", "apt-get"], "apt-get install -y"),
    (&["apk"], "apk add"),
    (&["dnf"], "dnf install -y"),
    (&["brew"], "brew install"),
    (&["cargo"], "cargo add"),
    (&["gem"], "gem install"),
    (&["composer"], "composer require"),
];

/// What installs in a language, and what installs all that a project names.
const BY_LANGUAGE: &[(&str, &str, &str)] = &[
    ("python", "pip install", "pip install -r requirements.txt"),
    ("javascript", "npm install", "npm install"),
    ("typescript", "npm install", "npm install"),
    ("go", "go get", "go mod download"),
    ("rust", "cargo add", "cargo fetch"),
    ("ruby", "gem install", "bundle install"),
    ("php", "composer require", "composer install"),
];

fn install(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<(), Question> {
    let clause = &request.clause;
    let is_installer = |piece: &Piece<'_>| {
        INSTALLERS
            .iter()
            .find(|(words, _)| words.contains(&piece.value))
            .map(|(_, command)| *command)
    };
    let named = clause.free().find_map(is_installer);
    let packages: Vec<&str> = clause
        .free()
        .filter(|piece| is_installer(piece).is_none() && is_package(piece))
        .map(|piece| piece.value)
        .collect();
    let sandbox_id = place(planner, request, Purpose::Use, None)?;
    let language = planner.language(&sandbox_id).unwrap_or_else(|| "python".to_owned());
    let usual = BY_LANGUAGE.iter().find(|(one, _, _)| *one == language);
    let prefix = named.or(usual.map(|(_, command, _)| *command));
    let command = match (packages.as_slice(), prefix, usual) {
        ([], Some("npm install"), _) => "npm install".to_owned(),
        ([], Some("yarn add"), _) => "yarn install".to_owned(),
        ([], _, Some((_, _, all))) if clause.has_thing(Thing::Dependencies) => (*all).to_owned(),
        ([_, ..], Some(prefix), _) => format!("{prefix} {}", packages.join(" ")),
        _ => {
            return Err(Question::about(
                "command",
                "which package shall be installed, and with what?",
            ));
        }
    };
    let working_directory = request.folder.map(str::to_owned);
    planner.steps.push(Step::ExecuteShell(RunShell { sandbox_id, command, working_directory }));
    Ok(())
}

/// Whether a word can be a package: it means nothing else, or stands in quotes.
fn is_package(piece: &Piece<'_>) -> bool {
    let only_language = !piece.senses.is_empty()
        && piece.senses.iter().all(|sense| matches!(sense, Sense::Language(_)));
    let safe = piece.value.chars().all(|c| c.is_ascii_alphanumeric() || "._-@/=<>~[]^".contains(c));
    let fits =
        matches!(piece.kind, Kind::Quote | Kind::Assign) || piece.is_unknown() || only_language;
    fits && safe && !piece.value.is_empty()
}

fn file(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<(), Question> {
    let clause = &request.clause;
    let paths = slots::paths(clause);
    let path = paths.first().map(|at| clause.pieces[*at].value.to_owned());
    let refers = clause.has(Sense::It) || clause.has_thing(Thing::File) && planner.steps.len() == 1;
    let path = path.or_else(|| planner.last_path.clone().filter(|_| refers));
    let missing = |question| Err(Question::about("file_path", question));
    let (verb, path, content, local) = match request.operation {
        Operation::Upload => {
            let carried = slots::carried_up(clause);
            let Some(local) = carried.local else {
                return Err(Question::about("local_path", "which file of your machine?"));
            };
            (FileVerb::Upload, carried.remote.map(str::to_owned), None, Some(local.to_owned()))
        }
        Operation::Download => {
            let carried = slots::carried_down(clause);
            let Some(remote) = carried.remote else { return missing("which file inside?") };
            (FileVerb::Download, Some(remote.to_owned()), None, carried.local.map(str::to_owned))
        }
        Operation::WriteFile => {
            let Some(path) = path else { return missing("which file shall be written?") };
            let content = slots::content(clause).map(str::to_owned);
            let makes = request
                .acts
                .iter()
                .any(|act| matches!(act, Act::Make | Act::Need | Act::Start | Act::Put));
            let is_empty = clause.has_quality(Quality::Empty) || makes;
            match content {
                None if is_empty => (FileVerb::Create, Some(path), None, None),
                None => return Err(Question::about("content", "what shall be in it?")),
                Some(content) => (FileVerb::Write, Some(path), Some(content), None),
            }
        }
        Operation::DeleteFile => {
            let Some(path) = path else { return missing("which file shall be deleted?") };
            let is_place =
                |at: &usize| matches!(clause.place_before(*at), Some(Place::In | Place::From));
            if paths.iter().skip(1).any(is_place) {
                return missing("which file shall be deleted? write its whole path");
            }
            if paths.len() > 1 {
                return several(planner, request, FileVerb::Delete);
            }
            (FileVerb::Delete, Some(path), None, None)
        }
        Operation::ListFiles => (FileVerb::List, path, None, None),
        _ => {
            let Some(path) = path else { return missing("which file?") };
            if paths.len() > 1 {
                return several(planner, request, FileVerb::Read);
            }
            let verb = if is_folder(clause, &path) { FileVerb::List } else { FileVerb::Read };
            (verb, Some(path), None, None)
        }
    };
    let sandbox_id = place(planner, request, Purpose::Use, None)?;
    planner.last_path.clone_from(&path);
    let operation =
        FileOperation { sandbox_id, operation: verb, file_path: path, content, local_path: local };
    planner.steps.push(Step::FileOperation(operation));
    Ok(())
}

/// The same for each path, one step each.
fn several(
    planner: &mut Planner<'_>,
    request: &Request<'_, '_, '_>,
    verb: FileVerb,
) -> Result<(), Question> {
    let sandbox_id = planner.target(&request.found, Purpose::Use)?;
    for at in slots::paths(request.clause) {
        let path = request.clause.pieces[at].value.to_owned();
        planner.last_path = Some(path.clone());
        planner.steps.push(Step::FileOperation(FileOperation {
            sandbox_id: sandbox_id.clone(),
            operation: verb,
            file_path: Some(path),
            content: None,
            local_path: None,
        }));
    }
    Ok(())
}

/// Folders that every Linux has: `/opt` is looked into, not read.
const FOLDERS: &[&str] = &[
    "/var/log",
    "/usr/bin",
    "/usr/local",
    "/usr/local/bin",
    "/var/lib",
    "/var/www",
    "/etc/nginx",
    "~",
    "/",
];

fn is_folder(clause: &Clause<'_, '_>, path: &str) -> bool {
    let is_short = path.starts_with('/') && path.matches('/').count() == 1 && !path.contains('.');
    !clause.has_thing(Thing::File) && (path.ends_with('/') || FOLDERS.contains(&path) || is_short)
}

fn clone(planner: &mut Planner<'_>, request: Request<'_, '_, '_>) -> Result<(), Question> {
    let clause = &request.clause;
    let Some(url) = slots::url(clause).map(str::to_owned) else {
        return Err(Question::about("repository_url", "which repository? its address is needed"));
    };
    let branch = if clause.has_thing(Thing::Branch) { slots::branch(clause) } else { None };
    let branch = branch.map(str::to_owned);
    if request.found == Whereabouts::Fresh {
        let new = NewSandbox { git_repo: Some(url), git_branch: branch, ..request.fresh };
        planner.make(new);
        return Ok(());
    }
    let working_directory = slots::repository_folder(clause).map(str::to_owned);
    let sandbox_id = planner.target(&request.found, Purpose::Use)?;
    planner.steps.push(Step::GitOperation(GitOperation {
        sandbox_id,
        operation: GitVerb::Clone,
        repository_url: Some(url),
        branch,
        commit_message: None,
        working_directory,
    }));
    Ok(())
}

fn git(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> Result<(), Question> {
    let clause = &request.clause;
    let named = if clause.has_thing(Thing::Branch) { slots::branch(clause) } else { None };
    let (operation, branch, message) = match request.operation {
        Operation::Pull => (GitVerb::Pull, named, None),
        Operation::Push => (GitVerb::Push, named, None),
        Operation::Commit => match slots::message(clause) {
            Some(message) => (GitVerb::Commit, None, Some(message.to_owned())),
            None => {
                return Err(Question::about(
                    "commit_message",
                    "what is the message of the commit?",
                ));
            }
        },
        Operation::Checkout => match slots::branch(clause) {
            Some(branch) => (GitVerb::Checkout, Some(branch), None),
            None => return Err(Question::about("branch", "which branch?")),
        },
        _ => (GitVerb::Status, None, None),
    };
    let branch = branch.map(str::to_owned);
    let is_path =
        |path: &&str| branch.as_deref() != Some(*path) && message.as_deref() != Some(*path);
    let working_directory = request
        .folder
        .or_else(|| slots::repository_folder(clause))
        .filter(is_path)
        .map(str::to_owned);
    let sandbox_id = planner.target(&request.found, Purpose::Use)?;
    planner.steps.push(Step::GitOperation(GitOperation {
        sandbox_id,
        operation,
        repository_url: None,
        branch,
        commit_message: message,
        working_directory,
    }));
    Ok(())
}

/// Adds what a clause says to the step before it.
fn amend(planner: &mut Planner<'_>, request: &Request<'_, '_, '_>) -> bool {
    let clause = &request.clause;
    let path = slots::paths(clause).first().map(|at| clause.pieces[*at].value.to_owned());
    match planner.steps.last_mut() {
        Some(Step::CreateSandbox(new)) => {
            let more = slots::new_sandbox(clause);
            let count = planner.names.made.len() + 1;
            if let Some(name) = more.name {
                new.name = Some(name.clone());
                planner.names.made.push((name, count));
            }
            new.persistent |= more.persistent;
            new.language = new.language.take().or(more.language);
            new.image = new.image.take().or(more.image);
            new.environment_vars.extend(more.environment_vars);
            true
        }
        Some(Step::FileOperation(last)) if path.is_some() => {
            if last.operation == FileVerb::Read {
                last.operation = FileVerb::Download;
            }
            if last.operation == FileVerb::Download {
                last.local_path = path;
            }
            last.operation == FileVerb::Download
        }
        _ => false,
    }
}
