//! Connections between sandboxes: who may have one is decided here, whatever the network process
//! decided before.

use std::os::fd::OwnedFd;

use infield_domain::Result;
use infield_domain::network::Terms;
use infield_jail::defence::Defence;
use infield_net::control::{Answer, Outcome, Reach, Request};

use super::{Network, unexpected};

impl Network {
    /// Waits for a sandbox that is to be connected to another one.
    pub(crate) async fn wanted(&self) -> Reach {
        match self.reaches.lock().await.recv().await {
            Some(reach) => reach,
            // The link has ended, and so does the daemon.
            None => std::future::pending().await,
        }
    }

    /// Whether both sandboxes are served now, and in one network.
    pub(crate) fn permits(&self, reach: &Reach) -> bool {
        let served = self.lock();
        let member = |id| served.get(id).and_then(Terms::member);
        let both = member(&reach.from).zip(member(&reach.to));
        let is_kept = self.without.keeps(Defence::Members);
        both.is_some_and(|(from, to)| !is_kept || from.common(to).is_some())
    }

    /// Tells what came of it.
    pub(crate) async fn tell(
        &self,
        reach: Reach,
        outcome: Outcome,
        socket: Option<OwnedFd>,
    ) -> Result<()> {
        let request = Request::Reached { reach, outcome };
        match self.ask(request, socket.into_iter().collect()).await? {
            Answer::Done => Ok(()),
            Answer::Unknown | Answer::Serving(_) | Answer::Traffic(_) | Answer::Failed(_) => {
                Err(unexpected())
            }
        }
    }
}

#[cfg(test)]
mod tests;
