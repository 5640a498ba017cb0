//! Provider that runs sandboxes on this machine.
