//! The packets of Engine.IO 4 and, in its messages, of Socket.IO 5: those that a client needs who is
//! told of events and asks for nothing.
//!
//! ```text
//! client                         server
//!                            ◀── 0{"sid", "pingInterval", ..}      open
//! 40{"token": KEY}           ──▶                                   connect
//!                            ◀── 40{"sid"} or 44{"message"}        connected, refused
//!                            ◀── 42["sandbox.state.updated", {..}] event
//!                            ◀── 2 and 3 back                      ping, pong
//! 41 or 1                    ──▶                                   the end
//! ```

use serde::Deserialize;
use serde_json::{Value, json};

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// It wants in, with this key.
    Connect(String),
    /// It is there.
    Pong,
    /// It goes.
    Close,
    /// Something that nobody here answers.
    Other,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    token: String,
}

impl Packet {
    /// Reads a text frame.
    pub(super) fn read(text: &str) -> Self {
        match text.split_at_checked(2) {
            Some(("40", auth)) => {
                let auth: Auth = serde_json::from_str(auth).unwrap_or_default();
                Self::Connect(auth.token)
            }
            Some(("41", _)) => Self::Close,
            _ => match text.chars().next() {
                Some('1') => Self::Close,
                Some('3') => Self::Pong,
                Some(_) | None => Self::Other,
            },
        }
    }
}

/// The first packet: who the client is here, and what holds.
pub(super) fn open(id: &str, ping_ms: u128, pong_ms: u128, most_bytes: usize) -> String {
    let fields = json!({
        "sid": id,
        "upgrades": [],
        "pingInterval": u64::try_from(ping_ms).unwrap_or(u64::MAX),
        "pingTimeout": u64::try_from(pong_ms).unwrap_or(u64::MAX),
        "maxPayload": most_bytes,
    });
    format!("0{fields}")
}

/// Asks whether the client is there.
pub(super) fn ping() -> String {
    "2".to_owned()
}

/// The client is in.
pub(super) fn connected(id: &str) -> String {
    format!("40{}", json!({ "sid": id }))
}

/// The client is not let in.
pub(super) fn refused(message: &str) -> String {
    format!("44{}", json!({ "message": message }))
}

/// The client is let go.
pub(super) fn disconnect() -> String {
    "41".to_owned()
}

/// Something happened.
pub(super) fn event(name: &str, payload: &Value) -> String {
    format!("42{}", json!([name, payload]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_told_apart() {
        let connect = |token: &str| Packet::Connect(token.to_owned());
        for (text, expected) in [
            (r#"40{"token":"inf_x"}"#, connect("inf_x")),
            ("40", connect("")),
            ("40{", connect("")),
            (r#"40{"token":7}"#, connect("")),
            ("41", Packet::Close),
            ("1", Packet::Close),
            ("3", Packet::Pong),
            ("42[\"x\"]", Packet::Other),
            ("", Packet::Other),
            ("é", Packet::Other),
        ] {
            assert_eq!(Packet::read(text), expected, "{text}");
        }
    }

    #[test]
    fn packets_are_as_clients_read_them() {
        assert_eq!(refused("no"), r#"44{"message":"no"}"#);
        assert_eq!(event("a.b", &json!({"c": 1})), r#"42["a.b",{"c":1}]"#);
        let open = open("s1", 25_000, 20_000, 16);
        let fields: Value = serde_json::from_str(&open[1..]).expect("JSON");
        assert_eq!((&open[..1], &fields["pingInterval"]), ("0", &json!(25_000)));
    }
}
