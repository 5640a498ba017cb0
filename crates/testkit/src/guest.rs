//! The inside of a fake sandbox: commands that are scripts, files in a map.

mod execution;
mod files;
mod port;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use futures_core::future::BoxFuture;
use infield_domain::command::{Command, Execution, OutputPage, Signal, StoppedBy};
use infield_domain::files::{
    Edit, FileEntry, List, Listing, Match, Range, Removal, Search, Write, WriteMode,
};
use infield_domain::guest::{
    ByteStream, FilesIn, FilesOut, Guest, PortStream, Process, ReadOutput, Written,
};
use infield_domain::{Error, ExecutionId, GuestPath, Result};
use tokio_util::sync::CancellationToken;

use crate::guest::execution::FakeExecution;
use crate::guest::files::Files;
use crate::script::{Step, play};

type Script = Box<dyn Fn(&Command) -> Vec<Step> + Send + Sync>;

/// The inside of one fake sandbox. It outlives every engine, as a real one does.
pub struct FakeGuest {
    executions: Mutex<Vec<Arc<FakeExecution>>>,
    files: Mutex<Files>,
    programs: Mutex<BTreeSet<String>>,
    ports: Mutex<BTreeMap<NonZeroU16, SocketAddr>>,
    script: Mutex<Script>,
    commands: Mutex<Vec<Command>>,
    dead: Mutex<CancellationToken>,
}

impl FakeGuest {
    pub(crate) fn new() -> Arc<Self> {
        let programs = ["bash", "sh", "python3", "node", "gcc", "go", "git", "tsx"];
        Arc::new(Self {
            executions: Mutex::default(),
            files: Mutex::new(Files::new()),
            programs: Mutex::new(programs.map(str::to_owned).into()),
            ports: Mutex::default(),
            script: Mutex::new(Box::new(play)),
            commands: Mutex::default(),
            dead: Mutex::default(),
        })
    }

    /// Has commands do what `script` says instead of [`play`].
    pub fn set_script(&self, script: impl Fn(&Command) -> Vec<Step> + Send + Sync + 'static) {
        *self.script.lock().expect("no test panics here") = Box::new(script);
    }

    /// Takes a program away from the image.
    pub fn remove_program(&self, program: &str) {
        self.programs.lock().expect("no test panics here").remove(program);
    }

    /// Has a server of the test answer on a port inside.
    pub fn open_port(&self, port: NonZeroU16, server: SocketAddr) {
        let mut ports = self.ports.lock().expect("no test panics here");
        ports.insert(port, server);
        let line = |port: &NonZeroU16| {
            format!("0: 0100007F:{port:04X} 00000000:0000 0A 0:0 00:0 0 0 0 1\n")
        };
        let table: String = ports.keys().map(line).collect();
        self.put_file("/proc/net/tcp", table.as_bytes());
    }

    /// Every command that was started, as the engine asked for it.
    pub fn commands(&self) -> Vec<Command> {
        self.commands.lock().expect("no test panics here").clone()
    }

    /// The content of a file, for a look from outside.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.files.lock().expect("no test panics here").content(path)
    }

    /// Puts a file inside, from outside.
    pub fn put_file(&self, path: &str, content: &[u8]) {
        self.files.lock().expect("no test panics here").put(path, content.to_vec());
    }

    /// Whether a command has not ended.
    pub fn is_busy(&self) -> bool {
        let executions = self.executions.lock().expect("no test panics here");
        executions.iter().any(|execution| execution.now().ending.is_none())
    }

    /// Everything that runs ends, and nothing answers until [`FakeGuest::revive`].
    pub(crate) fn die(&self) {
        self.dead.lock().expect("no test panics here").cancel();
        for execution in self.executions.lock().expect("no test panics here").drain(..) {
            execution.kill(None);
        }
    }

    pub(crate) fn revive(&self) {
        *self.dead.lock().expect("no test panics here") = CancellationToken::new();
    }

    fn alive(&self) -> Result<CancellationToken> {
        let dead = self.dead.lock().expect("no test panics here").clone();
        if dead.is_cancelled() {
            return Err(Error::unavailable("the sandbox does not run"));
        }
        Ok(dead)
    }

    fn execution(&self, id: &ExecutionId) -> Result<Arc<FakeExecution>> {
        self.alive()?;
        let executions = self.executions.lock().expect("no test panics here");
        let found = executions.iter().find(|execution| execution.now().id == *id).cloned();
        found.ok_or_else(|| Error::not_found(format!("there is no execution `{id}`")))
    }

    fn start(&self, command: Command) -> Result<Process> {
        let dead = self.alive()?;
        let program = command.argv.first().cloned().unwrap_or_default();
        let known = self.programs.lock().expect("no test panics here").contains(&program);
        let built_in =
            ["echo", "err", "sleep", "exit", "flood", "cat", "hang", "true"].contains(&&*program);
        if !known && !built_in {
            return Err(Error::not_found(format!("program `{program}` not found")));
        }
        self.commands.lock().expect("no test panics here").push(command.clone());
        let steps = (self.script.lock().expect("no test panics here"))(&command);
        let execution = FakeExecution::start(&command, steps, dead);
        self.executions.lock().expect("no test panics here").push(execution.clone());
        Ok(execution.follow(0, 0, Some(command.on_disconnect)))
    }

    fn with_files<T>(&self, act: impl FnOnce(&mut Files) -> Result<T>) -> Result<T> {
        self.alive()?;
        act(&mut self.files.lock().expect("no test panics here"))
    }
}

fn ready<'a, T: Send + 'a>(result: Result<T>) -> BoxFuture<'a, Result<T>> {
    Box::pin(std::future::ready(result))
}

impl Guest for FakeGuest {
    fn spawn(&self, command: Command) -> BoxFuture<'_, Result<Process>> {
        Box::pin(async move { self.start(command) })
    }

    fn attach(&self, id: &ExecutionId, stdout: u64, stderr: u64) -> BoxFuture<'_, Result<Process>> {
        ready(self.execution(id).map(|execution| execution.follow(stdout, stderr, None)))
    }

    fn read_output(&self, request: ReadOutput) -> BoxFuture<'_, Result<OutputPage>> {
        Box::pin(async move { self.execution(&request.id)?.read(request).await })
    }

    fn signal(&self, id: &ExecutionId, _signal: Signal) -> BoxFuture<'_, Result<()>> {
        ready(self.execution(id).map(|execution| execution.kill(Some(StoppedBy::Caller))))
    }

    fn executions(&self) -> BoxFuture<'_, Result<Vec<Execution>>> {
        let all = self.alive().map(|_| {
            let executions = self.executions.lock().expect("no test panics here");
            executions.iter().rev().map(|execution| execution.now()).collect()
        });
        ready(all)
    }

    fn find_program(&self, programs: &[&str]) -> BoxFuture<'_, Result<Option<String>>> {
        let known = self.programs.lock().expect("no test panics here");
        let found = programs.iter().find(|program| known.contains(**program));
        ready(Ok(found.map(|program| format!("/usr/bin/{program}"))))
    }

    fn dial(&self, port: NonZeroU16) -> BoxFuture<'_, Result<Box<dyn PortStream>>> {
        Box::pin(async move {
            self.alive()?;
            let server = self.ports.lock().expect("no test panics here").get(&port).copied();
            let nobody = || Error::not_found(format!("nothing listens on port {port}"));
            let server = server.ok_or_else(nobody)?;
            match tokio::net::TcpStream::connect(server).await {
                Ok(stream) => Ok(Box::new(port::FakePort(stream)) as Box<dyn PortStream>),
                Err(_) => Err(nobody()),
            }
        })
    }

    fn stat(&self, path: &GuestPath) -> BoxFuture<'_, Result<FileEntry>> {
        ready(self.with_files(|files| files.stat(path)))
    }

    fn list(&self, list: List) -> BoxFuture<'_, Result<Listing<FileEntry>>> {
        ready(self.with_files(|files| files.list(&list)))
    }

    fn read(
        &self,
        path: &GuestPath,
        range: Range,
    ) -> BoxFuture<'_, Result<(FileEntry, ByteStream)>> {
        ready(self.with_files(|files| files.read(path, range)))
    }

    fn write(&self, write: Write, content: ByteStream) -> BoxFuture<'_, Result<FileEntry>> {
        Box::pin(async move {
            let content = files::gather(content).await?;
            self.with_files(|files| files.write(&write, content))
        })
    }

    fn edit(&self, edit: Edit) -> BoxFuture<'_, Result<u64>> {
        ready(self.with_files(|files| files.edit(&edit)))
    }

    fn make_directory(&self, path: &GuestPath) -> BoxFuture<'_, Result<()>> {
        ready(self.with_files(|files| files.make_directory(path)))
    }

    fn remove(&self, path: &GuestPath, what: Removal) -> BoxFuture<'_, Result<()>> {
        ready(self.with_files(|files| files.remove(path, what)))
    }

    fn rename(&self, from: &GuestPath, to: &GuestPath) -> BoxFuture<'_, Result<()>> {
        ready(self.with_files(|files| files.rename(from, to)))
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Listing<Match>>> {
        ready(self.with_files(|files| files.search(&search)))
    }

    fn archive_out(&self, path: &GuestPath) -> BoxFuture<'_, Result<ByteStream>> {
        ready(self.with_files(|files| files.archive_out(path)))
    }

    fn archive_in(&self, path: &GuestPath, archive: ByteStream) -> BoxFuture<'_, Result<u64>> {
        let path = path.clone();
        Box::pin(async move {
            let bytes = files::gather(archive).await?;
            self.with_files(|files| files.archive_in(&path, &bytes))
        })
    }

    fn write_all(&self, files: FilesIn) -> BoxFuture<'_, Result<Written>> {
        Box::pin(async move {
            let mut written = Written { count: 0, refused: Vec::new() };
            for (path, content) in files::gather_files(files).await? {
                let write = Write { path, mode: WriteMode::Replace, permissions: None };
                match self.with_files(|files| files.write(&write, content)) {
                    Ok(_) => written.count += 1,
                    Err(error) => written.refused.push(error),
                }
            }
            Ok(written)
        })
    }

    fn read_all(&self, paths: Vec<GuestPath>) -> BoxFuture<'_, Result<FilesOut>> {
        ready(self.with_files(|files| Ok(files.read_all(&paths))))
    }
}
