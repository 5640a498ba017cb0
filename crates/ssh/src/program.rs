//! A shell or a command behind a channel.

use std::collections::BTreeMap;

use bytes::Bytes;
use infield_domain::command::{
    Ending, OnDisconnect, ProcessEvent, ProcessInput, Signal, Stdin, StoppedBy, Stream,
    TerminalSize,
};
use infield_domain::guest::{InputSink, ProcessEvents};
use infield_domain::{Error, ExecutionId, Result};
use infield_engine::{CommandLine, Run, RunCommand, RunOptions, Target, TimeLimit};
use russh::server::{Handle, Msg};
use russh::{ChannelWriteHalf, Sig};
use tokio::sync::mpsc;

use crate::meter::{Inbox, Input};
use crate::visitor::Line;

/// The login shell: what the image has.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash -l; exec sh -l";
/// Standard error's number, SSH_EXTENDED_DATA_STDERR, RFC 4254 section 5.2.
const STDERR: u32 = 1;
/// What a client ends with when not the command but infield failed, ssh(1).
const FAILED: u32 = 255;

/// What to run.
pub(crate) enum What {
    Shell,
    Command(String),
}

/// A channel that runs something.
pub(crate) struct Program {
    pub(crate) line: Line,
    pub(crate) handle: Handle,
    pub(crate) what: What,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) terminal: Option<TerminalSize>,
    pub(crate) signals: mpsc::Receiver<Signal>,
}

impl Program {
    /// Runs it to its end, or until the channel is closed: then it is killed.
    pub(crate) async fn run(self) {
        let closed = self.line.closed.clone();
        tokio::select! {
            () = self.work() => {}
            () = closed.cancelled() => {}
        }
    }

    async fn work(self) {
        let started = self.start().await;
        let Self { line, handle, mut signals, .. } = self;
        let screen = Screen { write: line.write };
        let run = match started {
            Ok(run) => run,
            Err(error) => return screen.fail(&error).await,
        };
        let id = run.execution_id.clone();
        let process = run.into_process();
        let (engine, who) = (line.shared.engine.clone(), line.pass.who.clone());
        let forwarding = async {
            while let Some(signal) = signals.recv().await {
                send_signal(&engine, &who, (&id, signal)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = screen.show(process.events, &handle) => {}
            () = feed(line.inbox, process.input) => {}
            () = forwarding => {}
        }
    }

    async fn start(&self) -> Result<Run> {
        let text = match &self.what {
            What::Shell => SHELL.to_owned(),
            What::Command(text) => text.clone(),
        };
        let options = RunOptions {
            environment: self.environment.clone(),
            stdin: Stdin::Stream,
            terminal: self.terminal,
            time_limit: TimeLimit::Never,
            on_disconnect: OnDisconnect::Kill,
            ..RunOptions::standard()
        };
        let target = Target::Existing(self.line.pass.sandbox().to_string());
        let command = RunCommand { target, command: CommandLine::Shell(text), options };
        self.line.shared.engine.run_command(&self.line.pass.who, command).await
    }
}

async fn send_signal(
    engine: &infield_engine::Engine,
    who: &infield_domain::Principal,
    (id, signal): (&ExecutionId, Signal),
) {
    if let Err(error) = engine.signal_execution(who, id, signal).await {
        tracing::debug!(%error, "a signal of an SSH client did not arrive");
    }
}

/// Gives the command what the client sends. It does not end before the command does.
async fn feed(mut inbox: Inbox, mut input: Box<dyn InputSink>) {
    let mut takes = true;
    // What nobody takes any more is thrown away, so that it does not lie here.
    while let Some((_lying, piece)) = inbox.recv().await {
        let piece = match piece {
            Input::Bytes(bytes) => ProcessInput::Stdin(bytes),
            Input::End => ProcessInput::End,
            Input::Resize(size) => ProcessInput::Resize(size),
        };
        if takes && let Err(error) = input.send(piece).await {
            tracing::debug!(%error, "a command takes no more input");
            takes = false;
        }
    }
    std::future::pending().await
}

/// The client's side of a channel.
pub(crate) struct Screen {
    pub(crate) write: ChannelWriteHalf<Msg>,
}

impl Screen {
    async fn show(&self, mut events: ProcessEvents, handle: &Handle) {
        use futures_util::StreamExt as _;
        loop {
            let written = match events.next().await {
                Some(Ok(ProcessEvent::Output { stream: Stream::Stdout, data, .. })) => {
                    self.write(None, data).await
                }
                Some(Ok(ProcessEvent::Output { stream: Stream::Stderr, data, .. })) => {
                    self.write(Some(STDERR), data).await
                }
                Some(Ok(ProcessEvent::Ended(ending))) => return self.end(ending, handle).await,
                Some(Err(error)) => return self.fail(&error).await,
                None => return self.fail(&Error::unavailable("the command is not heard")).await,
            };
            if written.is_err() {
                return;
            }
        }
    }

    /// Sends bytes, when the client has room for them.
    pub(crate) async fn write(
        &self,
        extended: Option<u32>,
        data: Bytes,
    ) -> std::result::Result<(), russh::Error> {
        match extended {
            None => self.write.data_bytes(data).await,
            Some(kind) => self.write.extended_data_bytes(kind, data).await,
        }
    }

    async fn end(&self, ending: Ending, handle: &Handle) {
        if ending.stopped_by == Some(StoppedBy::OutOfMemory) {
            self.say("the sandbox has no memory left").await;
        }
        let last = async {
            self.write.eof().await?;
            match ending.signal.and_then(signal_name) {
                Some(name) => {
                    let (id, text) = (self.write.id(), String::new());
                    let sent = handle.exit_signal_request(id, name, false, text.clone(), text);
                    sent.await.map_err(|()| russh::Error::SendError)?;
                }
                None => {
                    let code = u32::try_from(ending.exit_code).unwrap_or(FAILED);
                    self.write.exit_status(code).await?;
                }
            }
            self.write.close().await
        };
        told(last.await);
    }

    /// Ends the channel with what infield has to say.
    pub(crate) async fn fail(&self, error: &Error) {
        self.say(error.message()).await;
        if let Some(hint) = error.hint() {
            self.say(&format!("hint: {hint}")).await;
        }
        self.finish(FAILED).await;
    }

    /// Ends the channel.
    pub(crate) async fn finish(&self, code: u32) {
        let last = async {
            self.write.eof().await?;
            self.write.exit_status(code).await?;
            self.write.close().await
        };
        told(last.await);
    }

    async fn say(&self, text: &str) {
        told(self.write(Some(STDERR), format!("infield: {text}\r\n").into()).await);
    }
}

fn told(result: std::result::Result<(), russh::Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a client of SSH is gone before the end");
    }
}

/// The name of a signal, RFC 4254 section 6.10; others are told as exit codes.
fn signal_name(number: i32) -> Option<Sig> {
    Some(match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        _ => return None,
    })
}
