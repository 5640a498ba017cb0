//! What hosts and clients do to the toolbox: a full disk, readers that stop, a daemon that dies.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_tests::Server;

use super::{Besides, python_with};
use crate::traces::child;

/// Clients that ask and do not read.
const SILENT: usize = 8;
/// Kilobytes that they may cost together; each would cost a thousand times more.
const COST_KB: u64 = 64 << 10;
/// Bytes that the client takes which reads, meanwhile.
const TAKEN: usize = 256 << 20;

#[test]
fn a_full_disk_is_told_and_nothing_half_written_stays() -> Result<()> {
    let server = Server::start(&[])?;
    server.home.run(&["create", "--name", "full", "--user", "daytona", "--disk", "20m"])?;
    let besides = Besides { key: &["--sees-all"], variables: &[] };
    python_with(&server, ("hostile.py", "full_disk"), besides)
}

#[test]
fn a_killed_daemon_takes_sessions_along_and_nothing_else() -> Result<()> {
    let server = Server::start(&[])?;
    let keeper = server.pid().to_string();
    let besides = Besides { key: &[], variables: &[("KEEPER", &keeper)] };
    python_with(&server, ("hostile.py", "killed"), besides)
}

#[test]
fn readers_that_stop_cost_little() -> Result<()> {
    let server = Server::start(&[])?;
    server.home.run(&["create", "--name", "large", "--user", "daytona"])?;
    server.home.run(&["exec", "large", "truncate", "-s", "1G", "/tmp/large"])?;
    let key = server.key_with("reader", &["--sees-all"])?;
    let before = memory_kb(&server)?;
    let silent = (0..SILENT).map(|_| ask(&server, &key)).collect::<Result<Vec<_>>>()?;
    let mut reader = ask(&server, &key)?;
    let mut room = vec![0; 1 << 20];
    let mut taken = 0;
    while taken < TAKEN {
        let count = reader.read(&mut room)?;
        ensure!(count > 0, "the answer ended after {taken} bytes");
        taken += count;
    }
    let after = memory_kb(&server)?;
    ensure!(after < before + COST_KB, "{before} kB became {after} kB");
    drop(silent);
    Ok(())
}

/// Asks for the large file; the answer has begun.
fn ask(server: &Server, key: &str) -> Result<TcpStream> {
    let base = server.url("");
    let address = base.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let target = "/toolbox/large/files/download?path=/tmp/large";
    let head = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    ensure!(&status == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&status));
    Ok(stream)
}

fn memory_kb(server: &Server) -> Result<u64> {
    let daemon = child(server.pid(), "__daemon")?.context("no daemon")?;
    let status = fs::read_to_string(format!("/proc/{daemon}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
