//! Makes the programs of a sandbox trust its own authority.
//!
//! The certificate is appended to the sandbox's copy of the system's authorities, where most
//! programs look, and lies in a file of its own for those that take one more. Variables that name
//! these files go with every command that the engine starts. It is done after each start, by the
//! agent, as everything inside is.

use futures_util::StreamExt as _;
use infield_domain::files::{FileKind, Range, Write, WriteMode};
use infield_domain::guest::Guest;
use infield_domain::secret::trust::{AUTHORITY, BUNDLE};
use infield_domain::{Error, GuestPath, Kind, Result};

/// Other places of the same, in other distributions; they are appended to where they are.
const OTHERS: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Bytes of such a file at most: a hundred and fifty authorities have a fourth of that.
const MOST_BYTES: usize = 4 << 20;
/// Around what was appended, so that it is found again.
const MARKS: [&str; 2] = ["# infield: begin\n", "# infield: end\n"];

/// Makes programs trust an authority, instead of the one before.
pub(crate) async fn establish(guest: &dyn Guest, pem: &str) -> Result<()> {
    put(guest, &path(AUTHORITY), pem.to_owned()).await?;
    append(guest, &path(BUNDLE), pem).await?;
    for other in OTHERS {
        let other = path(other);
        match guest.stat(&other).await {
            // A link leads to the one above, or to a file that a program manages.
            Ok(entry) if entry.kind == FileKind::File => {
                append(guest, &other, pem).await?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn path(text: &str) -> GuestPath {
    text.parse().expect("it is a path")
}

async fn append(guest: &dyn Guest, at: &GuestPath, pem: &str) -> Result<()> {
    let before = match read(guest, at).await {
        Ok(text) => text,
        Err(error) if error.kind() == Kind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    put(guest, at, appended(&before, pem)).await
}

/// The text with this authority at its end, and no earlier one of ours.
fn appended(before: &str, pem: &str) -> String {
    let [begin, end] = MARKS;
    let kept = match (before.find(begin), before.find(end)) {
        (Some(from), Some(to)) if from < to => {
            let (head, tail) = (before.get(..from), before.get(to + end.len()..));
            format!("{}{}", head.unwrap_or_default(), tail.unwrap_or_default())
        }
        _ => before.to_owned(),
    };
    let line = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    format!("{kept}{line}{begin}{pem}{end}")
}

async fn read(guest: &dyn Guest, at: &GuestPath) -> Result<String> {
    let (_, mut content) = guest.read(at, Range { offset: 0, length: None }).await?;
    let mut text = Vec::new();
    while let Some(piece) = content.next().await {
        text.extend_from_slice(&piece?);
        if text.len() > MOST_BYTES {
            let text = format!("`{at}` is too long for a file of authorities");
            return Err(Error::unsupported(text)
                .with_hint("choose an image with an ordinary one, or without any"));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn put(guest: &dyn Guest, at: &GuestPath, text: String) -> Result<()> {
    let write = Write { path: at.clone(), mode: WriteMode::Replace, permissions: Some(0o644) };
    let content = futures_util::stream::once(async move { Ok(text.into_bytes().into()) });
    guest.write(write, Box::pin(content)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::appended;

    #[test]
    fn an_authority_takes_the_place_of_the_one_before() {
        let first = appended("SYSTEM", "ONE\n");
        assert_eq!(first, "SYSTEM\n# infield: begin\nONE\n# infield: end\n");
        assert_eq!(appended(&first, "TWO\n"), "SYSTEM\n# infield: begin\nTWO\n# infield: end\n");
        let added = format!("{first}MORE\n");
        assert_eq!(
            appended(&added, "TWO\n"),
            "SYSTEM\nMORE\n# infield: begin\nTWO\n# infield: end\n"
        );
        assert_eq!(appended("", "ONE\n"), "# infield: begin\nONE\n# infield: end\n");
    }
}
