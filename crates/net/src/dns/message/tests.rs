use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RecordType};
use proptest::prelude::*;

use super::*;

fn query(name: &str) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).expect("a name");
    message.add_query(Query::query(name, RecordType::A));
    message
}

fn with_edns(mut message: Message, payload: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

fn asked_by(message: &Message) -> Asked {
    match read(&message.to_vec().expect("a message")) {
        Received::Asked(asked) => asked,
        other => panic!("{other:?}"),
    }
}

fn code_of(bytes: &[u8]) -> ResponseCode {
    match read(bytes) {
        Received::Fault(reply) => Message::from_vec(&reply).expect("a message").response_code,
        other => panic!("{other:?}"),
    }
}

fn reason() -> Answer {
    Answer { reason: Some((15, "blocked")), ..Answer::error(ResponseCode::Refused) }
}

#[test]
fn a_reply_repeats_what_was_asked_in_its_spelling() {
    let asked = query("WwW.eXample.org.");
    let answer = Answer::with(vec![RData::A(A::new(192, 0, 2, 1))]);
    let reply = asked_by(&asked).reply(&answer, Transport::Datagram).expect("a reply");
    let reply = Message::from_vec(&reply).expect("a message");
    assert_eq!((reply.id, reply.message_type), (asked.id, MessageType::Response));
    assert!(reply.recursion_desired && reply.recursion_available);
    assert!(!reply.authoritative && !reply.truncation && reply.edns.is_none());
    assert!(reply.queries[0].name.eq_case(&asked.queries[0].name));
    assert!(reply.answers[0].name.eq_case(&asked.queries[0].name));
}

#[test]
fn those_who_speak_edns_are_spoken_to_so_and_get_the_reason() {
    let asked = with_edns(query("www.example.org."), 4_096);
    let reply = asked_by(&asked).reply(&reason(), Transport::Datagram).expect("a reply");
    let edns = Message::from_vec(&reply).expect("a message").edns.expect("it is spoken");
    assert_eq!((edns.version(), edns.max_payload()), (0, 1_232));
    let expected = EdnsOption::Unknown(15, b"\x00\x0fblocked".to_vec());
    assert_eq!(edns.option(EXTENDED_ERROR.into()), Some(&expected));
}

#[test]
fn one_that_takes_less_than_a_datagram_is_not_believed() {
    let mut bytes = with_edns(query("www.example.org."), 512).to_vec().expect("a message");
    // The class of the last record is the payload: there are 6 bytes behind it (RFC 6891, 6.1.2).
    let at = bytes.len() - 8;
    bytes[at..at + 2].copy_from_slice(&[0, 20]);
    let Received::Asked(asked) = read(&bytes) else { panic!("it is a question") };
    let reply = asked.reply(&reason(), Transport::Datagram).expect("a reply");
    assert!(!Message::from_vec(&reply).expect("a message").truncation);
}

#[test]
fn another_version_of_edns_is_not_spoken() {
    let mut asked = with_edns(query("www.example.org."), 4_096);
    asked.edns.as_mut().expect("it is spoken").set_version(1);
    // The same number means another thing elsewhere (RFC 8945).
    let code = code_of(&asked.to_vec().expect("a message"));
    assert_eq!(u16::from(code), u16::from(ResponseCode::BADVERS));
}

#[test]
fn a_datagram_that_is_too_large_loses_its_reason_and_says_so() {
    let label = "a".repeat(63);
    let asked = with_edns(query(&format!("{label}.{label}.{label}.{}.", "a".repeat(61))), 0);
    let long = Answer { reason: Some((0, Box::leak("x".repeat(250).into()))), ..reason() };
    let asked = asked_by(&asked);
    let reply = asked.reply(&long, Transport::Datagram).expect("a reply");
    assert!(reply.len() <= 512, "{}", reply.len());
    let reply = Message::from_vec(&reply).expect("a message");
    assert!(reply.truncation && reply.edns.expect("it is spoken").options().options.is_empty());
    assert_eq!(reply.queries.len(), 1);
    let whole = asked.reply(&long, Transport::Stream).expect("a reply");
    assert!(whole.len() > 512);
    assert!(!Message::from_vec(&whole).expect("a message").truncation);
}

#[test]
fn answers_are_not_answered_and_neither_is_half_a_header() {
    let mut answer = query("www.example.org.");
    answer.metadata.message_type = MessageType::Response;
    let bytes = answer.to_vec().expect("a message");
    assert!(matches!(read(&bytes), Received::Noise));
    assert!(matches!(read(&bytes[..11]), Received::Noise));
    assert!(matches!(read(&[]), Received::Noise));
}

#[test]
fn other_operations_and_malformed_questions_are_told_so() {
    for op_code in [OpCode::Status, OpCode::Notify, OpCode::Update, OpCode::Unknown(7)] {
        let mut other = query("www.example.org.");
        other.metadata.op_code = op_code;
        assert_eq!(code_of(&other.to_vec().expect("a message")), ResponseCode::NotImp);
    }
    let one = query("www.example.org.");
    let bytes = one.to_vec().expect("a message");
    let mut two = one.clone();
    two.add_query(one.queries[0].clone());
    let mut answered = one.clone();
    let name = one.queries[0].name.clone();
    answered.add_answer(Record::from_rdata(name, 0, RData::A(A::new(1, 1, 1, 1))));
    let none = Message::query();
    for faulty in [two, answered, none].map(|message| message.to_vec().expect("a message")) {
        assert_eq!(code_of(&faulty), ResponseCode::FormErr);
    }
    assert_eq!(code_of(&bytes[..bytes.len() - 1]), ResponseCode::FormErr);
    let padded = [&bytes[..], &[0; MOST_BYTES]].concat();
    assert_eq!(code_of(&padded), ResponseCode::FormErr);
    // A name that points at itself.
    let mut looped = bytes[..12].to_vec();
    looped.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(code_of(&looped), ResponseCode::FormErr);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(read(&bytes));
    }

    #[test]
    fn no_bytes_behind_a_header_are_too_strange(
        rest in prop::collection::vec(any::<u8>(), 0..600),
        additionals in 0_u8..3,
    ) {
        let header = [7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, additionals];
        let received = read(&[&header[..], &rest].concat());
        if let Received::Asked(asked) = received {
            for transport in [Transport::Datagram, Transport::Stream] {
                prop_assert!(asked.reply(&reason(), transport).is_some(), "{:?}", asked);
            }
        }
    }

    #[test]
    fn no_change_of_a_question_is_too_strange(
        changes in prop::collection::vec((0_usize..64, any::<u8>()), 1..4),
    ) {
        let mut bytes = with_edns(query("www.example.org."), 1_400).to_vec().expect("a message");
        let length = bytes.len();
        changes.iter().for_each(|(at, byte)| bytes[at % length] = *byte);
        if let Received::Asked(asked) = read(&bytes) {
            prop_assert!(asked.reply(&reason(), Transport::Datagram).is_some(), "{:?}", asked);
        }
    }
}
