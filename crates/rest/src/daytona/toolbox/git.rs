//! Repositories: brought in, asked, changed and sent.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::routing;
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::{Error, GuestPath, Kind, Principal};
use infield_engine::toolbox::repository::{
    self, Change, Credential, Exchange, Local, NewRepository, Reason, Refusal, RepositoryRequest,
    Reset, Scope, Setting, Status, Step,
};
use serde::Deserialize;

use super::files::{PathQuery, guest_path};
use crate::body::{Part, Query};
use crate::daytona::body;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("POST", "/git/add", || routing::post(add)),
    route("GET", "/git/branches", || routing::get(branches)),
    route("POST", "/git/branches", || routing::post(create_branch)),
    route("DELETE", "/git/branches", || routing::delete(delete_branch)),
    route("POST", "/git/checkout", || routing::post(checkout)),
    route("POST", "/git/clone", || routing::post(clone)),
    route("POST", "/git/commit", || routing::post(commit)),
    route("GET", "/git/config", || routing::get(get_config)),
    route("POST", "/git/config", || routing::post(set_config)),
    route("POST", "/git/config/user", || routing::post(configure_user)),
    route("POST", "/git/credentials", || routing::post(authenticate)),
    route("GET", "/git/history", || routing::get(history)),
    route("POST", "/git/init", || routing::post(init)),
    route("POST", "/git/pull", || routing::post(pull)),
    route("POST", "/git/push", || routing::post(push)),
    route("GET", "/git/remotes", || routing::get(remotes)),
    route("POST", "/git/remotes", || routing::post(add_remote)),
    route("POST", "/git/reset", || routing::post(reset)),
    route("POST", "/git/restore", || routing::post(restore)),
    route("GET", "/git/status", || routing::get(status)),
];

/// What a reset may move besides the branch.
const RESET_MODES: [&str; 5] = ["soft", "mixed", "hard", "merge", "keep"];
/// Where a credential belongs when nobody says otherwise.
const CREDENTIAL_HOST: &str = "github.com";
const CREDENTIAL_PROTOCOL: &str = "https";

#[derive(Deserialize)]
struct ConfigQuery {
    key: String,
    path: Option<String>,
    scope: Option<String>,
}

/// Who asks for what, where.
struct Asked {
    context: Context,
    who: Principal,
    sandbox: String,
}

impl Asked {
    async fn of(&self, path: Option<&str>, step: Step) -> Answer<String> {
        self.with(path, step, None).await
    }

    async fn with(
        &self,
        path: Option<&str>,
        step: Step,
        credential: Option<Credential>,
    ) -> Answer<String> {
        let path = path.map(guest_path).transpose()?;
        let request = RepositoryRequest { path, step, credential };
        let engine = &self.context.doors.engine;
        engine.repository(&self.who, &self.sandbox, request).await?.map_err(refused)
    }
}

impl FromRequestParts<Context> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        context: &Context,
    ) -> Answer<Self> {
        let Who(who) = Who::from_request_parts(parts, context).await?;
        let Part(sandbox) = Part::from_request_parts(parts, context).await?;
        Ok(Self { context: context.clone(), who, sandbox })
    }
}

async fn add(asked: Asked, body::Json(wish): body::Json<wire::GitAddRequest>) -> Answer<()> {
    let step = Step::Local(Local::Add { files: paths(&wish.files)? });
    asked.of(Some(&wish.path), step).await.map(drop)
}

async fn branches(
    asked: Asked,
    Query(query): Query<PathQuery>,
) -> Answer<Json<wire::ListBranchResponse>> {
    let text = asked.of(Some(&query.path), Step::Local(Local::Branches)).await?;
    let found = repository::branches(&text);
    Ok(Json(wire::ListBranchResponse { branches: found.names, current: found.current }))
}

async fn create_branch(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitBranchRequest>,
) -> Answer<StatusCode> {
    asked.of(Some(&wish.path), Step::Local(Local::CreateBranch(wish.name))).await?;
    Ok(StatusCode::CREATED)
}

async fn delete_branch(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitBranchRequest>,
) -> Answer<StatusCode> {
    asked.of(Some(&wish.path), Step::Local(Local::DeleteBranch(wish.name))).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn checkout(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitCheckoutRequest>,
) -> Answer<()> {
    asked.of(Some(&wish.path), Step::Local(Local::Checkout(wish.branch))).await.map(drop)
}

async fn clone(asked: Asked, body::Json(wish): body::Json<wire::GitCloneRequest>) -> Answer<()> {
    let step = Step::New(NewRepository::Clone {
        url: wish.url,
        branch: given(wish.branch),
        commit: given(wish.commit_id),
        depth: wish.depth.filter(|depth| *depth > 0),
        unchecked_tls: wish.insecure_skip_tls.unwrap_or_default(),
    });
    let credential = credential(wish.username, wish.password);
    asked.with(Some(&wish.path), step, credential).await.map(drop)
}

async fn commit(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitCommitRequest>,
) -> Answer<Json<wire::GitCommitResponse>> {
    let step = Step::Local(Local::Commit {
        message: wish.message,
        author: wish.author,
        email: wish.email,
        may_be_empty: wish.allow_empty.unwrap_or_default(),
    });
    let hash = asked.of(Some(&wish.path), step).await?;
    Ok(Json(wire::GitCommitResponse { hash: hash.trim().to_owned() }))
}

async fn get_config(
    asked: Asked,
    Query(query): Query<ConfigQuery>,
) -> Answer<Json<wire::GitConfigResponse>> {
    let step = Step::Setting(Setting::GetConfig(scope(query.scope)?, query.key));
    let value = asked.of(given(query.path).as_deref(), step).await?;
    let value = value.strip_suffix('\n').map(str::to_owned);
    Ok(Json(wire::GitConfigResponse { value }))
}

async fn set_config(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitSetConfigRequest>,
) -> Answer<()> {
    let settings = vec![(wish.key, wish.value)];
    let step = Step::Setting(Setting::SetConfig(scope(wish.scope)?, settings));
    asked.of(given(wish.path).as_deref(), step).await.map(drop)
}

async fn configure_user(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitConfigureUserRequest>,
) -> Answer<()> {
    let settings = vec![("user.name".to_owned(), wish.name), ("user.email".to_owned(), wish.email)];
    let step = Step::Setting(Setting::SetConfig(scope(wish.scope)?, settings));
    asked.of(given(wish.path).as_deref(), step).await.map(drop)
}

async fn authenticate(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitAuthenticateRequest>,
) -> Answer<()> {
    let step = Step::Setting(Setting::StoreCredential {
        protocol: given(wish.protocol).unwrap_or_else(|| CREDENTIAL_PROTOCOL.to_owned()),
        host: given(wish.host).unwrap_or_else(|| CREDENTIAL_HOST.to_owned()),
        username: wish.username,
        password: wish.password,
    });
    asked.of(None, step).await.map(drop)
}

async fn history(
    asked: Asked,
    Query(query): Query<PathQuery>,
) -> Answer<Json<Vec<wire::GitHistoryCommit>>> {
    let text = asked.of(Some(&query.path), Step::Local(Local::History)).await?;
    let commits = repository::history(&text).into_iter().map(|commit| wire::GitHistoryCommit {
        hash: commit.hash,
        author: commit.author,
        email: commit.email,
        message: commit.message,
        timestamp: commit.at,
    });
    Ok(Json(commits.collect()))
}

async fn init(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitInitRequest>,
) -> Answer<StatusCode> {
    let (bare, branch) = (wish.bare.unwrap_or_default(), given(wish.initial_branch));
    asked.of(Some(&wish.path), Step::New(NewRepository::Init { bare, branch })).await?;
    Ok(StatusCode::CREATED)
}

async fn pull(asked: Asked, body::Json(wish): body::Json<wire::GitPullRequest>) -> Answer<()> {
    let (remote, branch) = (given(wish.remote), given(wish.branch));
    let step = Step::Exchange(Exchange::Pull { remote, branch });
    let credential = credential(wish.username, wish.password);
    asked.with(Some(&wish.path), step, credential).await.map(drop)
}

async fn push(asked: Asked, body::Json(wish): body::Json<wire::GitPushRequest>) -> Answer<()> {
    let (remote, branch) = (given(wish.remote), given(wish.branch));
    let upstream = wish.set_upstream.unwrap_or_default();
    let step = Step::Exchange(Exchange::Push { remote, branch, upstream });
    let credential = credential(wish.username, wish.password);
    asked.with(Some(&wish.path), step, credential).await.map(drop)
}

async fn remotes(
    asked: Asked,
    Query(query): Query<PathQuery>,
) -> Answer<Json<wire::ListRemotesResponse>> {
    let text = asked.of(Some(&query.path), Step::Exchange(Exchange::Remotes)).await?;
    let remotes = repository::remotes(&text).into_iter();
    let remotes =
        remotes.map(|remote| wire::GitRemote { name: remote.name, url: remote.url }).collect();
    Ok(Json(wire::ListRemotesResponse { remotes }))
}

async fn add_remote(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitAddRemoteRequest>,
) -> Answer<StatusCode> {
    let step = Step::Exchange(Exchange::AddRemote {
        name: wish.name,
        url: wish.url,
        fetch: wish.fetch.unwrap_or_default(),
        overwrite: wish.overwrite.unwrap_or_default(),
    });
    asked.of(Some(&wish.path), step).await?;
    Ok(StatusCode::CREATED)
}

async fn reset(asked: Asked, body::Json(wish): body::Json<wire::GitResetRequest>) -> Answer<()> {
    let what = match wish.files.filter(|files| !files.is_empty()) {
        Some(files) => Reset::Files(paths(&files)?),
        None => {
            let mode = given(wish.mode).unwrap_or_else(|| "mixed".to_owned());
            if !RESET_MODES.contains(&mode.as_str()) {
                return Err(Error::invalid("`mode` is unknown")
                    .with_hint(format!("use one of {}", RESET_MODES.join(", ")))
                    .into());
            }
            Reset::Branch(mode)
        }
    };
    let step = Step::Local(Local::Reset { what, target: given(wish.target) });
    asked.of(Some(&wish.path), step).await.map(drop)
}

async fn restore(
    asked: Asked,
    body::Json(wish): body::Json<wire::GitRestoreRequest>,
) -> Answer<()> {
    let staged = wish.staged.unwrap_or_default();
    let step = Step::Local(Local::Restore {
        files: paths(&wish.files)?,
        staged,
        // As git itself has it.
        worktree: wish.worktree.unwrap_or(!staged),
        source: given(wish.source),
    });
    asked.of(Some(&wish.path), step).await.map(drop)
}

async fn status(asked: Asked, Query(query): Query<PathQuery>) -> Answer<Json<wire::GitStatus>> {
    let text = asked.of(Some(&query.path), Step::Local(Local::Status)).await?;
    let Status { branch, detached, upstream, ahead, behind, changes } = repository::status(&text);
    Ok(Json(wire::GitStatus {
        current_branch: branch,
        file_status: changes.into_iter().map(changed).collect(),
        branch_published: ahead.is_some(),
        ahead: ahead.unwrap_or_default(),
        behind: behind.unwrap_or_default(),
        detached,
        upstream,
    }))
}

fn changed(change: Change) -> wire::FileStatus {
    wire::FileStatus {
        name: change.name,
        extra: change.former.unwrap_or_default(),
        staging: word(change.staging).to_owned(),
        worktree: word(change.worktree).to_owned(),
    }
}

fn word(state: repository::State) -> &'static str {
    match state {
        repository::State::Unmodified => "Unmodified",
        repository::State::Untracked => "Untracked",
        repository::State::Modified => "Modified",
        repository::State::Added => "Added",
        repository::State::Deleted => "Deleted",
        repository::State::Renamed => "Renamed",
        repository::State::Copied => "Copied",
        repository::State::Unmerged => "Updated but unmerged",
    }
}

/// SDKs choose their exception by the code.
fn refused(refusal: Refusal) -> Failure {
    let (kind, status, code) = match refusal.reason {
        Reason::Authentication => (Kind::Denied, StatusCode::UNAUTHORIZED, "GIT_AUTH_FAILED"),
        Reason::NoRepository => (Kind::NotFound, StatusCode::NOT_FOUND, "GIT_REPO_NOT_FOUND"),
        Reason::NoBranch => (Kind::NotFound, StatusCode::NOT_FOUND, "GIT_BRANCH_NOT_FOUND"),
        Reason::BranchExists => (Kind::Conflict, StatusCode::CONFLICT, "GIT_BRANCH_EXISTS"),
        Reason::PushRejected => (Kind::Conflict, StatusCode::CONFLICT, "GIT_PUSH_REJECTED"),
        Reason::DirtyWorktree => (Kind::Conflict, StatusCode::CONFLICT, "GIT_DIRTY_WORKTREE"),
        Reason::Conflict => (Kind::Conflict, StatusCode::CONFLICT, "GIT_MERGE_CONFLICT"),
        Reason::RemoteRejected => {
            (Kind::Conflict, StatusCode::UNPROCESSABLE_ENTITY, "GIT_REMOTE_REJECTED")
        }
        Reason::Transport => (Kind::Unavailable, StatusCode::BAD_GATEWAY, "GIT_TRANSPORT_FAILED"),
        Reason::Other => (Kind::Invalid, StatusCode::BAD_REQUEST, "GIT_FAILED"),
    };
    Failure::with_code(Error::new(kind, refusal.message), code).under(status)
}

fn credential(username: Option<String>, password: Option<String>) -> Option<Credential> {
    let (username, password) = (given(username), given(password));
    let none = username.is_none() && password.is_none();
    (!none).then(|| Credential {
        username: username.unwrap_or_default(),
        password: password.unwrap_or_default(),
    })
}

fn scope(word: Option<String>) -> Answer<Scope> {
    match given(word).as_deref() {
        None | Some("global") => Ok(Scope::Global),
        Some("local") => Ok(Scope::Local),
        Some("system") => Ok(Scope::System),
        Some(_) => Err(Error::invalid("`scope` is unknown")
            .with_hint("use `global`, `local` or `system`")
            .into()),
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn paths(texts: &[String]) -> Answer<Vec<GuestPath>> {
    texts.iter().map(|text| guest_path(text)).collect()
}
