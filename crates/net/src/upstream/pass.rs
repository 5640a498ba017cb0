//! Hands a question on as it is, as a resolver without walls does. In builds for attacks alone.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::Upstream;

/// How long the resolver outside has.
const PATIENCE: Duration = Duration::from_secs(3);

impl Upstream {
    /// What the first resolver answers.
    pub(crate) async fn pass(&self, question: &[u8]) -> Option<Vec<u8>> {
        let to = self.resolvers.first()?;
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await.ok()?;
        socket.connect(to).await.ok()?;
        socket.send(question).await.ok()?;
        let mut answer = vec![0; 4_096];
        let length = timeout(PATIENCE, socket.recv(&mut answer)).await.ok()?.ok()?;
        answer.truncate(length);
        Some(answer)
    }
}
