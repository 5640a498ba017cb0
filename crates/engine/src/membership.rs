//! Named networks: which sandboxes of one owner may reach each other.
//!
//! A network is there while a sandbox's record says it, and has no record of its own. What it is
//! held to, that it has so many members and no two of one name, is looked at by one at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::{MOST_MEMBERS, Move};
use infield_domain::sandbox::Sandbox;
use infield_domain::{Error, Kind, NetworkName, Permission, Principal, Result};

use crate::Engine;
use crate::driver::{Change, Seat};
use crate::network::NetworkChange;
use crate::registry::Taken;
use crate::sandboxes::masked;

/// How long a caller waits for the change.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);

impl Engine {
    /// Puts a sandbox into a named network of its owner, whose members may reach each other. Needs
    /// `manage`.
    pub async fn join_network(
        &self,
        who: &Principal,
        reference: &str,
        network: NetworkName,
    ) -> Result<Sandbox> {
        self.move_member(who, reference, ("network.join", Move::Join(network))).await
    }

    /// Takes a sandbox out of a named network; its connections to others there are cut. Needs
    /// `manage`.
    pub async fn leave_network(
        &self,
        who: &Principal,
        reference: &str,
        network: NetworkName,
    ) -> Result<Sandbox> {
        self.move_member(who, reference, ("network.leave", Move::Leave(network))).await
    }

    async fn move_member(
        &self,
        who: &Principal,
        reference: &str,
        (action, wish): (&'static str, Move),
    ) -> Result<Sandbox> {
        let found =
            who.require(Permission::Manage).and_then(|()| self.registry().find(who, reference));
        let subject = found.as_ref().map_or(reference.to_owned(), |seat| seat.id.to_string());
        let (Move::Join(network) | Move::Leave(network)) = &wish;
        let detail = network.to_string();
        let result = match found {
            Ok(seat) => self.move_seat(&seat, wish).await,
            Err(error) => Err(error),
        };
        let sandbox = self.noted(who, (action, &subject, &detail), result)?;
        Ok(masked(&sandbox))
    }

    async fn move_seat(&self, seat: &Arc<Seat>, wish: Move) -> Result<Arc<Sandbox>> {
        let _one_at_a_time = self.joining().lock().await;
        if let Move::Join(network) = &wish {
            self.check_room(&seat.sandbox(), &BTreeSet::from([network.clone()]))?;
        }
        let change = NetworkChange { wish: Some(wish), ..NetworkChange::default() };
        seat.change(Change::Network(change), CHANGE_LIMIT).await
    }

    /// Gives a new sandbox its place among all, and in the networks that it is to be in.
    pub(crate) async fn seat(
        &self,
        who: &Principal,
        seat: &Arc<Seat>,
    ) -> Result<std::result::Result<(), Taken>> {
        let sandbox = seat.sandbox();
        let most = self.settings().max_sandboxes;
        if sandbox.spec.networks.is_empty() {
            return Ok(self.registry().insert(seat, most, |owner| who.sees(owner)));
        }
        let _one_at_a_time = self.joining().lock().await;
        self.check_room(&sandbox, &sandbox.spec.networks)?;
        Ok(self.registry().insert(seat, most, |owner| who.sees(owner)))
    }

    /// Refuses a network that is full, or that has a member of this name.
    fn check_room(&self, joining: &Sandbox, networks: &BTreeSet<NetworkName>) -> Result<()> {
        let others = self.registry().all().into_iter().map(|seat| seat.sandbox());
        let others: Vec<_> =
            others.filter(|other| other.owner == joining.owner && other.id != joining.id).collect();
        let name = joining.spec.name.as_str();
        for network in networks {
            let members = || others.iter().filter(|other| other.spec.networks.contains(network));
            if members().count() >= MOST_MEMBERS {
                let error = format!("the network `{network}` has {MOST_MEMBERS} members");
                return Err(Error::new(Kind::Quota, error).with_hint("let one of them leave it"));
            }
            let is_same = |other: &&Arc<Sandbox>| {
                let known = other.spec.name.as_str();
                known.eq_ignore_ascii_case(name) && known != name
            };
            if let Some(other) = members().find(is_same) {
                let known = &other.spec.name;
                return Err(Error::conflict(format!(
                    "the network `{network}` has a member `{known}`, which is the same name to \
                     programs as `{name}`"
                ))
                .with_hint("use another name, or another network"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
