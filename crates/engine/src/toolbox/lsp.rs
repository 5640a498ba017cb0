//! Language servers: processes of a sandbox that know the code of one project in one language.
//!
//! One runs for each project and language, as the sandbox's user, until it is stopped or the
//! sandbox stops. Nothing that it says is trusted: messages, lists and waits are bounded, and of an
//! answer only what is asked for is read.

mod documents;
mod frames;
mod languages;
mod project;
mod server;
mod servers;
mod words;

use std::sync::Arc;
use std::time::Duration;

use infield_domain::command::Stdin;
use infield_domain::files::FileKind;
use infield_domain::{Error, GuestPath, Kind, Permission, Principal, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::languages::{Language, NONE_FOUND};
use self::server::Server;
use self::servers::Key;
use self::words::{AtMost, CompletionsSaid, Introduction, MOST_ITEMS, SymbolSaid};
use crate::Engine;
use crate::driver::Seat;
use crate::inside::Inside;
use crate::toolbox::process;

pub(crate) use self::servers::LanguageServers;

#[cfg(test)]
mod tests;

/// How long a server may take to begin.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long one answer of a server is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long one question about a file may take, with those before it.
const FILE_LIMIT: Duration = Duration::from_secs(60);
/// How long the symbols of a whole project may take.
const PROJECT_LIMIT: Duration = Duration::from_secs(90);

/// A project in a language.
#[derive(Clone, Debug)]
pub struct Project {
    /// Such as `python`.
    pub language: String,
    /// Its folder.
    pub path: GuestPath,
}

/// A place in a text. Letters count as UTF-16 has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line, from 0.
    pub line: u32,
    /// The letter in it, from 0.
    pub character: u32,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Its first letter.
    pub start: Position,
    /// The letter behind its last.
    pub end: Position,
}

/// Something that has a name in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is, as the protocol numbers it.
    pub kind: u32,
    /// The address of the file.
    pub uri: String,
    /// Where in it.
    pub range: Range,
}

/// What could stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// The possibilities.
    pub items: Vec<Completion>,
    /// Whether there are more.
    pub is_incomplete: bool,
}

/// One possibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// How it is shown.
    pub label: String,
    /// What it is, as the protocol numbers it.
    pub kind: Option<u32>,
    /// A word on it, such as its type.
    pub detail: Option<String>,
    /// What is known of it: the kind of text, and the text.
    pub documentation: Option<(String, String)>,
    /// What it is sorted by.
    pub sort_text: Option<String>,
    /// What is compared with what was typed.
    pub filter_text: Option<String>,
    /// What is put in.
    pub insert_text: Option<String>,
}

impl Engine {
    /// Starts the language server of a project, unless it runs. Needs `execute`.
    pub async fn start_language_server(
        &self,
        who: &Principal,
        sandbox: &str,
        project: &Project,
    ) -> Result<()> {
        let begun = self.begin_language_server(who, sandbox, project);
        let result = tokio::time::timeout(START_LIMIT, begun).await;
        let result = result.unwrap_or_else(|_| Err(server::silent()));
        self.noted_inside(who, ("lsp.start", sandbox, &shown(project)), result)
    }

    async fn begin_language_server(
        &self,
        who: &Principal,
        sandbox: &str,
        project: &Project,
    ) -> Result<()> {
        who.require(Permission::Execute)?;
        let language = Language::named(&project.language)?;
        let inside = self.enter(who, Permission::Execute, sandbox).await?;
        let root = project::root(&inside, &project.path)?;
        let key = Key { language: language.word, root };
        let seat = inside.seat.clone();
        let _turn = seat.language_servers.starting().await;
        if seat.language_servers.find(&key).is_some() {
            return Ok(());
        }
        seat.language_servers.check_room()?;
        if inside.files.stat(&key.root).await?.kind == FileKind::File {
            return Err(Error::invalid(format!("`{}` is a file", key.root))
                .with_hint("name the project's folder"));
        }
        let command = infield_domain::command::Command {
            argv: language.argv(),
            working_directory: key.root.clone(),
            ..process::command(&inside, Stdin::Stream)
        };
        let id = command.id.clone();
        let (server, ears) = Server::new(inside.guest.spawn(command).await?, ANSWER_LIMIT);
        let server = Arc::new(server);
        // A caller who goes away meanwhile takes the server with them.
        let unfinished = server.end.clone().drop_guard();
        let kept = servers::keep(self.clone(), (key.clone(), server.clone()), (&inside, id), ears);
        drop(self.spawn(kept));
        introduce(&server, language, &key.root).await?;
        unfinished.disarm();
        seat.language_servers.insert(key, server);
        Ok(())
    }

    /// Ends the language server of a project. Needs `execute`.
    pub async fn stop_language_server(
        &self,
        who: &Principal,
        sandbox: &str,
        project: &Project,
    ) -> Result<()> {
        let stopped = async {
            let running = self.running(who, Permission::Execute, (sandbox, project))?;
            running.server.end.cancel();
            running.server.over.cancelled().await;
            Ok(())
        };
        self.noted_inside(who, ("lsp.stop", sandbox, &shown(project)), stopped.await)
    }

    /// Has a language server look at a file. Needs `execute`.
    pub async fn open_document(
        &self,
        who: &Principal,
        sandbox: &str,
        (project, file): (&Project, &GuestPath),
    ) -> Result<()> {
        let opened = async {
            let running = self.running(who, Permission::Execute, (sandbox, project))?;
            within(FILE_LIMIT, async {
                let mut documents = running.server.documents.lock().await;
                let path = running.place(&documents, file).await?;
                let about = (&*running.server, running.language);
                documents.refresh(about, &running.inside, &path).await.map(drop)
            })
            .await
        };
        let detail = format!("{} {file}", shown(project));
        self.noted_inside(who, ("lsp.open", sandbox, &detail), opened.await)
    }

    /// Has a language server look at a file no more. Needs `execute`.
    pub async fn close_document(
        &self,
        who: &Principal,
        sandbox: &str,
        (project, file): (&Project, &GuestPath),
    ) -> Result<()> {
        let closed = async {
            let running = self.running(who, Permission::Execute, (sandbox, project))?;
            within(FILE_LIMIT, async {
                let mut documents = running.server.documents.lock().await;
                let places = project::places(&running.inside, &running.root, file)?;
                let open = places.iter().find(|place| documents.has(place)).cloned();
                match open {
                    Some(place) => documents.close(&running.server, &place).await,
                    None => Ok(()),
                }
            })
            .await
        };
        let detail = format!("{} {file}", shown(project));
        self.noted_inside(who, ("lsp.close", sandbox, &detail), closed.await)
    }

    /// What has a name in a file. Needs `read`.
    pub async fn document_symbols(
        &self,
        who: &Principal,
        sandbox: &str,
        (project, file): (&Project, &GuestPath),
    ) -> Result<Vec<Symbol>> {
        let running = self.running(who, Permission::Read, (sandbox, project))?;
        within(FILE_LIMIT, running.document_symbols(file)).await
    }

    /// What has a name like this in a project, by the server or, where that cannot tell, by the
    /// symbols of each file. Needs `read`.
    pub async fn project_symbols(
        &self,
        who: &Principal,
        sandbox: &str,
        (project, query): (&Project, &str),
    ) -> Result<Vec<Symbol>> {
        let running = self.running(who, Permission::Read, (sandbox, project))?;
        within(PROJECT_LIMIT, running.project_symbols(query)).await
    }

    /// What could stand at a place of a file. Needs `read`.
    pub async fn completions(
        &self,
        who: &Principal,
        sandbox: &str,
        (project, file, at): (&Project, &GuestPath, Position),
    ) -> Result<Completions> {
        let running = self.running(who, Permission::Read, (sandbox, project))?;
        within(FILE_LIMIT, running.completions(file, at)).await
    }

    /// A server that runs, in a sandbox that does.
    fn running(
        &self,
        who: &Principal,
        needed: Permission,
        (sandbox, project): (&str, &Project),
    ) -> Result<Running> {
        who.require(needed)?;
        let language = Language::named(&project.language)?;
        let seat: Arc<Seat> = self.registry().find(who, sandbox)?;
        let inside = self.step_inside(&seat).ok_or_else(|| not_started(project))?;
        let root = project::root(&inside, &project.path)?;
        let key = Key { language: language.word, root };
        let server = seat.language_servers.find(&key).ok_or_else(|| not_started(project))?;
        Ok(Running { inside, server, language, root: key.root })
    }
}

/// A server in its place. The sandbox is busy meanwhile.
struct Running {
    inside: Inside,
    server: Arc<Server>,
    language: &'static Language,
    root: GuestPath,
}

impl Running {
    /// Where a file is that a caller names.
    async fn place(&self, documents: &documents::Documents, file: &GuestPath) -> Result<GuestPath> {
        let places = project::places(&self.inside, &self.root, file)?;
        if let Some(open) = places.iter().find(|place| documents.has(place)) {
            return Ok(open.clone());
        }
        for place in &places {
            if self.inside.files.stat(place).await.is_ok() {
                return Ok(place.clone());
            }
        }
        let text = format!("there is no file `{file}` in the project or the working directory");
        Err(Error::not_found(text))
    }

    async fn document_symbols(&self, file: &GuestPath) -> Result<Vec<Symbol>> {
        let mut documents = self.server.documents.lock().await;
        let path = self.place(&documents, file).await?;
        documents.refresh((&self.server, self.language), &self.inside, &path).await?;
        self.symbols_of(&path).await
    }

    /// The symbols of a file that the server has.
    async fn symbols_of(&self, path: &GuestPath) -> Result<Vec<Symbol>> {
        let uri = documents::uri_of(path);
        let params = json!({ "textDocument": { "uri": uri } });
        let said: AtMost<SymbolSaid> =
            self.server.ask("textDocument/documentSymbol", &params).await?;
        self.note_cut(&said);
        Ok(words::symbols(said, &uri))
    }

    async fn project_symbols(&self, query: &str) -> Result<Vec<Symbol>> {
        let mut documents = self.server.documents.lock().await;
        if documents.server_knows_project {
            let params = json!({ "query": query });
            match self.server.ask::<AtMost<SymbolSaid>>("workspace/symbol", &params).await {
                // A server that looked at no file yet says so by an error, or by nothing.
                Err(error) if error.kind() != Kind::Invalid => return Err(error),
                Ok(said) if !said.items.is_empty() => {
                    self.note_cut(&said);
                    return Ok(words::symbols(said, &documents::uri_of(&self.root)));
                }
                Ok(_) | Err(_) => {}
            }
        }
        let wanted = query.to_lowercase();
        let mut found = Vec::new();
        for path in project::files(&self.inside, &self.root, self.language).await? {
            let about = (&*self.server, self.language);
            let was_open = match documents.refresh(about, &self.inside, &path).await {
                Ok(was_open) => was_open,
                // It went, is not for this user or is no source of a sensible size.
                Err(error) if error.kind() == Kind::Unavailable => return Err(error),
                Err(_) => continue,
            };
            let symbols = self.symbols_of(&path).await?;
            found.extend(symbols.into_iter().filter(|s| s.name.to_lowercase().contains(&wanted)));
            if !was_open {
                documents.close(&self.server, &path).await?;
            }
            if found.len() >= MOST_ITEMS {
                tracing::info!(root = %self.root, "more symbols than are told");
                break;
            }
        }
        found.truncate(MOST_ITEMS);
        Ok(found)
    }

    /// An answer of symbols has no word for being cut; the log has.
    fn note_cut(&self, said: &AtMost<SymbolSaid>) {
        if said.is_cut {
            tracing::info!(root = %self.root, "more symbols than are told");
        }
    }

    async fn completions(&self, file: &GuestPath, at: Position) -> Result<Completions> {
        let mut documents = self.server.documents.lock().await;
        let path = self.place(&documents, file).await?;
        documents.refresh((&self.server, self.language), &self.inside, &path).await?;
        let params = words::place(&documents::uri_of(&path), at);
        let said: CompletionsSaid = self.server.ask("textDocument/completion", &params).await?;
        Ok(said.into_completions())
    }
}

/// Speaks the first words, after which a server can be asked.
async fn introduce(server: &Server, language: &Language, root: &GuestPath) -> Result<()> {
    let params = words::introduction(&documents::uri_of(root));
    let introduction: Introduction = match server.ask("initialize", &params).await {
        Err(_) if server.exit_code() == Some(NONE_FOUND) => return Err(language.missing()),
        answer => answer?,
    };
    server.documents.lock().await.server_knows_project = introduction.knows_project();
    server.tell(&words::notice("initialized", &json!({}))).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(server::silent()))
}

fn shown(project: &Project) -> String {
    format!("{} {}", project.language, project.path)
}

fn not_started(project: &Project) -> Error {
    let (language, path) = (&project.language, &project.path);
    Error::conflict(format!("no language server runs for `{language}` in `{path}`"))
        .with_hint("start it first; it ends with its sandbox")
}
