//! MCP door.
