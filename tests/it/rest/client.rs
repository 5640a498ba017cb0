//! A client that says exactly what it is told, byte by byte.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For any one answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open connection and what was read ahead.
pub(crate) struct Client {
    pub(crate) wire: Box<dyn Wire>,
    ahead: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// The kind and the message of an error, after looking at its whole shape.
    pub(crate) fn error(&self) -> (String, String) {
        let body = self.json();
        let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
        let keys: Vec<_> = body.as_object().expect("it is an object").keys().collect();
        assert_eq!(keys, ["error", "request_id"], "{body}");
        assert_eq!(self.header("infield-request-id"), body["request_id"].as_str());
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(body["error"]["hint"].is_string() || body["error"]["hint"].is_null());
        (text(&body["error"]["kind"]), text(&body["error"]["message"]))
    }
}

impl Client {
    pub(crate) fn new(wire: impl Wire + 'static) -> Self {
        Self { wire: Box::new(wire), ahead: Vec::new() }
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        tokio::time::timeout(LIMIT, self.wire.write_all(bytes.as_ref())).await??;
        Ok(())
    }

    /// Sends a request, given as its lines, and reads the answer.
    pub(crate) async fn ask(&mut self, head: &str, body: impl AsRef<[u8]>) -> Result<Reply> {
        let mut request = head.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
        request.push_str("\r\n\r\n");
        self.send(request).await?;
        self.send(body).await?;
        self.reply().await
    }

    /// Reads an answer.
    pub(crate) async fn reply(&mut self) -> Result<Reply> {
        tokio::time::timeout(LIMIT, self.read_reply()).await.context("no answer in time")?
    }

    async fn read_reply(&mut self) -> Result<Reply> {
        let mut reply = self.read_head().await?;
        if reply.status == 101 {
            return Ok(reply);
        }
        if let Some(length) = reply.header("content-length") {
            let length = length.parse()?;
            reply.body = self.take(length).await?;
        } else if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.read_chunks().await?;
        }
        Ok(reply)
    }

    /// Reads an answer's head and leaves its body on the wire.
    pub(crate) async fn read_head(&mut self) -> Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.read_line().await?;
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let status = lines.first().context("an empty head")?;
        let status = status.split(' ').nth(1).context("no status")?.parse()?;
        let header = |line: &String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.iter().skip(1).filter_map(header).collect();
        Ok(Reply { status, headers, body: Vec::new() })
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.read_line().await?, 16)?;
            body.extend(self.take(size).await?);
            self.read_line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn read_line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.ahead.split_off(end + 2);
                let line = std::mem::replace(&mut self.ahead, rest);
                return Ok(String::from_utf8(line[..end].to_vec())?);
            }
            self.read_more().await?;
        }
    }

    async fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.ahead.len() < count {
            self.read_more().await?;
        }
        let rest = self.ahead.split_off(count);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    async fn read_more(&mut self) -> Result<()> {
        let mut page = [0; 4_096];
        match self.wire.read(&mut page).await? {
            0 => bail!("the connection ended; read so far: {}", self.ahead.escape_ascii()),
            count => self.ahead.extend_from_slice(&page[..count]),
        }
        Ok(())
    }

    /// Whether the server has closed the connection, without a further byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(LIMIT, self.wire.read(&mut byte)).await;
        self.ahead.is_empty() && matches!(read, Ok(Ok(0) | Err(_)))
    }

    /// The connection after an upgrade, with what was read ahead of it.
    pub(crate) fn into_stream(self) -> (Vec<u8>, Box<dyn Wire>) {
        (self.ahead, self.wire)
    }
}
