//! Use cases: authorise, drive, audit.
