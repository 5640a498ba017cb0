//! One connection as russh tells of it: who it is, its channels, and what each asks for.
//!
//! Nothing here waits for a sandbox: russh has one task for a connection, and whatever holds it up
//! holds up every channel.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;
use infield_domain::command::{Signal, TerminalSize};
use infield_engine::SshPass;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Pty, Sig};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::door::{Place, Shared};
use crate::meter::{Inbox, Input, Meter, Outbox, inbox};
use crate::program::{Program, What};
use crate::{sftp, tunnel};

/// Variables that a client may set, sshd_config(5) `AcceptEnv` as distributions have it, how many,
/// and bytes of one.
const VARIABLES: usize = 32;
const VARIABLE_BYTES: usize = 1 << 10;
/// Bytes of a command: one argument of execve(2) has 128 KiB at most.
const COMMAND_BYTES: usize = 128 << 10;
/// Columns or rows of a terminal, and what it has when the client does not know.
const MOST_SIDE: u32 = 1_000;
const STANDARD: TerminalSize = TerminalSize { columns: 80, rows: 24 };
/// Signals of a channel that wait to be sent.
const SIGNALS: usize = 4;
/// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 section 5.1.
const PROHIBITED: u32 = 1;

/// The client's side of a channel, for what runs behind it.
pub(crate) struct Line {
    pub(crate) pass: SshPass,
    pub(crate) shared: Arc<Shared>,
    pub(crate) write: ChannelWriteHalf<Msg>,
    pub(crate) inbox: Inbox,
    /// Cancelled when the channel or the connection is closed.
    pub(crate) closed: CancellationToken,
}

/// A channel.
enum Lane {
    /// Nothing was asked for yet.
    Fresh(Box<Fresh>),
    Busy {
        outbox: Outbox,
        signals: mpsc::Sender<Signal>,
        closed: CancellationToken,
    },
}

struct Fresh {
    write: ChannelWriteHalf<Msg>,
    environment: BTreeMap<String, String>,
    terminal: Option<TerminalSize>,
}

/// One connection.
pub(crate) struct Visitor {
    shared: Arc<Shared>,
    meter: Meter,
    entered: Option<oneshot::Sender<SshPass>>,
    admitted: Option<(SshPass, Place)>,
    lanes: HashMap<ChannelId, Lane>,
    gone: CancellationToken,
}

impl Visitor {
    /// Somebody of whom nothing is known; `entered` hears of the pass, and what the connection
    /// started ends with `gone`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        meter: Meter,
        (entered, gone): (oneshot::Sender<SshPass>, CancellationToken),
    ) -> Self {
        let lanes = HashMap::new();
        Self { shared, meter, entered: Some(entered), admitted: None, lanes, gone }
    }

    /// Whether there is room for one more channel.
    fn has_room(&mut self) -> bool {
        // What has ended by itself is not told of by russh.
        self.lanes.retain(|_, lane| match lane {
            Lane::Fresh(_) => true,
            Lane::Busy { outbox, .. } => !outbox.is_closed(),
        });
        self.lanes.len() < self.shared.limits.channels
    }

    /// The client's side of a channel that begins to do something.
    fn begin(&mut self, write: ChannelWriteHalf<Msg>) -> Option<(Line, mpsc::Receiver<Signal>)> {
        let (pass, _) = self.admitted.as_ref()?;
        let (outbox, inbox) = inbox(&self.meter);
        let (signals, heard) = mpsc::channel(SIGNALS);
        let closed = self.gone.child_token();
        let lane = Lane::Busy { outbox, signals, closed: closed.clone() };
        self.lanes.insert(write.id(), lane);
        let (pass, shared) = (pass.clone(), self.shared.clone());
        Some((Line { pass, shared, write, inbox, closed }, heard))
    }

    /// Takes a channel that nothing was asked of yet.
    fn take(&mut self, channel: ChannelId) -> Option<Box<Fresh>> {
        match self.lanes.remove(&channel)? {
            Lane::Fresh(fresh) => Some(fresh),
            busy @ Lane::Busy { .. } => {
                self.lanes.insert(channel, busy);
                None
            }
        }
    }

    fn run(&mut self, channel: ChannelId, what: What, session: &mut Session) -> Answer {
        let started = self.take(channel).and_then(|fresh| {
            let Fresh { write, environment, terminal } = *fresh;
            let (line, signals) = self.begin(write)?;
            let program =
                Program { line, handle: session.handle(), what, environment, terminal, signals };
            Some(self.shared.tasks.spawn(program.run()))
        });
        answer(channel, started, session)
    }

    fn give(&self, channel: ChannelId, input: Input) {
        if let Some(Lane::Busy { outbox, .. }) = self.lanes.get(&channel) {
            outbox.give(input);
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

type Answer = Result<(), russh::Error>;

/// Answers a request, which is refused when nothing was done.
fn answer<T>(channel: ChannelId, done: Option<T>, session: &mut Session) -> Answer {
    match done {
        Some(_) => session.channel_success(channel),
        None => session.channel_failure(channel),
    }
}

fn size(columns: u32, rows: u32) -> TerminalSize {
    let side = |side: u32, standard: u16| match side {
        0 => standard,
        side => u16::try_from(side.min(MOST_SIDE)).unwrap_or(standard),
    };
    TerminalSize { columns: side(columns, STANDARD.columns), rows: side(rows, STANDARD.rows) }
}

fn is_allowed(name: &str, value: &str) -> bool {
    let is_locale = name == "LANG" || name.starts_with("LC_");
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_locale && is_word && name.len() + value.len() <= VARIABLE_BYTES && !value.contains('\0')
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        let pass = match self.shared.engine.admit_ssh(user).await {
            Ok(pass) => pass,
            Err(error) => {
                tracing::debug!(%error, "a client of SSH is not let in");
                return Ok(Auth::reject());
            }
        };
        let Some(place) = self.shared.place(pass.access()) else {
            tracing::debug!("an access has too many connections");
            return Ok(Auth::reject());
        };
        if let Some(entered) = self.entered.take() {
            // The connection that waits for it may have ended meanwhile.
            drop(entered.send(pass.clone()));
        }
        self.admitted = Some((pass, place));
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Answer {
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // Without its reader, russh keeps nothing for it.
        let (_, write) = channel.split();
        let (id, environment) = (write.id(), BTreeMap::new());
        self.lanes.insert(id, Lane::Fresh(Box::new(Fresh { write, environment, terminal: None })));
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Answer {
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let port = u16::try_from(port).ok().and_then(NonZeroU16::new);
        let port = port.filter(|_| matches!(host, "localhost" | "127.0.0.1" | "::1"));
        let (_, write) = channel.split();
        let Some((line, port)) = port.and_then(|port| Some((self.begin(write)?.0, port))) else {
            let reason = "only ports of the sandbox's own `localhost` are reached".to_owned();
            reply.reject(ChannelOpenFailure::Other { code: PROHIBITED, reason }).await;
            return Ok(());
        };
        let shared = self.shared.clone();
        shared.tasks.spawn(tunnel::run(line, port, reply));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Answer {
        let fits = term.len() <= 64 && !term.contains('\0');
        let fresh = match self.lanes.get_mut(&channel) {
            Some(Lane::Fresh(fresh)) if fits => fresh,
            _ => return session.channel_failure(channel),
        };
        fresh.terminal = Some(size(columns, rows));
        if !term.is_empty() {
            fresh.environment.insert("TERM".to_owned(), term.to_owned());
        }
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Answer {
        let fresh = match self.lanes.get_mut(&channel) {
            Some(Lane::Fresh(fresh)) if fresh.environment.len() < VARIABLES => fresh,
            _ => return session.channel_failure(channel),
        };
        let set = is_allowed(name, value)
            .then(|| fresh.environment.insert(name.to_owned(), value.to_owned()));
        answer(channel, set, session)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Answer {
        self.run(channel, What::Shell, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Answer {
        match std::str::from_utf8(command) {
            Ok(text) if text.len() < COMMAND_BYTES && !text.contains('\0') => {
                self.run(channel, What::Command(text.to_owned()), session)
            }
            Ok(_) | Err(_) => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Answer {
        if name != "sftp" {
            return session.channel_failure(channel);
        }
        let started = self.take(channel).and_then(|fresh| {
            let (line, _) = self.begin(fresh.write)?;
            Some(self.shared.tasks.spawn(sftp::run(line)))
        });
        answer(channel, started, session)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Answer {
        session.channel_failure(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Answer {
        self.give(channel, Input::Resize(size(columns, rows)));
        Ok(())
    }

    async fn signal(&mut self, channel: ChannelId, signal: Sig, _: &mut Session) -> Answer {
        let signal = match signal {
            Sig::INT => Signal::Interrupt,
            Sig::TERM => Signal::Terminate,
            Sig::KILL => Signal::Kill,
            Sig::HUP => Signal::Hangup,
            // The request has no answer, RFC 4254 section 6.9.
            _ => return Ok(()),
        };
        if let Some(Lane::Busy { signals, .. }) = self.lanes.get(&channel)
            && signals.try_send(signal).is_err()
        {
            tracing::debug!("a signal of an SSH client came too soon after others, or too late");
        }
        Ok(())
    }

    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        self.meter.window()
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Answer {
        self.give(channel, Input::Bytes(Bytes::copy_from_slice(data)));
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _: &mut Session) -> Answer {
        self.give(channel, Input::End);
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Answer {
        if let Some(Lane::Busy { closed, .. }) = self.lanes.remove(&channel) {
            closed.cancel();
        }
        Ok(())
    }
}
