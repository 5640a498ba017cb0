//! What is said to a language server, and what is understood of its answers.
//!
//! Answers are read into what is kept of them and no more: everything else is passed over without
//! being held, and lists end at a bound.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::frames::broken;
use super::{Completion, Completions, Position, Range, Symbol};
use infield_domain::{Error, Result};

#[cfg(test)]
mod tests;

/// Symbols or completions of one answer.
pub(super) const MOST_ITEMS: usize = 10_000;
/// Characters of an error of the server that are told.
const TOLD_CHARS: usize = 300;
/// Bytes of the name that a server gives to a question of its own.
const ID_BYTES: usize = 256;
/// What a server asks that can be granted by saying nothing.
const GRANTED: &[&str] = &[
    "client/registerCapability",
    "client/unregisterCapability",
    "window/workDoneProgress/create",
    "window/showMessageRequest",
];

/// A message that came, as far as it tells whose it is.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    id: Option<Id>,
    method: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

/// What a message is.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// The answer to the request of this number.
    Answer(i64),
    /// A question, with what is answered.
    Question(Value),
    /// Something to know, such as what is wrong with a file.
    Notice,
}

/// Tells what a message is.
pub(super) fn understand(message: &[u8]) -> Result<Said> {
    let envelope: Envelope =
        serde_json::from_slice(message).map_err(|_| broken("a message is none of JSON-RPC"))?;
    Ok(match (envelope.id, envelope.method) {
        (Some(Id::Number(id)), None) => Said::Answer(id),
        (Some(Id::Text(id)), Some(_)) if id.len() > ID_BYTES => {
            return Err(broken("the name of a question is too long"));
        }
        (Some(id), Some(method)) if GRANTED.contains(&&*method) => {
            Said::Question(json!({ "jsonrpc": "2.0", "id": id, "result": null }))
        }
        (Some(id), Some(_)) => {
            let error = json!({ "code": -32601, "message": "this client does not do that" });
            Said::Question(json!({ "jsonrpc": "2.0", "id": id, "error": error }))
        }
        (Some(Id::Text(_)) | None, None) | (None, Some(_)) => Said::Notice,
    })
}

/// A request.
pub(super) fn request(id: i64, method: &str, params: &impl Serialize) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Something to know for the server.
pub(super) fn notice(method: &str, params: &impl Serialize) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    message: String,
}

/// What an answer holds; nothing counts as the default.
pub(super) fn answered<T: DeserializeOwned + Default>(message: &Bytes) -> Result<T> {
    let answer: Answer<T> = serde_json::from_slice(message)
        .map_err(|_| broken("an answer has another shape than it should"))?;
    match answer.error {
        Some(refused) => {
            let text = refused.message.chars().filter(|letter| !letter.is_control());
            let text: String = text.take(TOLD_CHARS).collect();
            Err(Error::invalid(format!("the language server refuses: {text}")))
        }
        None => Ok(answer.result.unwrap_or_default()),
    }
}

/// A list that ends at [`MOST_ITEMS`].
#[derive(Debug)]
pub(super) struct AtMost<T> {
    pub(super) items: Vec<T>,
    pub(super) is_cut: bool,
}

impl<T> Default for AtMost<T> {
    fn default() -> Self {
        Self { items: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AtMost<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_seq(AtMostVisitor(PhantomData))
    }
}

struct AtMostVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMostVisitor<T> {
    type Value = AtMost<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<AtMost<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST_ITEMS {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(AtMost { items, is_cut: false }),
            }
        }
        let mut is_cut = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_cut = true;
        }
        Ok(AtMost { items, is_cut })
    }
}

/// A symbol in either of the protocol's two shapes: with its place, or with its children.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SymbolSaid {
    name: String,
    kind: u32,
    location: Option<LocationSaid>,
    range: Option<Range>,
    children: Option<AtMost<SymbolSaid>>,
}

#[derive(Debug, Deserialize)]
struct LocationSaid {
    uri: String,
    range: Option<Range>,
}

/// The symbols of an answer, parents before children.
pub(super) fn symbols(said: AtMost<SymbolSaid>, uri: &str) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut waiting: Vec<_> = said.items.into_iter().rev().collect();
    while let Some(said) = waiting.pop() {
        let (uri, range) = match said.location {
            Some(location) => (location.uri, location.range.or(said.range)),
            None => (uri.to_owned(), said.range),
        };
        let range = range.unwrap_or_default();
        symbols.push(Symbol { name: said.name, kind: said.kind, uri, range });
        waiting.extend(said.children.unwrap_or_default().items.into_iter().rev());
    }
    symbols
}

/// What completes a place: a list, or one with a word on whether it is whole.
#[derive(Debug, Default)]
pub(super) struct CompletionsSaid(AtMost<ItemSaid>, bool);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemSaid {
    label: String,
    kind: Option<u32>,
    detail: Option<String>,
    documentation: Option<DocumentationSaid>,
    sort_text: Option<String>,
    filter_text: Option<String>,
    insert_text: Option<String>,
    text_edit: Option<EditSaid>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EditSaid {
    new_text: Option<String>,
}

impl CompletionsSaid {
    pub(super) fn into_completions(self) -> Completions {
        let items = self.0.items.into_iter().map(|said| Completion {
            label: said.label,
            kind: said.kind,
            detail: said.detail,
            documentation: said.documentation.map(|said| (said.kind, said.value)),
            sort_text: said.sort_text,
            filter_text: said.filter_text,
            insert_text: said.insert_text.or(said.text_edit.and_then(|edit| edit.new_text)),
        });
        Completions { items: items.collect(), is_incomplete: self.0.is_cut || self.1 }
    }
}

impl<'de> Deserialize<'de> for CompletionsSaid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = CompletionsSaid;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("completions")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                list: A,
            ) -> std::result::Result<CompletionsSaid, A::Error> {
                Ok(CompletionsSaid(AtMostVisitor(PhantomData).visit_seq(list)?, false))
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<CompletionsSaid, A::Error> {
                let mut said = CompletionsSaid::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "items" => said.0 = map.next_value()?,
                        "isIncomplete" => said.1 = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(said)
            }
        }

        from.deserialize_any(Either)
    }
}

/// Words on a completion: plain text, or text of a kind.
#[derive(Debug)]
struct DocumentationSaid {
    kind: String,
    value: String,
}

impl<'de> Deserialize<'de> for DocumentationSaid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Markup {
            kind: String,
            value: String,
        }

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = DocumentationSaid;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<DocumentationSaid, E> {
                let kind = "plaintext".to_owned();
                Ok(DocumentationSaid { kind, value: text.to_owned() })
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<DocumentationSaid, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                let Markup { kind, value } = Markup::deserialize(map)?;
                Ok(DocumentationSaid { kind, value })
            }
        }

        from.deserialize_any(Either)
    }
}

/// What a server can do, as far as it matters.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Introduction {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    workspace_symbol_provider: Option<IgnoredAny>,
}

impl Introduction {
    /// Whether it may be asked for the symbols of the whole project. One that says `false` is asked
    /// too, and refuses.
    pub(super) fn knows_project(&self) -> bool {
        self.capabilities.workspace_symbol_provider.is_some()
    }
}

/// A file's text, told for the first time.
pub(super) fn opened(uri: &str, content: &str, (version, text): (i32, &str)) -> Value {
    let document = json!({ "uri": uri, "languageId": content, "version": version, "text": text });
    notice("textDocument/didOpen", &json!({ "textDocument": document }))
}

/// A file's text, told again.
pub(super) fn changed(uri: &str, (version, text): (i32, &str)) -> Value {
    let document = json!({ "uri": uri, "version": version });
    let changes = json!([{ "text": text }]);
    let params = json!({ "textDocument": document, "contentChanges": changes });
    notice("textDocument/didChange", &params)
}

/// A file that nobody looks at any more.
pub(super) fn closed(uri: &str) -> Value {
    notice("textDocument/didClose", &json!({ "textDocument": { "uri": uri } }))
}

/// Where in a file.
pub(super) fn place(uri: &str, at: Position) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": at })
}

/// What a server is told first.
pub(super) fn introduction(root: &str) -> Value {
    let completion =
        json!({ "completionItem": { "documentationFormat": ["plaintext", "markdown"] } });
    let symbols = json!({ "hierarchicalDocumentSymbolSupport": false });
    json!({
        "processId": null,
        "clientInfo": { "name": "infield" },
        "rootUri": root,
        "workspaceFolders": [{ "uri": root, "name": "project" }],
        "capabilities": {
            "textDocument": { "completion": completion, "documentSymbol": symbols },
            "workspace": { "symbol": {}, "workspaceFolders": true },
        },
    })
}
