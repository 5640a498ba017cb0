//! A fake command: a task that plays its steps, and output that is kept.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use infield_domain::command::{
    Command, Ending, Execution, OnDisconnect, OutputPage, ProcessEvent, ProcessInput, Signal,
    Stdin, StoppedBy, Stream,
};
use infield_domain::guest::{InputSink, Process, ReadOutput};
use infield_domain::{Error, Result};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::script::Step;

/// Bytes of one event.
const PIECE: usize = 64 << 10;

#[derive(Clone, Debug)]
struct Now {
    execution: Execution,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

pub(crate) struct FakeExecution {
    now: watch::Sender<Now>,
    begun: Instant,
    killed: CancellationToken,
    killer: Mutex<Option<StoppedBy>>,
    stdin: mpsc::UnboundedSender<Option<Bytes>>,
    /// Cancelled when the sandbox dies; nobody hears of the command then.
    dead: CancellationToken,
}

impl FakeExecution {
    pub(crate) fn start(command: &Command, steps: Vec<Step>, dead: CancellationToken) -> Arc<Self> {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let execution = Execution {
            id: command.id.clone(),
            command: command.argv.join(" ").chars().take(200).collect(),
            started_at: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
            ending: None,
            stdout_bytes: 0,
            stderr_bytes: 0,
        };
        let now = Now { execution, stdout: Vec::new(), stderr: Vec::new() };
        let (stdin, input) = mpsc::unbounded_channel();
        match &command.stdin {
            Stdin::Empty => drop(stdin.send(None)),
            Stdin::Bytes(bytes) => {
                drop(stdin.send(Some(bytes.clone())));
                drop(stdin.send(None));
            }
            Stdin::Stream => {}
        }
        let this = Arc::new(Self {
            now: watch::Sender::new(now),
            begun: Instant::now(),
            killed: CancellationToken::new(),
            killer: Mutex::new(None),
            stdin,
            dead,
        });
        // On a thread of its own, as a process is: it outlives the runtime of whoever started it.
        let (running, timeout_ms) = (this.clone(), command.timeout_ms);
        drop(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime with nothing but timers");
            runtime.block_on(running.run(steps, input, timeout_ms));
        }));
        this
    }

    pub(crate) fn now(&self) -> Execution {
        self.now.borrow().execution.clone()
    }

    pub(crate) fn kill(&self, by: Option<StoppedBy>) {
        *self.killer.lock().expect("no test panics here") = by;
        self.killed.cancel();
    }

    async fn run(
        self: Arc<Self>,
        steps: Vec<Step>,
        input: mpsc::UnboundedReceiver<Option<Bytes>>,
        timeout_ms: Option<u64>,
    ) {
        let limit = Duration::from_millis(timeout_ms.unwrap_or(u64::MAX / 2));
        let (exit_code, stopped_by) = tokio::select! {
            code = self.play(steps, input) => (code, None),
            () = self.killed.cancelled() => {
                (137, *self.killer.lock().expect("no test panics here"))
            }
            () = tokio::time::sleep(limit) => (137, Some(StoppedBy::Timeout)),
        };
        let signal = (exit_code == 137).then_some(9);
        let wall_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.now.send_modify(|now| {
            now.execution.ending = Some(Ending { exit_code, signal, stopped_by, wall_ms });
        });
    }

    async fn play(
        &self,
        steps: Vec<Step>,
        mut input: mpsc::UnboundedReceiver<Option<Bytes>>,
    ) -> i32 {
        for step in steps {
            match step {
                Step::Out(bytes) => self.write(Stream::Stdout, &bytes),
                Step::Err(bytes) => self.write(Stream::Stderr, &bytes),
                Step::Sleep(rest) => tokio::time::sleep(rest).await,
                Step::Cat => {
                    while let Some(Some(bytes)) = input.recv().await {
                        self.write(Stream::Stdout, &bytes);
                    }
                }
                Step::Exit(code) => return code,
                Step::Hang => std::future::pending().await,
            }
        }
        0
    }

    fn write(&self, stream: Stream, bytes: &[u8]) {
        self.now.send_modify(|now| {
            match stream {
                Stream::Stdout => now.stdout.extend_from_slice(bytes),
                Stream::Stderr => now.stderr.extend_from_slice(bytes),
            }
            now.execution.stdout_bytes = now.stdout.len() as u64;
            now.execution.stderr_bytes = now.stderr.len() as u64;
        });
    }

    pub(crate) async fn read(&self, request: ReadOutput) -> Result<OutputPage> {
        let mut watch = self.now.subscribe();
        let there = |now: &Now| {
            let total = bytes_of(now, request.stream).len() as u64;
            now.execution.ending.is_some() || request.offset < total
        };
        let limit = Duration::from_millis(request.wait_ms);
        let waited = tokio::select! {
            waited = tokio::time::timeout(limit, watch.wait_for(there)) => waited.is_ok(),
            () = self.dead.cancelled() => {
                return Err(Error::unavailable("the sandbox does not run"));
            }
        };
        let now = self.now.borrow();
        let bytes = bytes_of(&now, request.stream);
        let total = bytes.len() as u64;
        let from = request.offset.min(total);
        let to = if waited { from.saturating_add(request.limit).min(total) } else { from };
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let data = Bytes::copy_from_slice(&bytes[place(from)..place(to)]);
        Ok(OutputPage { execution: now.execution.clone(), offset: from, data, total })
    }

    pub(crate) fn follow(
        self: &Arc<Self>,
        stdout: u64,
        stderr: u64,
        started: Option<OnDisconnect>,
    ) -> Process {
        let kill = (started == Some(OnDisconnect::Kill)).then(|| Arc::new(Kill(self.clone())));
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let follower = Follower {
            execution: self.clone(),
            watch: self.now.subscribe(),
            stdout: place(stdout),
            stderr: place(stderr),
            done: false,
            _kill: kill.clone(),
        };
        let events = futures_util::stream::unfold(follower, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        });
        let input = Input { execution: self.clone(), _kill: kill };
        Process { events: Box::pin(events), input: Box::new(input) }
    }
}

fn bytes_of(now: &Now, stream: Stream) -> &[u8] {
    match stream {
        Stream::Stdout => &now.stdout,
        Stream::Stderr => &now.stderr,
    }
}

/// Ends a command when the last half of its connection is gone.
struct Kill(Arc<FakeExecution>);

impl Drop for Kill {
    fn drop(&mut self) {
        self.0.kill(Some(StoppedBy::Caller));
    }
}

struct Follower {
    execution: Arc<FakeExecution>,
    watch: watch::Receiver<Now>,
    stdout: usize,
    stderr: usize,
    done: bool,
    _kill: Option<Arc<Kill>>,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<ProcessEvent>> {
        loop {
            if self.done {
                return None;
            }
            if let Some(event) = self.piece() {
                self.done = matches!(event, ProcessEvent::Ended(_));
                return Some(Ok(event));
            }
            let execution = self.execution.clone();
            tokio::select! {
                changed = self.watch.changed() => self.done = changed.is_err(),
                () = execution.dead.cancelled() => {
                    self.done = true;
                    return Some(Err(Error::unavailable("the sandbox died")));
                }
            }
        }
    }

    fn piece(&mut self) -> Option<ProcessEvent> {
        if self.execution.dead.is_cancelled() {
            return None;
        }
        let now = self.watch.borrow_and_update();
        let streams = [
            (Stream::Stdout, &now.stdout, &mut self.stdout),
            (Stream::Stderr, &now.stderr, &mut self.stderr),
        ];
        for (stream, bytes, at) in streams {
            if *at < bytes.len() {
                let end = (*at + PIECE).min(bytes.len());
                let data = Bytes::copy_from_slice(&bytes[*at..end]);
                let offset = *at as u64;
                *at = end;
                return Some(ProcessEvent::Output { stream, offset, data });
            }
        }
        now.execution.ending.map(ProcessEvent::Ended)
    }
}

struct Input {
    execution: Arc<FakeExecution>,
    _kill: Option<Arc<Kill>>,
}

impl InputSink for Input {
    fn send(&mut self, input: ProcessInput) -> BoxFuture<'_, Result<()>> {
        // A command that has ended reads nothing more, which is no error of the sender.
        match input {
            ProcessInput::Stdin(bytes) => drop(self.execution.stdin.send(Some(bytes))),
            ProcessInput::End => drop(self.execution.stdin.send(None)),
            ProcessInput::Resize(_) => {}
            ProcessInput::Signal(
                Signal::Interrupt | Signal::Terminate | Signal::Kill | Signal::Hangup,
            ) => self.execution.kill(Some(StoppedBy::Caller)),
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
