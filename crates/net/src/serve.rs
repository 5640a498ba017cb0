//! Takes what the daemon says, and keeps the sandboxes that are served.
