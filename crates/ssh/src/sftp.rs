//! The subsystem `sftp`: the engine's file functions for clients that copy files.

use crate::visitor::Line;

/// Answers until the client has closed the channel.
pub(crate) async fn run(line: Line) {
    drop(line);
}
