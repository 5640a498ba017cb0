//! Links to files that an owner signs, and that work without a credential.
//!
//! The owner is given the sandbox's key and signs by it; nothing of a link is stored. Another key
//! ends every link at once.

use infield_domain::principal::Credential;
use infield_domain::{Error, Kind, Permission, Principal, Result, SandboxId};
use infield_store::SigningKey;

use crate::{Engine, names};

/// Bytes of what a link says.
const MOST_BYTES: usize = 8 << 10;

/// What a link says.
#[derive(Clone, Debug)]
pub struct SignedFile {
    /// The sandbox, by its id.
    pub sandbox: String,
    /// `GET` to read, `POST` to write.
    pub method: String,
    /// The path of the file, as it was signed.
    pub path: String,
    /// When it ends, in seconds since the epoch; 0 is never.
    pub expires: u64,
    /// The signature of all that.
    pub signature: Vec<u8>,
}

impl Engine {
    /// The key by which links to a sandbox's files are signed; it is made when it is first asked
    /// for. Needs `execute`, as whoever has it may write.
    pub async fn signing_key(&self, who: &Principal, sandbox: &str) -> Result<String> {
        who.require(Permission::Execute)?;
        let id = self.registry().find(who, sandbox)?.id.clone();
        let fresh = SigningKey::from_random(names::random());
        let key = self.records().call(move |store| match store.signing_key(&id)? {
            Some(key) => Ok(key),
            None => store.put_signing_key(&id, &fresh).map(|()| fresh),
        });
        Ok(key.await?.text().to_owned())
    }

    /// Gives a sandbox another key, which ends every link. Needs `execute`.
    pub async fn rotate_signing_key(&self, who: &Principal, sandbox: &str) -> Result<String> {
        let result = async {
            who.require(Permission::Execute)?;
            let id = self.registry().find(who, sandbox)?.id.clone();
            let key = SigningKey::from_random(names::random());
            let text = key.text().to_owned();
            self.records().call(move |store| store.put_signing_key(&id, &key)).await?;
            Ok(text)
        };
        self.noted_inside(who, ("file.sign", sandbox, "another key"), result.await)
    }

    /// Whoever shows a link that is right may do what it says, in the name of the owner.
    pub async fn admit_signed(&self, file: SignedFile) -> Result<Principal> {
        let wrong = || {
            Error::new(Kind::Unauthenticated, "the link is not right, or is over")
                .with_hint("ask its owner for another one")
        };
        let permission = match file.method.as_str() {
            "GET" => Permission::Read,
            "POST" => Permission::Execute,
            _ => return Err(wrong()),
        };
        if file.path.len() > MOST_BYTES || file.expires > 0 && self.now() / 1_000 >= file.expires {
            return Err(wrong());
        }
        let id: SandboxId = file.sandbox.parse().map_err(|_| wrong())?;
        let seat = self.registry().by_id(&id).ok_or_else(wrong)?;
        let key = self.records().call(move |store| store.signing_key(&id)).await?;
        let text = format!("v1:files:{}:{}:{}", file.method, file.path, file.expires);
        if !key.is_some_and(|key| key.verifies(text.as_bytes(), &file.signature)) {
            return Err(wrong());
        }
        Ok(Principal {
            owner: seat.sandbox().owner.clone(),
            credential: Credential::None,
            permissions: vec![permission],
            sees_all: false,
            request_id: String::new(),
        })
    }
}
