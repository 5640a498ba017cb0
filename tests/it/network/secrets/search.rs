//! Where a value is not: a search through everything that the product and a sandbox have, which is
//! proven by a value that was leaked on purpose.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::product::Product;
use super::super::world::World;
use super::{HOST, Stage};

/// Bytes of a process that are read at once.
const PIECE: usize = 16 << 20;
/// Folders of a sandbox in which anything can be written.
const FOLDERS: [&str; 8] = ["etc", "home", "opt", "root", "run", "tmp", "var", "workspace"];

/// What to look for: a text in its usual forms, one on a line.
struct Needle {
    file: PathBuf,
}

impl Needle {
    fn new(world: &World, name: &str, text: &str) -> Result<Self> {
        let file = world.folder().join(name);
        let program = "import base64, json, sys, urllib.parse as u\n\
            t = sys.stdin.read()\n\
            forms = {t, u.quote(t, safe=''), u.quote(t), json.dumps(t)[1:-1], t.encode().hex()}\n\
            for n in range(3):\n    \
                b = base64.b64encode(b'\\0' * n + t.encode()).decode()\n    \
                forms.add(b[4 if n else 0:-4])\n\
            print('\\n'.join(forms))";
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", program]).stdin(Stdio::piped()).stdout(fs::File::create(&file)?);
        let mut child = python.spawn()?;
        child.stdin.take().context("no standard input")?.write_all(text.as_bytes())?;
        ensure!(child.wait()?.success(), "no needle");
        Ok(Self { file })
    }

    /// Whether some bytes have it.
    fn is_in(&self, bytes: &[u8]) -> Result<bool> {
        let mut grep = Command::new("grep");
        grep.args(["-aqF", "-f"]).arg(&self.file).stdin(Stdio::piped());
        let mut child = grep.spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        // It reads no further than to the first place.
        stdin.write_all(bytes).ok();
        drop(stdin);
        Ok(child.wait()?.success())
    }

    /// The files below a folder that have it.
    fn files(&self, folder: &Path) -> Result<BTreeSet<String>> {
        let mut grep = Command::new("grep");
        grep.args(["-rlaF", "--devices=skip", "-f"]).arg(&self.file).arg(folder);
        let output = grep.output()?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(lines.lines().map(str::to_owned).collect())
    }

    /// Whether a process has it in its memory, its environment or its words.
    fn is_with(&self, pid: u32) -> Result<bool> {
        for file in ["environ", "cmdline"] {
            // One that is over has nothing.
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            if self.is_in(&bytes)? {
                return Ok(true);
            }
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let Ok(mut memory) = fs::File::open(format!("/proc/{pid}/mem")) else { return Ok(false) };
        let mut all = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (Some(range), Some(flags)) = (words.next(), words.next()) else { continue };
            let is_kernels =
                line.ends_with(']') && !line.ends_with("[heap]") && !line.ends_with("[stack]");
            if !flags.starts_with("rw") || is_kernels {
                continue;
            }
            let (from, to) = range.split_once('-').context("no range")?;
            let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
            let mut bytes = vec![0; usize::try_from(to - from)?.min(64 * PIECE)];
            memory.seek(SeekFrom::Start(from))?;
            let read = memory.read(&mut bytes).unwrap_or(0);
            all.extend_from_slice(&bytes[..read]);
            if all.len() > PIECE && self.is_in(&std::mem::take(&mut all))? {
                return Ok(true);
            }
        }
        self.is_in(&all)
    }
}

/// Everything that descends from a process, itself included.
fn family(keeper: u32) -> Result<Vec<(u32, String)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let parent = rest.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parents.push((pid, parent, String::from_utf8_lossy(&words).replace('\0', " ")));
    }
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut next = vec![keeper];
    while let Some(pid) = next.pop() {
        for (child, parent, words) in &parents {
            if *child == pid {
                found.push((pid, words.clone()));
            }
            if *parent == pid {
                next.push(*child);
            }
        }
    }
    Ok(found)
}

/// Works with the secret in every way, and leaks another value in those in which one can.
fn work(stage: &Stage, control: &str) -> Result<String> {
    let mut said = String::new();
    let asks = format!(
        "curl -sS -H \"Authorization: Bearer $TOKEN\" https://{HOST}/echo/search/plain | tee answer; \
         curl -sS --http2 -u \"me:$TOKEN\" https://{HOST}/echo/search/long | tail -c 2000 >> answer; \
         curl -sS -d \"$TOKEN\" https://{HOST}/echo/search/header -D - >> answer; env > /tmp/environment; \
         curl -sS -m 3 https://evil.example/ ; echo \"$LEAK\" | tee /root/leak"
    );
    let words = ["exec", "--env", &format!("LEAK={control}"), "box", "/bin/sh", "-c", &asks];
    said += &stage.product.run(&words)?;
    let program = format!(
        "import os, time, urllib.request as u\n\
         kept = [u.urlopen(u.Request('https://{HOST}/echo/search/plain', headers={{'X-Key': os.environ['TOKEN']}})).read()]\n\
         kept.append(os.environ['LEAK'] + '.')\nopen('/tmp/ready', 'w').close()\ntime.sleep(600)"
    );
    let leak = format!("LEAK={control}");
    stage.product.run(&[
        "exec",
        "-d",
        "--env",
        &leak,
        "box",
        "/usr/bin/python3",
        "-c",
        &program,
    ])?;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !stage.shell("ls /tmp")?.contains("ready") {
        ensure!(std::time::Instant::now() < limit, "the program does not get ready");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    stage.product.run(&["create", "--name=leaky", "--env", &leak])?;
    // What goes wrong says nothing either.
    let failed = stage.product.command(&["secret", "set", "no-name", "--host", HOST]).output()?;
    said += &String::from_utf8_lossy(&failed.stderr);
    for words in [
        &["secret", "ls", "--json"][..],
        &["info", "box", "--json"],
        &["net", "log", "box"],
        &["audit", "ls"],
        &["logs", "box"],
    ] {
        let output = stage.product.command(words).output()?;
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    Ok(said)
}

#[test]
fn a_value_is_nowhere_but_with_the_opener() -> Result<()> {
    let test = "a_value_is_nowhere_but_with_the_opener";
    let Some(world) = World::apart(test)? else { return Ok(()) };
    let log = world.folder().join("product.log");
    let product = Product::logging(world, &log)?;
    let stage = Stage::of(product)?;
    let world = stage.product.world();
    let control = "a control value: leaked/on+purpose";
    let (value, leak) =
        (Needle::new(world, "value", &stage.value)?, Needle::new(world, "leak", control)?);
    let said = work(&stage, control)?;
    ensure!(leak.is_in(said.as_bytes())?, "what was printed has no control: {said}");
    ensure!(!value.is_in(said.as_bytes())?, "it was printed: {said}");
    ensure!(!value.is_in(&fs::read(&log)?)?, "it is in the log");

    let (mut has_value, mut has_leak) = (Vec::new(), Vec::new());
    let all = family(stage.product.keeper())?;
    let mut root = None;
    for (pid, words) in &all {
        if value.is_with(*pid)? {
            has_value.push(words.clone());
        }
        if leak.is_with(*pid)? {
            has_leak.push(words.clone());
        }
        if words.contains("python3 -c") {
            root = Some(PathBuf::from(format!("/proc/{pid}/root")));
        }
    }
    let is_with = |all: &[String], word: &str| all.iter().any(|words| words.contains(word));
    ensure!(is_with(&has_leak, "python3"), "the search finds nothing: {has_leak:?} of {all:?}");
    ensure!(is_with(&has_value, "__opener"), "it is not where it must be: {has_value:?}");
    let elsewhere: Vec<_> = has_value.iter().filter(|one| !one.contains("__opener")).collect();
    ensure!(elsewhere.is_empty(), "processes have it: {elsewhere:?}");

    let root = root.context("the program inside is gone")?;
    let inside = |needle: &Needle| -> Result<BTreeSet<String>> {
        let found = FOLDERS.iter().map(|folder| needle.files(&root.join(folder)));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    };
    ensure!(inside(&leak)?.iter().any(|file| file.ends_with("root/leak")), "{:?}", inside(&leak)?);
    ensure!(inside(&value)?.is_empty(), "files inside have it: {:?}", inside(&value)?);
    // What is at rest: the database and its log, the layer that is saved.
    stage.product.run(&["stop", "box"])?;
    let home = stage.product.home();
    let leaked = leak.files(&home)?;
    ensure!(leaked.iter().any(|file| file.contains("infield.db")), "{leaked:?}");
    let found = value.files(&home)?;
    ensure!(found.is_empty(), "files of the home have it: {found:?}");
    let key = fs::metadata(home.join("secret.key"))?;
    ensure!(std::os::unix::fs::MetadataExt::uid(&key) == 0, "the daemon may read the key");
    Ok(())
}
