//! Fakes and a test server; tests only.
