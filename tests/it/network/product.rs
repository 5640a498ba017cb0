//! The product on HOST. Its daemon, launcher and whatever else it starts live in that namespace.

use anyhow::Result;
use infield_tests::{Home, Server};

use super::world::World;

#[test]
fn the_product_runs_on_host() -> Result<()> {
    let Some(world) = World::shared("the_product_runs_on_host")? else { return Ok(()) };
    let server = Server::start_at(Home::new()?.within(world.host().entry()), &[])?;
    assert_eq!(server.home.run(&["run", "-c", "print(6 * 7)"])?, "42\n");
    let url = server.url("/api/health");
    let health = world.client(&["curl", "-sSf", "--max-time", "5", &url])?.output()?;
    assert!(health.status.success(), "it listens on HOST's loopback: {health:?}");
    Ok(())
}
