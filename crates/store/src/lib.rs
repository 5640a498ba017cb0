//! SQLite rows and migrations.
