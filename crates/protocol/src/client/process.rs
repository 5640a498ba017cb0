//! Commands: started, followed, read later and signalled.

use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::stream;
use infield_domain::command::{
    Command, Execution, OutputPage, ProcessEvent, ProcessInput, Signal, Stdin,
};
use infield_domain::guest::{InputSink, Process, ProcessEvents, ReadOutput};
use infield_domain::{ExecutionId, Result};

use super::wire::{Events, Sink, Wire, nonsense};
use super::{Client, convert};
use crate::frame::DATA_BYTES;
use crate::message::{self, Blob, Event, Input, Request, Spawn};

/// For an answer that needs no work.
const ANSWER: Duration = Duration::from_secs(30);

/// The longest that the agent waits for output.
const WAIT_MS: u64 = 60_000;

/// Bytes of standard input that go along with the request itself.
const INLINE_BYTES: usize = 256 << 10;

/// Executions that an agent remembers, with room for a later one that remembers more.
const EXECUTIONS: usize = 4096;

pub(super) async fn spawn(client: &Client, command: Command) -> Result<Process> {
    let (stdin, later) = match command.stdin {
        Stdin::Empty => (message::Stdin::Empty, None),
        Stdin::Stream => (message::Stdin::Stream, None),
        Stdin::Bytes(bytes) if bytes.len() <= INLINE_BYTES => {
            (message::Stdin::Bytes(Blob(bytes.into())), None)
        }
        Stdin::Bytes(bytes) => (message::Stdin::Stream, Some(bytes)),
    };
    let request = Request::Spawn(Spawn {
        id: command.id.to_string(),
        argv: command.argv,
        environment: command.environment.into_iter().collect(),
        working_directory: command.working_directory.to_string(),
        user: command.user,
        stdin,
        terminal: command.terminal.map(convert::size),
        timeout_ms: command.timeout_ms,
        on_disconnect: convert::on_disconnect(command.on_disconnect),
    });
    let mut wire = client.open(request).await?;
    started(&mut wire.events).await?;
    Ok(process(client, command.id, wire, [0, 0], later))
}

pub(super) async fn attach(client: &Client, id: ExecutionId, at: [u64; 2]) -> Result<Process> {
    let [stdout, stderr] = at;
    let mut wire = client.open(Request::Attach { id: id.to_string(), stdout, stderr }).await?;
    started(&mut wire.events).await?;
    Ok(process(client, id, wire, at, None))
}

async fn started(events: &mut Events) -> Result<()> {
    match events.next_within(ANSWER).await? {
        Event::Started => Ok(()),
        _ => Err(nonsense()),
    }
}

fn process(
    client: &Client,
    id: ExecutionId,
    wire: Wire,
    at: [u64; 2],
    later: Option<Bytes>,
) -> Process {
    let told = Told { events: wire.events, at };
    let input = Fed { client: client.clone(), id, sink: wire.sink };
    match later {
        None => Process { events: events(told), input: Box::new(input) },
        Some(bytes) => {
            let events = Box::pin(fed_events(told, input, bytes));
            Process { events, input: Box::new(NoInput) }
        }
    }
}

/// What a command tells, checked.
struct Told {
    events: Events,
    /// The next byte of each stream that may come.
    at: [u64; 2],
}

impl Told {
    async fn next(&mut self) -> Result<ProcessEvent> {
        match self.events.next().await? {
            Event::Output { stream, offset, data } => {
                let at = match stream {
                    message::Stream::Stdout => &mut self.at[0],
                    message::Stream::Stderr => &mut self.at[1],
                };
                let length = u64::try_from(data.0.len()).map_err(|_| nonsense())?;
                let next = offset.checked_add(length).filter(|_| offset >= *at && length > 0);
                *at = next.ok_or_else(nonsense)?;
                let stream = convert::stream_in(stream);
                Ok(ProcessEvent::Output { stream, offset, data: data.0.into() })
            }
            Event::Ended(ending) => Ok(ProcessEvent::Ended(convert::ending(ending))),
            _ => Err(nonsense()),
        }
    }
}

fn events(told: Told) -> ProcessEvents {
    Box::pin(stream::unfold(Some(told), |told| async move {
        let mut told = told?;
        let event = told.next().await;
        let goes_on = matches!(event, Ok(ProcessEvent::Output { .. }));
        Some((event, goes_on.then_some(told)))
    }))
}

/// As [`events`], while input that was too large for the request goes in beside it.
fn fed_events(
    told: Told,
    mut input: Fed,
    bytes: Bytes,
) -> impl futures_core::Stream<Item = Result<ProcessEvent>> + Send {
    let feeding: BoxFuture<'static, Fed> = Box::pin(async move {
        // A command that ends or closes its input early is no error of its input.
        if input.data(&bytes).await.is_ok() {
            let _ended = input.sink.send(&Input::End).await;
        }
        input
    });
    let state = Some((told, Ok(feeding)));
    stream::unfold(state, |state| async move {
        let (mut told, mut feeding): (Told, std::result::Result<_, Fed>) = state?;
        let event = {
            let next = told.next();
            tokio::pin!(next);
            loop {
                match &mut feeding {
                    Err(_) => break next.await,
                    Ok(running) => tokio::select! {
                        event = &mut next => break event,
                        input = running => feeding = Err(input),
                    },
                }
            }
        };
        let goes_on = matches!(event, Ok(ProcessEvent::Output { .. }));
        Some((event, goes_on.then_some((told, feeding))))
    })
}

/// The input of a command that follows its connection.
struct Fed {
    client: Client,
    id: ExecutionId,
    sink: Sink,
}

impl Fed {
    async fn data(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(DATA_BYTES) {
            self.sink.send(&Input::Data(Blob(piece.to_vec()))).await?;
        }
        Ok(())
    }
}

impl InputSink for Fed {
    fn send(&mut self, input: ProcessInput) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match input {
                ProcessInput::Stdin(bytes) => self.data(&bytes).await,
                ProcessInput::End => self.sink.send(&Input::End).await,
                ProcessInput::Resize(size) => {
                    self.sink.send(&Input::Resize(convert::size(size))).await
                }
                // Beside the stream, because a command that does not read must still be stopped.
                ProcessInput::Signal(what) => signal(&self.client, self.id.clone(), what).await,
            }
        })
    }
}

/// The input of a command whose whole input is on its way already.
struct NoInput;

impl InputSink for NoInput {
    fn send(&mut self, _: ProcessInput) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

pub(super) async fn read_output(client: &Client, request: ReadOutput) -> Result<OutputPage> {
    let ReadOutput { id, stream, offset, limit, wait_ms } = request;
    let (name, wait_ms) = (id.to_string(), wait_ms.min(WAIT_MS));
    let stream = convert::stream(stream);
    let question = Request::ReadOutput { id: name, stream, offset, limit, wait_ms };
    let mut wire = client.open(question).await?;
    let event = wire.events.next_within(ANSWER + Duration::from_millis(wait_ms)).await?;
    let Event::Page { execution, offset: from, data, total } = event else {
        return Err(nonsense());
    };
    let execution = convert::execution(execution)?;
    let length = u64::try_from(data.0.len()).map_err(|_| nonsense())?;
    let within = from >= offset && length <= limit;
    let ends = from.checked_add(length).is_some_and(|end| length == 0 || end <= total);
    if execution.id != id || !within || !ends {
        return Err(nonsense());
    }
    Ok(OutputPage { execution, offset: from, data: data.0.into(), total })
}

pub(super) async fn signal(client: &Client, id: ExecutionId, signal: Signal) -> Result<()> {
    let signal = convert::signal(signal);
    match ask(client, Request::Signal { id: id.to_string(), signal }).await? {
        Event::Done => Ok(()),
        _ => Err(nonsense()),
    }
}

pub(super) async fn executions(client: &Client) -> Result<Vec<Execution>> {
    match ask(client, Request::Executions).await? {
        Event::Executions(all) if all.len() <= EXECUTIONS => {
            all.into_iter().map(convert::execution).collect()
        }
        _ => Err(nonsense()),
    }
}

pub(super) async fn find_program(client: &Client, programs: Vec<String>) -> Result<Option<String>> {
    match ask(client, Request::FindProgram(programs)).await? {
        Event::Program(path) => convert::program(path),
        _ => Err(nonsense()),
    }
}

async fn ask(client: &Client, request: Request) -> Result<Event> {
    client.open(request).await?.events.next_within(ANSWER).await
}
