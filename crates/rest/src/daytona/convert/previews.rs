//! Links to ports.

use std::num::NonZeroU16;

use infield_daytona::{PreviewUrl, SignedPreviewUrl};
use infield_domain::{Error, Result};
use infield_engine::{Lifetime, PreviewLink};

use super::listing::whole;

/// Seconds that a signed link lives when nobody says otherwise, and at most.
const STANDARD_S: u64 = 60;
const MOST_S: f64 = 365.0 * 86_400.0;

/// A port in a path. Clients write whole numbers in either way, `3000` or `3000.0`.
pub(in super::super) struct PortNumber(pub(in super::super) NonZeroU16);

impl PortNumber {
    /// Reads it.
    pub(in super::super) fn read(word: &str) -> Result<Self> {
        let number = word.parse::<f64>().ok().filter(|n| n.fract() == 0.0);
        let number = number.filter(|n| (1.0..=65_535.0).contains(n)).map(|n| n as u16);
        number.and_then(NonZeroU16::new).map(Self).ok_or_else(|| {
            let shown = crate::hint::shown(word);
            Error::invalid(format!("`{shown}` is no port"))
                .with_hint("write a number from 1 to 65535")
        })
    }
}

/// How long a signed link lives.
pub(in super::super) fn lifetime(query: &[(String, String)]) -> Result<Lifetime> {
    let given = query.iter().find(|(name, _)| name == "expiresInSeconds");
    let seconds = given.map(|(name, value)| whole(name, value, MOST_S)).transpose()?;
    Ok(Lifetime::For(seconds.unwrap_or(STANDARD_S) * 1_000))
}

/// A link whose token goes into a header.
pub(in super::super) fn preview_url(made: PreviewLink) -> Result<PreviewUrl> {
    let url = made.url.ok_or_else(no_previews)?;
    let sandbox_id = made.name.sandbox.to_string();
    Ok(PreviewUrl { sandbox_id, url: url.trim_end_matches('/').to_owned(), token: made.token })
}

/// A link that has all that a visitor needs.
pub(in super::super) fn signed_preview_url(made: PreviewLink) -> Result<SignedPreviewUrl> {
    let url = made.link.ok_or_else(no_previews)?;
    let sandbox_id = made.name.sandbox.to_string();
    Ok(SignedPreviewUrl { sandbox_id, port: made.name.port.get(), token: made.token, url })
}

fn no_previews() -> Error {
    Error::unsupported("this server has no previews")
        .with_hint("start `infield serve` with previews to have them")
}
