//! The least of an MCP client that measuring needs.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use infield_domain::{Error, Result};
use infield_rest::wire::McpHello;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};

use super::host::PYTHON_CODE;
use crate::client::{Client, Request};

/// The revision with a handshake, which every client speaks.
const LEGACY: &str = "2025-11-25";

/// The revision without, whose calls over HTTP stand alone.
const MODERN: &str = "2026-07-28";

/// The byte pipe that `infield mcp` would carry.
pub(super) struct Pipe {
    reader: BufReader<ReadHalf<TokioIo<Upgraded>>>,
    writer: WriteHalf<TokioIo<Upgraded>>,
    last_id: u64,
}

impl Pipe {
    /// Connects and shakes hands.
    pub(super) async fn open(client: &Client) -> Result<Self> {
        let hello = McpHello { session: "infieldbench0000".to_owned(), ..McpHello::default() };
        let connection = client.upgrade(Request::post("/v1/mcp", &hello)?).await?;
        let (reader, writer) = tokio::io::split(connection.bytes());
        let mut pipe = Self { reader: BufReader::new(reader), writer, last_id: 0 };
        let about = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": { "name": "infield bench", "version": "1" },
        });
        pipe.call("initialize", about).await?;
        pipe.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(pipe)
    }

    /// Runs Python in a new sandbox; how long until the answer was read.
    pub(super) async fn run_python(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let answer = self.call("tools/call", execute_code()).await?;
        let took = start.elapsed();
        check(&answer)?;
        Ok(took)
    }

    async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request).await?;
        loop {
            let mut line = String::new();
            let length = self.reader.read_line(&mut line).await.map_err(lost)?;
            if length == 0 {
                return Err(Error::unavailable("the MCP connection ended"));
            }
            let message: Value = serde_json::from_str(&line).map_err(malformed)?;
            if message["id"] == id {
                return result(message);
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.map_err(lost)?;
        self.writer.flush().await.map_err(lost)
    }
}

/// Runs Python in a new sandbox by one call over HTTP; how long until the answer was read.
pub(super) async fn run_python_over_http(client: &Client) -> Result<Duration> {
    let mut params = execute_code();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "infield bench", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = Request::post("/mcp", &message)?
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "execute_code");
    let start = Instant::now();
    let body = client.download(request).await?;
    let bytes = body
        .collect()
        .await
        .map_err(|source| Error::unavailable("the answer was cut short").with_source(source))?;
    let took = start.elapsed();
    let bytes = bytes.to_bytes();
    let text = std::str::from_utf8(&bytes).map_err(malformed)?;
    // Either one JSON text, or a stream of events of which the last one is the answer.
    let answer = text.lines().rev().find_map(|line| line.strip_prefix("data:")).unwrap_or(text);
    check(&result(serde_json::from_str(answer.trim()).map_err(malformed)?)?)?;
    Ok(took)
}

fn execute_code() -> Value {
    json!({ "name": "execute_code", "arguments": { "code": PYTHON_CODE } })
}

fn result(mut message: Value) -> Result<Value> {
    match message.get("error") {
        None => Ok(message["result"].take()),
        Some(error) => {
            Err(Error::internal(format!("the MCP door refused the call: {}", error["message"])))
        }
    }
}

fn check(answer: &Value) -> Result<()> {
    let structured = &answer["structuredContent"];
    if structured["exit_code"] == 0 && structured["stdout"] == "1\n" {
        return Ok(());
    }
    Err(Error::internal(format!("the MCP door ran something else: {answer}")))
}

fn lost(source: std::io::Error) -> Error {
    Error::unavailable("the MCP connection was lost").with_source(source)
}

fn malformed(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("the MCP door answered something else than JSON").with_source(source)
}
