//! A sandbox with a copy of this binary, which is a peer there.

use infield_domain::{Error, Result};
use infield_rest::wire::{CreateSandbox, Execute, FileEntry, RunAnswer, Sandbox, WriteQuery};

use super::PEER;
use super::peer::Found;
use super::process::{OWN, PATIENCE, parse};
use crate::client::{Client, Request};
use crate::commands::cp::read_file;
use crate::commands::info::path;

/// Where the copy is.
const COPY: &str = "/workspace/infield-bench";

/// The sandbox.
pub(super) struct Inside {
    pub(super) client: Client,
    sandbox: Sandbox,
}

impl Inside {
    /// Makes it, and brings the copy.
    pub(super) async fn open(client: &Client, wish: &CreateSandbox) -> Result<Self> {
        let sandbox: Sandbox = client.json(Request::post("/v1/sandboxes", wish)?).await?;
        let inside = Self { client: client.clone(), sandbox };
        match inside.bring_copy().await {
            Ok(()) => Ok(inside),
            Err(error) => {
                inside.close().await?;
                Err(error)
            }
        }
    }

    async fn bring_copy(&self) -> Result<()> {
        let permissions = Some("755".to_owned());
        let query = WriteQuery { path: COPY.to_owned(), mode: None, permissions };
        let target = format!("{}/file", path(&self.sandbox.id));
        let content = read_file(std::path::Path::new(OWN)).await?;
        let _written: FileEntry =
            self.client.json(Request::put(target, content).query(&query)?).await?;
        Ok(())
    }

    /// Removes it.
    pub(super) async fn close(self) -> Result<()> {
        let _gone: Sandbox = self.client.json(Request::delete(path(&self.sandbox.id))).await?;
        Ok(())
    }

    /// Has a peer do its work once.
    pub(super) async fn measure(&self, words: Vec<String>) -> Result<Found> {
        let request = Request::post(self.executions(), &execution(words))?.patient(PATIENCE);
        let answer: RunAnswer = self.client.json(request).await?;
        parse(&answer.stdout.text).ok_or_else(|| {
            let said = format!("{}{}", answer.stdout.text, answer.stderr.text);
            Error::internal(format!("the peer in the sandbox said `{}`", said.trim()))
        })
    }

    /// Where executions are asked for.
    pub(super) fn executions(&self) -> String {
        format!("{}/executions", path(&self.sandbox.id))
    }
}

/// What runs a peer with these words.
pub(super) fn execution(words: Vec<String>) -> Execute {
    let own = [COPY, PEER].map(str::to_owned).into_iter();
    Execute { argv: Some(own.chain(words).collect()), ..Execute::default() }
}
