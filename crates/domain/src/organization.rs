//! Organizations: owners of keys, and of what is made with them.

use serde::{Deserialize, Serialize};

use crate::sandbox::Millis;

/// An owner that somebody made, or that has a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// The word by which its keys name it.
    pub name: String,
    /// When it was made, or its oldest key was.
    pub created_at: Millis,
}
