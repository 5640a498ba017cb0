//! Previews of real sandboxes, with real clients: curl, Node's WebSocket, and sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::{Server, tools};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::traces::child;

/// What runs inside: pages, events, and a WebSocket that says everything twice.
const SERVER: &str = include_str!("previews/server.py");
/// What visits by WebSocket.
const SOCKET: &str = include_str!("previews/socket.js");
/// What follows a development server.
const HOT: &str = include_str!("previews/hot.js");
/// A development server, and the packages that it needs.
const VITE: &[&str] = &[
    "vite",
    "@oxc-project",
    "@rolldown",
    "detect-libc",
    "fdir",
    "lightningcss",
    "lightningcss-linux-arm64-gnu",
    "lightningcss-linux-x64-gnu",
    "nanoid",
    "picocolors",
    "picomatch",
    "postcss",
    "rolldown",
    "source-map-js",
    "tinyglobby",
];
/// For a server inside to begin to listen.
const BEGIN: Duration = Duration::from_secs(15);

/// A daemon with previews, and a sandbox `web` whose server listens on port 8000.
struct Site {
    server: Server,
    address: SocketAddr,
    id: String,
}

impl Site {
    async fn new() -> Result<Self> {
        Self::with(&[]).await
    }

    async fn with(options: &[&str]) -> Result<Self> {
        let address = infield_tests::free_address()?;
        let listen = address.to_string();
        let server = Server::start(&[&["--preview", &listen][..], options].concat())?;
        let made = server.home.run(&["create", "--name", "web", "--json"])?;
        let made: Value = serde_json::from_str(&made)?;
        let id = made["id"].as_str().context("an id")?.to_owned();
        let site = Self { server, address, id };
        site.listen().await?;
        Ok(site)
    }

    async fn listen(&self) -> Result<()> {
        self.server.home.run(&["exec", "--detach", "web", "python3", "-c", SERVER])?;
        let listens = || self.ports().is_ok_and(|ports| ports.contains(&8000));
        eventually(BEGIN, "the server inside listens", listens).await;
        Ok(())
    }

    /// The ports in use.
    fn ports(&self) -> Result<Vec<u64>> {
        let listed: Value =
            serde_json::from_str(&self.server.home.run(&["port", "web", "--json"])?)?;
        let ports = listed.as_array().context("a list")?.iter();
        let used = ports.filter(|port| port["listening"] == true);
        Ok(used.filter_map(|port| port["port"].as_u64()).collect())
    }

    fn link(&self) -> Result<(String, String)> {
        let words = ["port", "web", "8000", "--link", "--expires", "1h", "--json"];
        let made: Value = serde_json::from_str(&self.server.home.run(&words)?)?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a text");
        Ok((text("link")?, text("token")?))
    }

    fn host(&self) -> String {
        format!("8000-{}.localhost", self.id)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.host(), self.address.port())
    }

    /// Runs curl to its end; gives the body and behind it the status.
    fn curl(&self, words: &[&str]) -> Result<String> {
        let resolve = format!("{}:{}:127.0.0.1", self.host(), self.address.port());
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "30", "--resolve", &resolve])
            .args(["--write-out", " %{http_code}"])
            .args(words)
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[tokio::test]
async fn a_person_follows_a_link_and_stays() -> Result<()> {
    let site = Site::new().await?;
    assert_eq!(site.ports()?, [8000], "the network's own listener is none of the sandbox's");
    let private = site.curl(&[&site.url("/")])?;
    assert!(private.ends_with(" 401"), "{private}");
    let (link, token) = site.link()?;
    let jar = site.server.home.path().with_extension("cookies");
    let jar = jar.to_str().context("a path")?;
    let browser = ["--header", "Accept: text/html", "--cookie", jar, "--cookie-jar", jar];
    let page = site.curl(&[&browser[..], &["--location", &link]].concat())?;
    assert_eq!(page, "GET / 200", "it was sent on to the address without the token");
    let again = site.curl(&[&browser[..], &[&site.url("/again")]].concat())?;
    assert_eq!(again, "GET /again 200");
    let program = format!("X-Infield-Preview-Token: {token}");
    let posted = ["--header", &program, "--data", "x=1", &site.url("/form")];
    assert_eq!(site.curl(&posted)?, "POST /form x=1 200");
    let two = ["--http2-prior-knowledge", "--header", &program, &site.url("/two")];
    assert_eq!(site.curl(&two)?, "GET /two 200");
    let head = site.curl(&["--header", &program, &site.url("/head")])?.to_lowercase();
    assert!(head.contains(&format!("host: {}:{}", site.host(), site.address.port())), "{head}");
    assert!(!head.contains(&token) && !head.contains("infield"), "{head}");
    site.server.home.run(&["port", "web", "8000", "--expire"])?;
    let ended = site.curl(&[&browser[..], &[&site.url("/")]].concat())?;
    assert!(ended.ends_with(" 401"), "{ended}");
    Ok(())
}

#[tokio::test]
async fn a_public_port_outlives_stop_and_start_and_says_when_nobody_is_there() -> Result<()> {
    let site = Site::new().await?;
    let home = &site.server.home;
    home.run(&["port", "web", "8000", "--public"])?;
    assert_eq!(site.curl(&[&site.url("/")])?, "GET / 200");
    home.run(&["stop", "web"])?;
    let stopped = site.curl(&[&site.url("/")])?;
    assert!(stopped.contains("infield start web") && stopped.ends_with(" 503"), "{stopped}");
    home.run(&["start", "web"])?;
    let nobody = site.curl(&[&site.url("/")])?;
    assert!(nobody.contains("nothing listens on port 8000") && nobody.ends_with(" 502"));
    site.listen().await?;
    assert_eq!(site.curl(&[&site.url("/")])?, "GET / 200");
    home.run(&["port", "web", "8000", "--private"])?;
    assert!(site.curl(&[&site.url("/")])?.ends_with(" 401"));
    Ok(())
}

#[tokio::test]
async fn web_sockets_and_events_pass() -> Result<()> {
    let site = Site::new().await?;
    let (_, token) = site.link()?;
    let node = tools().join("node_modules/.bin/node");
    let url = site.url(&format!("/ws?infield_preview_token={token}")).replace("http://", "ws://");
    let output = Command::new(node).args(["-e", SOCKET, &url]).stdin(Stdio::null()).output()?;
    let heard = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{heard} {said}");
    assert_eq!(heard, "open\nhellohello\nlarge 200000\nclosed\n");
    let program = format!("X-Infield-Preview-Token: {token}");
    let mut curl = Command::new("curl")
        .args(["--silent", "--no-buffer", "--max-time", "30", "--header", &program])
        .args(["--resolve", &format!("{}:{}:127.0.0.1", site.host(), site.address.port())])
        .arg(site.url("/events"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(curl.stdout.take().context("a pipe")?).lines();
    let first = lines.next().context("an event")??;
    assert_eq!(first, "data: 1", "it comes while the server waits");
    curl.kill()?;
    curl.wait()?;
    Ok(())
}

/// The key is root's own: the daemon, which is nobody, gets it by the keeper's descriptor. Links
/// and listener outlive a daemon that is killed.
#[tokio::test]
async fn links_over_tls_outlive_a_daemon_that_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).to_str().map(str::to_owned);
    let (key, chain) = (file("key").context("a path")?, file("chain").context("a path")?);
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:*.localhost"])
        .args(["-keyout", &key, "-out", &chain])
        .output()?;
    ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let site = Site::with(&["--preview-cert", &chain, "--preview-key", &key]).await?;
    let (link, token) = site.link()?;
    assert!(link.starts_with(&format!("https://{}:", site.host())), "{link}");
    let program = format!("X-Infield-Preview-Token: {token}");
    let url = site.url("/").replace("http://", "https://");
    let ask = || site.curl(&["--insecure", "--header", &program, &url]);
    assert_eq!(ask()?, "GET / 200");
    let daemon = child(site.server.pid(), "__daemon")?.context("no daemon")?;
    let process = Pid::from_raw(i32::try_from(daemon)?).context("no pid")?;
    kill_process(process, Signal::KILL)?;
    let back = || ask().is_ok_and(|answer| answer == "GET / 200");
    eventually(BEGIN * 2, "the next daemon answers", back).await;
    Ok(())
}

/// A foreground command that ends with the test.
struct Forward(Child);

impl Drop for Forward {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn a_port_is_forwarded_to_loopback() -> Result<()> {
    let site = Site::new().await?;
    let mut command = site.server.home.command(&["port", "web", "8000"]);
    let mut forward = Forward(command.stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(forward.0.stdout.take().context("a pipe")?).read_line(&mut line)?;
    let address = line.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address: SocketAddr = address.context("an address")?.parse()?;
    assert!(address.ip().is_loopback() && !address.to_string().starts_with("127.0.0.1:"), "{line}");
    let get = |path: &str| -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(BEGIN))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = String::from_utf8(get("/plain")?)?;
    assert!(answer.ends_with("\r\n\r\nGET /plain"), "{answer}");
    let large = get("/large")?;
    let body = large.windows(4).position(|four| four == b"\r\n\r\n").context("a body")? + 4;
    assert_eq!(large.len() - body, 20_000_000);
    assert!(large[body..].iter().all(|byte| *byte == b'x'));
    Ok(())
}

/// The page, a module, the client's script and the socket of a development server with hot reload,
/// which checks who asks, and the news of a change.
#[tokio::test]
async fn a_development_server_reloads_its_page() -> Result<()> {
    let address = infield_tests::free_address()?;
    let server = Server::start(&["--preview", &address.to_string()])?;
    let home = &server.home;
    home.run(&["create", "--name", "web"])?;
    let modules = tools().join("node_modules");
    let node = modules.join("node/bin/node");
    let path = |path: &std::path::Path| path.to_str().map(str::to_owned).context("a path");
    home.run(&["cp", &path(&std::fs::canonicalize(&node)?)?, "web:/usr/local/bin/node"])?;
    home.run(&["exec", "web", "mkdir", "-p", "/workspace/node_modules"])?;
    for package in VITE.iter().filter(|package| modules.join(package).exists()) {
        let target = format!("web:/workspace/node_modules/{package}");
        home.run(&["cp", &path(&modules.join(package))?, &target])?;
    }
    let site = r#"echo '<script type="module" src="/main.js"></script>' > index.html
        echo 'document.title = "one"' > main.js"#;
    home.run(&["exec", "web", "sh", "-c", site])?;
    let vite = ["node", "node_modules/vite/bin/vite.js", "--port", "5173"];
    home.run(&[&["exec", "--detach", "web"][..], &vite].concat())?;
    let listens = || home.run(&["port", "web"]).is_ok_and(|ports| ports.contains("5173"));
    eventually(BEGIN * 2, "the development server listens", listens).await;
    let made = home.run(&["port", "web", "5173", "--link", "--json"])?;
    let made: Value = serde_json::from_str(&made)?;
    let (url, token) = (made["url"].as_str(), made["token"].as_str());
    let mut words = vec!["-e", HOT];
    words.extend([url.context("a url")?, token.context("a token")?]);
    let mut command = Command::new(node);
    let mut visitor = Forward(command.args(words).stdout(Stdio::piped()).spawn()?);
    let mut lines = BufReader::new(visitor.0.stdout.take().context("a pipe")?).lines();
    for expected in ["page", "module", "connected"] {
        assert_eq!(lines.next().context("the visitor ended")??, expected);
    }
    home.run(&["exec", "web", "sh", "-c", r#"echo 'document.title = "two"' > main.js"#])?;
    assert_eq!(lines.next().context("the visitor ended")??, "full-reload");
    Ok(())
}
