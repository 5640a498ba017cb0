//! What is put where on the connections of one sandbox to one host.

use std::sync::Arc;

use infield_domain::network::{DomainName, Pattern};
use infield_domain::secret::{Placeholder, SecretName, Value};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::encode::{self, Bytes};
use crate::swap::{Action, Table};

/// A secret of a sandbox, opened.
#[derive(PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) secret: SecretName,
    pub(crate) placeholder: Placeholder,
    pub(crate) hosts: Vec<Pattern>,
    pub(crate) value: Value,
}

/// The tables of one sandbox and one host. On the way out a placeholder becomes the value, in the
/// form that fits its place, or ends the request when its secret does not name the host. On the
/// way back every form of every value becomes its placeholder.
pub(crate) struct Exchange {
    /// In headers and in bodies of no known kind.
    pub(crate) raw: Arc<Table>,
    /// In addresses and forms.
    pub(crate) percent: Arc<Table>,
    /// In documents of JSON.
    pub(crate) json: Arc<Table>,
    /// In answers.
    pub(crate) mask: Arc<Table>,
    /// A place for each body of the sandbox that is gathered.
    pub(crate) places: Arc<Semaphore>,
}

impl Exchange {
    pub(crate) fn new(
        held: &[Held],
        host: &DomainName,
        places: &Arc<Semaphore>,
    ) -> Result<Self, String> {
        let outgoing = |form: fn(&[u8]) -> Bytes| {
            let pair = |one: &Held| {
                let text = Zeroizing::new(one.placeholder.as_str().as_bytes().to_vec());
                let is_named = one.hosts.iter().any(|pattern| pattern.fits(host));
                let action = if is_named {
                    Action::Put(form(one.value.expose().as_bytes()))
                } else {
                    Action::Refuse(one.secret.clone())
                };
                (text, action)
            };
            Table::new(held.iter().map(pair)).map(Arc::new)
        };
        let masks = held.iter().flat_map(|one| {
            let put = Zeroizing::new(one.placeholder.as_str().as_bytes().to_vec());
            let forms = encode::all(one.value.expose().as_bytes());
            forms.into_iter().map(move |form| (form, Action::Put(put.clone())))
        });
        Ok(Self {
            raw: outgoing(|text| Zeroizing::new(text.to_vec()))?,
            percent: outgoing(encode::percent)?,
            json: outgoing(encode::json)?,
            mask: Arc::new(Table::new(masks)?),
            places: Arc::clone(places),
        })
    }
}
