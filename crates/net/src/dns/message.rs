//! The messages of a sandbox's questions: reading them, and writing what is answered.
//!
//! The parser is handed nothing but what a stub resolver sends: one question, no records but those
//! at the end (RFC 6891). Everything else is turned down by the header alone.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record};

/// Bytes of a question at most: a name, and some options.
pub(super) const MOST_BYTES: usize = 4_096;
/// Bytes of a header.
const HEADER: usize = 12;
/// Records behind the question at most.
const MOST_RECORDS: u16 = 2;
/// Bytes of a datagram without EDNS (RFC 1035), and those that we take and send with it, so that
/// nothing is ever fragmented.
const DATAGRAM: (u16, u16) = (512, 1_232);
/// How long an answer holds, in seconds: so soon a program learns that a name is gone. What an
/// address means holds for longer, as long as not too many names are looked up after it.
const TTL: u32 = 30;
/// The option with the reason for an error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

/// A question.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    id: u16,
    recursion_desired: bool,
    pub(super) query: Query,
    /// Bytes that the asker takes in one datagram, when it speaks EDNS.
    payload: Option<u16>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    /// Nothing to be answered.
    Noise,
    /// Something that is answered without being understood, so.
    Fault(Vec<u8>),
    /// A question.
    Asked(Asked),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) data: Vec<RData>,
    /// Why, for a person: a code of RFC 8914 and a text.
    pub(super) reason: Option<(u16, &'static str)>,
}

impl Answer {
    /// This, or nothing of that type.
    pub(super) fn with(data: Vec<RData>) -> Self {
        Self { code: ResponseCode::NoError, data, reason: None }
    }

    /// An error without a word.
    pub(super) fn error(code: ResponseCode) -> Self {
        Self { code, data: Vec::new(), reason: None }
    }
}

/// Reads what came.
pub(super) fn read(bytes: &[u8]) -> Received {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Received::Noise };
    let [id_high, id_low, flags, _, counts @ ..] = *header;
    let id = u16::from_be_bytes([id_high, id_low]);
    // An answer to an answer would be answered in turn.
    if flags & 0x80 != 0 {
        return Received::Noise;
    }
    let op_code = OpCode::from_u8(flags >> 3 & 0x0f);
    if op_code != OpCode::Query {
        return fault(id, op_code, ResponseCode::NotImp);
    }
    let asked = if bytes.len() <= MOST_BYTES && has_usual_counts(counts) {
        Message::from_vec(bytes).ok().and_then(asked)
    } else {
        None
    };
    asked.map_or_else(|| fault(id, op_code, ResponseCode::FormErr), check_version)
}

/// Whether there is one question, and no records but a few at the end.
fn has_usual_counts(counts: [u8; 8]) -> bool {
    let [questions, answers, authorities, additionals] =
        [0, 2, 4, 6].map(|at| u16::from_be_bytes([counts[at], counts[at + 1]]));
    questions == 1 && answers == 0 && authorities == 0 && additionals <= MOST_RECORDS
}

fn fault(id: u16, op_code: OpCode, code: ResponseCode) -> Received {
    Message::error_msg(id, op_code, code).to_vec().map_or(Received::Noise, Received::Fault)
}

fn asked(mut message: Message) -> Option<(Asked, u8)> {
    let edns = message.edns.as_ref();
    let asked = Asked {
        id: message.metadata.id,
        recursion_desired: message.metadata.recursion_desired,
        payload: edns.map(Edns::max_payload),
        query: message.queries.pop()?,
    };
    let version = message.edns.map_or(0, |edns| edns.version());
    Some((asked, version))
}

fn check_version((asked, version): (Asked, u8)) -> Received {
    match version {
        0 => Received::Asked(asked),
        _ => {
            let answer = Answer::error(ResponseCode::BADVERS);
            asked.reply(&answer, Transport::Datagram).map_or(Received::Noise, Received::Fault)
        }
    }
}

impl Asked {
    /// Writes an answer; none if it cannot be written, which no answer of ours is known to be.
    ///
    /// A datagram that is too large for its asker loses its reason, and says so (RFC 8914, 3).
    /// Nothing else that is answered here is ever too large.
    pub(super) fn reply(&self, answer: &Answer, transport: Transport) -> Option<Vec<u8>> {
        let (without, with) = DATAGRAM;
        let most = match transport {
            Transport::Datagram => self.payload.unwrap_or(without).clamp(without, with),
            Transport::Stream => u16::MAX,
        };
        let mut message = self.message(answer);
        let bytes = message.to_vec().ok()?;
        if bytes.len() <= most.into() {
            return Some(bytes);
        }
        message.metadata.truncation = true;
        message.edns = self.payload.map(|_| edns());
        message.to_vec().ok().filter(|bytes| bytes.len() <= most.into())
    }

    fn message(&self, answer: &Answer) -> Message {
        let mut message = Message::new(self.id, MessageType::Response, OpCode::Query);
        message.metadata.recursion_desired = self.recursion_desired;
        message.metadata.recursion_available = true;
        message.metadata.response_code = answer.code;
        message.add_query(self.query.clone());
        message.add_answers(answer.data.iter().map(|data| {
            // The asker's own spelling, which it may compare.
            Record::from_rdata(self.query.name.clone(), TTL, data.clone())
        }));
        message.edns = self.payload.map(|_| {
            let mut edns = edns();
            edns.options_mut().options.extend(answer.reason.map(|(code, text)| {
                let mut data = code.to_be_bytes().to_vec();
                data.extend(text.as_bytes());
                (EXTENDED_ERROR.into(), EdnsOption::Unknown(EXTENDED_ERROR, data))
            }));
            edns
        });
        message
    }
}

/// What we say of ourselves to those who speak EDNS.
fn edns() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM.1);
    edns
}

#[cfg(test)]
mod tests;
