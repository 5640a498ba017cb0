//! Ports and links.

use std::num::NonZeroU16;

use infield_engine::{Lifetime, LinkPreview, Port, PreviewLink};

use crate::wire;

/// Which link to make.
pub(crate) fn link_preview(port: NonZeroU16, wish: &wire::LinkPort) -> LinkPreview {
    LinkPreview { port, lifetime: wish.expires_in_ms.map_or(Lifetime::Unlimited, Lifetime::For) }
}

/// A port.
pub(crate) fn port(port: Port) -> wire::Port {
    wire::Port {
        sandbox_id: port.name.sandbox.to_string(),
        port: port.name.port.get(),
        access: port.access,
        listening: port.is_listening,
        url: port.url,
    }
}

/// A link.
pub(crate) fn port_link(made: PreviewLink) -> wire::PortLink {
    wire::PortLink {
        sandbox_id: made.name.sandbox.to_string(),
        port: made.name.port.get(),
        access: made.access,
        url: made.url,
        link: made.link,
        token: made.token,
        expires_at: made.expires_at,
    }
}
