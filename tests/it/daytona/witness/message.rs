//! Messages of HTTP/1.1 out of a stream of bytes that somebody else carries.

/// Bytes of a body that are kept; of longer ones nothing is checked but the head.
const MOST_KEPT: usize = 8 << 20;

/// A head, and the body where it was asked for.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The first line.
    pub(super) first: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self { first, headers: headers.collect(), body: Vec::new() }
    }

    /// A header's value, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }

    fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("application/json"))
    }

    /// How its body ends, when its head alone says so.
    fn framing(&self) -> Option<Framing> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            return Some(Framing::ChunkHead);
        }
        self.header("content-length")?.parse().ok().map(Framing::Sized)
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Framing {
    #[default]
    Head,
    /// So many bytes of a body.
    Sized(usize),
    /// The line before a chunk.
    ChunkHead,
    /// So many bytes of a chunk, with what ends it.
    Chunk(usize),
    /// The lines after the last chunk.
    Trailer,
    /// Nothing that is HTTP.
    Other,
}

/// Reads messages in one direction.
#[derive(Default)]
struct Reader {
    next: Framing,
    /// What has not been read yet of a line or a head.
    ahead: Vec<u8>,
    message: Message,
    keeps: bool,
}

/// Reads questions, whose bodies are nobody's business.
#[derive(Default)]
pub(super) struct Asking(Reader);

/// Reads answers.
#[derive(Default)]
pub(super) struct Answering(Reader);

impl Asking {
    /// Gives every head, as soon as it is there.
    pub(super) fn read(&mut self, bytes: &[u8], mut found: impl FnMut(Message)) {
        self.0.read(bytes, |event| match event {
            Event::Head(message) => {
                found(Message { body: Vec::new(), ..message.copy() });
                match message.framing() {
                    _ if message.header("upgrade").is_some() => Framing::Other,
                    Some(framing) => framing,
                    None => Framing::Sized(0),
                }
            }
            Event::End(_) => Framing::Head,
        });
    }
}

impl Answering {
    /// Gives every answer at its end; those that only announce another one are passed over.
    pub(super) fn read(&mut self, bytes: &[u8], mut found: impl FnMut(Message)) {
        self.0.read(bytes, |event| match event {
            Event::Head(message) => match message.status() {
                Some(101) => {
                    found(message.copy());
                    Framing::Other
                }
                Some(100..=199) => Framing::Head,
                Some(204 | 304) => Framing::Sized(0),
                // A body that ends with the connection is none of JSON.
                _ => message.framing().unwrap_or(Framing::Other),
            },
            Event::End(message) => {
                found(message);
                Framing::Head
            }
        });
    }
}

enum Event<'a> {
    Head(&'a Message),
    End(Message),
}

impl Message {
    fn copy(&self) -> Self {
        Self { first: self.first.clone(), headers: self.headers.clone(), body: Vec::new() }
    }
}

impl Reader {
    fn read(&mut self, mut bytes: &[u8], mut decide: impl FnMut(Event<'_>) -> Framing) {
        loop {
            match self.next {
                Framing::Other => return,
                Framing::Sized(0) => self.end(&mut decide),
                Framing::Sized(left) => {
                    let Some(taken) = self.take(&mut bytes, left) else { return };
                    self.next = Framing::Sized(left - taken);
                }
                Framing::Chunk(0) => self.next = Framing::ChunkHead,
                Framing::Chunk(left @ 1..=2) => {
                    let count = left.min(bytes.len());
                    if count == 0 {
                        return;
                    }
                    bytes = &bytes[count..];
                    self.next = Framing::Chunk(left - count);
                }
                Framing::Chunk(left) => {
                    let Some(taken) = self.take(&mut bytes, left - 2) else { return };
                    self.next = Framing::Chunk(left - taken);
                }
                Framing::Head => {
                    let Some(head) = self.until(&mut bytes, b"\r\n\r\n") else { return };
                    self.message = Message::parse(&head);
                    self.keeps = self.message.is_json();
                    self.next = decide(Event::Head(&self.message));
                }
                Framing::ChunkHead => {
                    let Some(line) = self.until(&mut bytes, b"\r\n") else { return };
                    let line = String::from_utf8_lossy(&line).into_owned();
                    let size = line.split(';').next().unwrap_or_default().trim();
                    self.next = match usize::from_str_radix(size, 16) {
                        Ok(0) => Framing::Trailer,
                        Ok(size) => Framing::Chunk(size + 2),
                        Err(_) => Framing::Other,
                    };
                }
                Framing::Trailer => {
                    let Some(line) = self.until(&mut bytes, b"\r\n") else { return };
                    if line.is_empty() {
                        self.end(&mut decide);
                    }
                }
            }
        }
    }

    fn end(&mut self, decide: &mut impl FnMut(Event<'_>) -> Framing) {
        self.next = decide(Event::End(std::mem::take(&mut self.message)));
    }

    /// Takes at most so many bytes of a body; none when there are none.
    fn take(&mut self, bytes: &mut &[u8], most: usize) -> Option<usize> {
        let count = most.min(bytes.len());
        if self.keeps && self.message.body.len() + count <= MOST_KEPT {
            self.message.body.extend_from_slice(&bytes[..count]);
        }
        *bytes = &bytes[count..];
        (count > 0).then_some(count)
    }

    /// Takes everything before an end, and the end; nothing while it has not come.
    fn until(&mut self, bytes: &mut &[u8], end: &[u8]) -> Option<Vec<u8>> {
        let before = self.ahead.len();
        self.ahead.extend_from_slice(bytes);
        let from = before.saturating_sub(end.len());
        let found = self.ahead[from..].windows(end.len()).position(|window| window == end);
        let Some(at) = found.map(|at| from + at) else {
            *bytes = &[];
            return None;
        };
        let used = at + end.len() - before;
        *bytes = &bytes[used..];
        let mut line = std::mem::take(&mut self.ahead);
        line.truncate(at);
        Some(line)
    }
}

#[cfg(test)]
mod tests;
