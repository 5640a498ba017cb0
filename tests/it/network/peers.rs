//! Named networks: members reach each other, nobody else does, and it holds on every way that the
//! life of a sandbox and of the product can take.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::attempts::Policy;
use super::product::Product;
use super::world::World;

/// How long something may take after a death.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may go on after a sandbox has left, in seconds.
const CUT: f64 = 1.0;

/// A web server and an echo.
const SERVE: &str = r#"
import http.server, socket, threading
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        answer = f'{socket.gethostname()} got {len(body)} for {self.headers["Host"]}'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
def hold(stream):
    while piece := stream.recv(100):
        stream.sendall(piece)
def echo():
    mine = socket.create_server(('127.0.0.1', 8081))
    while True:
        threading.Thread(target=hold, args=(mine.accept()[0],), daemon=True).start()
threading.Thread(target=echo, daemon=True).start()
http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Page).serve_forever()
"#;

/// What a web server says to a body of a megabyte, or the page with which it is refused.
const ASK: &str = "
import urllib.error, urllib.request
body = b'x' * (1 << 20) if SEND else b''
try:
    request = urllib.request.Request('http://TARGET:8080/', body, method='POST')
    print(urllib.request.urlopen(request, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print('FAILED', error)
";

/// Says when an open connection ends.
const OPEN: &str = "
import socket, time
with socket.create_connection(('TARGET', 8081), 20) as stream:
    stream.sendall(b'hello')
    assert stream.recv(100) == b'hello'
    print('OPEN', flush=True)
    try:
        how = 'ENDED' if stream.recv(100) == b'' else 'SPOKE'
    except TimeoutError:
        how = 'WENT-ON'
    except OSError:
        how = 'ENDED'
    print('OVER', how, time.time(), flush=True)
";

/// Says how long nobody answered.
const WAIT: &str = "
import os, socket, time
print('OPEN', flush=True)
while not os.path.exists('/tmp/now'):
    time.sleep(0.01)
begun = time.monotonic()
with socket.create_connection(('TARGET', 8081), 20) as stream:
    try:
        stream.sendall(b'hello')
        how = 'SPOKE' if stream.recv(100) else 'ENDED'
    except TimeoutError:
        how = 'WAITED'
    except ConnectionResetError:
        how = 'RESET'
print('OVER', how, time.monotonic() - begun, flush=True)
";

fn serve(product: &Product, sandbox: &str) -> Result<()> {
    product.ask(&["exec", "-d", sandbox, "/usr/bin/python3", "-c", SERVE]).map(drop)
}

fn ask(product: &Product, sandbox: &str, target: &str) -> Result<String> {
    product.python(sandbox, &ASK.replace("TARGET", target).replace("SEND", "True"))
}

/// Holds when one reaches the other, at once or as soon as whoever died is there again.
fn check_reaches(product: &Product, (from, to): (&str, &str), when: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let said = ask(product, from, to)?;
        if said.trim() == format!("{to} got 1048576 for {to}:8080") {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "{when}: {from} does not reach {to}: {said}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// Holds when one is refused with words. It sends nothing before it has read them.
fn check_refused(product: &Product, (from, to): (&str, &str), when: &str) -> Result<()> {
    let script = ASK.replace("TARGET", to).replace("SEND", "False");
    let said = product.python(from, &script)?;
    let is_told = said.starts_with("403 infield refused") && said.contains("infield net join");
    ensure!(is_told, "{when}: {from} to {to}: {said}");
    Ok(())
}

/// Begins a script that goes on, and waits until it says so.
fn begin(product: &Product, sandbox: &str, script: &str) -> Result<()> {
    let line = "exec /usr/bin/python3 -c \"$1\" > /tmp/said 2>&1";
    product.run(&["exec", "-d", sandbox, "/bin/sh", "-c", line, "sh", script])?;
    said(product, sandbox, "OPEN").map(drop)
}

fn said(product: &Product, sandbox: &str, word: &str) -> Result<String> {
    let begun = Instant::now();
    loop {
        let said = product.ask(&["exec", sandbox, "/bin/cat", "/tmp/said"])?;
        if said.contains(word) {
            return Ok(said);
        }
        ensure!(begun.elapsed() < PATIENCE, "no {word}: {said}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// How a script ended, and the number that it said with that.
fn over(product: &Product, sandbox: &str) -> Result<(String, f64)> {
    let said = said(product, sandbox, "OVER")?;
    let words =
        said.lines().last().and_then(|line| line.strip_prefix("OVER ")).context("no end")?;
    let (how, number) = words.split_once(' ').context("no number")?;
    Ok((how.to_owned(), number.trim().parse()?))
}

#[test]
fn members_reach_each_other_and_nobody_else_does() -> Result<()> {
    let test = "members_reach_each_other_and_nobody_else_does";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::start(world)?;
    product.create_with("one", Policy::Limited, &["--join=team"])?;
    product.create("two", Policy::Custom(&["allow allowed.example"]))?;
    product.create("three", Policy::Public)?;
    product.create_as("somebody", r#"{"name": "four", "network": "public", "join": ["team"]}"#)?;
    for sandbox in ["one", "two", "three", "four"] {
        serve(&product, sandbox)?;
    }
    check_refused(&product, ("one", "two"), "it has not joined")?;
    product.run(&["net", "join", "two", "team"])?;
    check_reaches(&product, ("one", "two"), "joined")?;
    check_reaches(&product, ("two", "one"), "joined")?;
    let long = ask(&product, "one", "two.infield.internal")?;
    ensure!(long.starts_with("two got 1048576"), "by its long name: {long}");

    check_refused(&product, ("three", "one.infield.internal"), "in no network")?;
    check_refused(&product, ("one", "three"), "in no network")?;
    check_refused(&product, ("one", "four"), "of another owner")?;
    check_refused(&product, ("four", "one"), "of another owner")?;
    let unknown = ask(&product, "three", "one")?;
    ensure!(unknown.contains("Name or service not known"), "{unknown}");

    let about: Value = serde_json::from_str(&product.run(&["info", "--json", "two"])?)?;
    ensure!(about["sandbox"]["networks"] == serde_json::json!(["team"]), "{about}");
    let log = product.run(&["net", "log", "one"])?;
    let line = |word: &str| log.lines().find(|line| line.contains(word)).unwrap_or_default();
    ensure!(line("two:8080, sent").contains("both are in the network `team`"), "{log}");
    ensure!(line("four:8080").contains("denied"), "{log}");
    let refused = product.run(&["net", "join", "three", "no such word"]);
    ensure!(refused.is_err(), "any word will do");
    product.run(&["net", "set", "three", "none"])?;
    let refused = product.run(&["net", "join", "three", "team"]);
    let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(text.contains("infield net set"), "{text}");
    Ok(())
}

#[test]
fn leaving_cuts_within_a_second() -> Result<()> {
    let test = "leaving_cuts_within_a_second";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::start(world)?;
    for sandbox in ["one", "two"] {
        product.create_with(sandbox, Policy::Limited, &["--join=team", "--persistent"])?;
    }
    serve(&product, "two")?;
    for (what, words) in [
        ("the other one left", &["net", "leave", "two", "team"][..]),
        ("this one left", &["net", "leave", "one", "team"]),
        ("the other one lost its network", &["net", "set", "two", "none"]),
        ("the other one was stopped", &["stop", "two"]),
    ] {
        check_reaches(&product, ("one", "two"), what)?;
        begin(&product, "one", &OPEN.replace("TARGET", "two"))?;
        product.run(words)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let (how, at) = over(&product, "one")?;
        ensure!(how == "ENDED" && at - since < CUT, "{what}: {how} {:.3} s later", at - since);
        check_refused(&product, ("one", "two.infield.internal"), what)?;
        product.run(&["net", "set", "two", "limited"])?;
        product.run(&["net", "join", "two", "team"])?;
        product.run(&["net", "join", "one", "team"])?;
    }
    Ok(())
}

#[test]
fn networks_outlive_everybody_who_serves_them() -> Result<()> {
    let test = "networks_outlive_everybody_who_serves_them";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let mut product = Product::start(world)?;
    for sandbox in ["one", "two"] {
        product.create_with(sandbox, Policy::Limited, &["--join=team"])?;
        serve(&product, sandbox)?;
    }
    product.create("three", Policy::Limited)?;
    let check = |product: &Product, when: &str| -> Result<()> {
        check_reaches(product, ("one", "two"), when)?;
        check_reaches(product, ("two", "one"), when)?;
        check_refused(product, ("three", "two.infield.internal"), when)
    };
    check(&product, "at first")?;
    product.kill("__network")?;
    check(&product, "after another network process")?;
    product.kill("__daemon")?;
    product.ask(&["ls"])?;
    check(&product, "after another daemon")?;
    product.kill("__launcher")?;
    check(&product, "after another launcher")?;
    product.restart()?;
    check(&product, "after everything")?;
    product.ask(&["stop", "two"])?;
    product.ask(&["start", "two"])?;
    serve(&product, "two")?;
    check(&product, "after a stop")?;

    // A name that is somebody else's now leads nowhere.
    product.ask(&["rm", "-f", "two"])?;
    product.create_as("somebody", r#"{"name": "two", "network": "public", "join": ["team"]}"#)?;
    serve(&product, "two")?;
    check_refused(&product, ("one", "two"), "the name is another owner's")
}

#[test]
fn without_a_daemon_nobody_waits_long() -> Result<()> {
    let test = "without_a_daemon_nobody_waits_long";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::start(world)?;
    for sandbox in ["one", "two"] {
        product.create_with(sandbox, Policy::Limited, &["--join=team"])?;
    }
    serve(&product, "two")?;
    check_reaches(&product, ("one", "two"), "at first")?;
    let script = WAIT.replace("TARGET", "two").replace("'/tmp/now'", "'/tmp/said.now'");
    begin(&product, "one", &script)?;
    let daemon = i32::try_from(product.part("__daemon")?)?;
    let daemon = Pid::from_raw(daemon).context("no pid")?;
    product.run(&["exec", "-d", "one", "/bin/sh", "-c", "sleep 1; touch /tmp/said.now"])?;
    // One that stands still is away, and nobody takes its place. Nor does anybody tell meanwhile what
    // the script has said.
    kill_process(daemon, Signal::STOP)?;
    std::thread::park_timeout(Duration::from_secs(8));
    kill_process(daemon, Signal::CONT)?;
    let (how, took) = over(&product, "one")?;
    ensure!(how == "RESET" && (4.0..6.0).contains(&took), "{how} after {took:.1} s");
    check_reaches(&product, ("one", "two"), "afterwards")
}
