//! Connections between sandboxes: who may have one is decided here, whatever the network process
//! decided before.

use std::os::fd::OwnedFd;

use infield_domain::Result;
use infield_domain::network::Terms;
use infield_jail::defence::Defence;
use infield_net::control::{Answer, Outcome, Reach, Request};

use super::{Network, unexpected};

const UNKNOWN: &str = "one of the two is being started or ends";

impl Network {
    /// Waits for a sandbox that is to be connected to another one.
    pub(crate) async fn wanted(&self) -> Reach {
        match self.reaches.lock().await.recv().await {
            Some(reach) => reach,
            // The link has ended, and so does the daemon.
            None => std::future::pending().await,
        }
    }

    /// What is against it now; nothing when both sandboxes are served and in one network.
    pub(crate) fn objection(&self, reach: &Reach) -> Option<Outcome> {
        let served = self.lock();
        let Some((from, to)) = served.get(&reach.from).zip(served.get(&reach.to)) else {
            // A daemon that has just started may know them soon.
            return Some(Outcome::Unreachable(UNKNOWN.to_owned()));
        };
        let both = Terms::member(from).zip(Terms::member(to));
        let is_kept = self.without.keeps(Defence::Members);
        let is_fine = both.is_some_and(|(from, to)| !is_kept || from.common(to).is_some());
        (!is_fine).then_some(Outcome::Refused)
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
