//! The command line, as a person and a script use it: the real binary in a home of its own.

pub(crate) mod terminal;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::{Home, binary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a program may take to be gone after it was told to.
const GONE: Duration = Duration::from_secs(5);

/// A background command that has said `ready`.
struct Ready {
    child: Child,
    stdout: std::process::ChildStdout,
}

impl Ready {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stdout = child.stdout.take().context("it is piped")?;
        let mut word = [0; 6];
        stdout.read_exact(&mut word)?;
        ensure!(&word == b"ready\n", "it said {word:?}");
        Ok(Self { child, stdout })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for the end: the exit code, and what it wrote since it was ready.
    fn end(mut self) -> Result<(i32, String)> {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest)?;
        Ok((self.child.wait()?.code().context("it ended by itself")?, rest))
    }
}

fn with_input(mut command: Command, input: &[u8]) -> Result<Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("it is piped")?;
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    // A program that ends early closes its input, which is its right.
    drop(writing.join());
    Ok(output)
}

fn json(home: &Home, words: &[&str]) -> Result<Value> {
    let all: Vec<_> = words.iter().copied().chain(["--json"]).collect();
    Ok(serde_json::from_str(&home.run(&all)?)?)
}

async fn nothing_is_left(home: &Home) {
    let none = || json(home, &["ls"]).is_ok_and(|found| found == Value::Array(Vec::new()));
    eventually(GONE, "no sandbox is left", none).await;
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = (output.status.code(), text(&output.stdout), text(&output.stderr));
    assert_eq!(found, (Some(code), stdout.to_owned(), stderr.to_owned()));
}

#[tokio::test]
async fn streams_and_the_exit_code_are_the_programs_own() -> Result<()> {
    let home = Home::new()?;
    let code = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1]); \
                sys.stderr.write('!'); sys.exit(7)";
    let output = with_input(home.command(&["run", "-c", code]), b"\xffabc")?;
    assert_eq!(output.stdout, b"cba\xff");
    assert_eq!((output.stderr.as_slice(), output.status.code()), (b"!".as_slice(), Some(7)));
    let large = vec![b'x'; 5_000_000];
    let output = with_input(home.command(&["run", "-l", "bash", "-c", "cat"]), &large)?;
    assert!(output.stdout == large, "{} bytes came back", output.stdout.len());
    nothing_is_left(&home).await;
    Ok(())
}

#[test]
fn a_file_gets_its_language_arguments_variables_and_files() -> Result<()> {
    let home = Home::new()?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("a.sh"), "echo $1 $A; cat data; pwd")?;
    std::fs::write(at("data"), "brought\n")?;
    let (script, data) = (at("a.sh"), at("data"));
    let output = home.command(&["run", "-e", "A=b", "-f", &data, &script, "x y"]).output()?;
    check(&output, 0, "x y b\nbrought\n/workspace\n", "");
    let output = with_input(home.command(&["run", "-"]), b"print('from stdin')")?;
    check(&output, 0, "from stdin\n", "");
    Ok(())
}

#[test]
fn failures_of_infield_are_told_from_those_of_the_program() -> Result<()> {
    let home = Home::new()?;
    let slow = "import time; time.sleep(60)";
    let output = home.command(&["run", "--timeout", "300ms", "-c", slow]).output()?;
    assert_eq!(output.status.code(), Some(124));
    let output = home.command(&["run", "/nowhere.py"]).output()?;
    check(&output, 125, "", "error: there is no file `/nowhere.py`\n");
    let output = home.command(&["exec", "missing", "true"]).output()?;
    assert_eq!(output.status.code(), Some(125));
    home.run(&["create", "--name", "box"])?;
    let output = home.command(&["exec", "box", "no-such-program"]).output()?;
    assert_eq!(output.status.code(), Some(127));
    let output = home.command(&["info", "missing"]).output()?;
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    let output = home.command(&["run", "--network", "all", "-c", "1"]).output()?;
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("\nhint: "));
    Ok(())
}

#[tokio::test]
async fn an_interrupt_is_forwarded_and_a_second_one_ends_it() -> Result<()> {
    let home = Home::new()?;
    let polite = "import signal, sys, time\n\
                  signal.signal(signal.SIGINT, lambda *_: (print('bye'), sys.exit(5)))\n\
                  print('ready', flush=True)\ntime.sleep(60)";
    let ready = Ready::start(&mut home.command(&["run", "-c", polite]))?;
    ready.signal(Signal::INT)?;
    assert_eq!(ready.end()?, (5, "bye\n".to_owned()));

    let deaf = "import signal, time\nsignal.signal(signal.SIGINT, lambda *_: print('no', flush=True))\n\
                print('ready', flush=True)\nwhile True: time.sleep(60)";
    let mut ready = Ready::start(&mut home.command(&["run", "-c", deaf]))?;
    ready.signal(Signal::INT)?;
    let mut said = [0; 3];
    ready.stdout.read_exact(&mut said)?;
    assert_eq!(&said, b"no\n");
    ready.signal(Signal::INT)?;
    assert_eq!(ready.end()?.0, 130);
    nothing_is_left(&home).await;

    let mut ready = Ready::start(&mut home.command(&["run", "-c", deaf]))?;
    ready.child.kill()?;
    assert_eq!(ready.child.wait()?.signal(), Some(9));
    nothing_is_left(&home).await;
    Ok(())
}

#[test]
fn two_fronts_at_once_start_one_daemon() -> Result<()> {
    let home = Home::new()?;
    let mut fronts = Vec::new();
    for _ in 0..4 {
        let mut command = home.command(&["ls", "--json"]);
        fronts.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    }
    for front in fronts {
        check(&front.wait_with_output()?, 0, "[]\n", "");
    }
    home.run(&["shutdown"])?;
    let again = home.command(&["shutdown"]).output()?;
    check(&again, 0, "", "infield: no daemon runs\n");
    Ok(())
}

#[tokio::test]
async fn a_daemon_of_another_build_hands_over() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "steady"])?;
    // The same program under another build's name: the name is in it as plain text.
    let own = std::fs::read(binary())?;
    let name = own_build(&home)?;
    let other = tempfile::tempdir()?;
    let path = other.path().join("infield");
    std::fs::write(&path, replace(&own, name.as_bytes(), &[b'0'; 32])?)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut command = Command::new(&path);
    let words = ["exec", "steady", "echo", "still here"];
    command.args(words).env("INFIELD_HOME", home.path()).stdin(Stdio::null());
    check(&command.output()?, 0, "still here\n", "");
    // And back again.
    assert_eq!(home.run(&words)?, "still here\n");
    Ok(())
}

/// The build's name, as the daemon says it to anybody who asks at its socket.
fn own_build(home: &Home) -> Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(home.path().join("infield.sock"))?;
    stream.write_all(b"GET /v1/build HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split("\r\n\r\n").nth(1).context("an answer has a body")?;
    let body: Value = serde_json::from_str(body).with_context(|| answer.clone())?;
    Ok(body["build"].as_str().context("the build has a name")?.to_owned())
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>> {
    ensure!(old.len() == new.len(), "the name has another length");
    let mut changed = bytes.to_vec();
    let mut places = 0;
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(old.len()).position(|window| window == old) {
        at += found;
        changed[at..at + old.len()].copy_from_slice(new);
        at += old.len();
        places += 1;
    }
    ensure!(places > 0, "the name of the build is not in the program");
    Ok(changed)
}

#[test]
fn a_tree_goes_in_and_comes_out() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "box"])?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir_all(at("src/deep"))?;
    std::fs::write(at("src/deep/f"), [0, 255])?;
    home.run(&["cp", &at("src"), "box:"])?;
    home.run(&["cp", &at("src"), "box:/opt/other"])?;
    let found = home.run(&["exec", "box", "find", "/workspace/src", "/opt/other", "-type", "f"])?;
    assert_eq!(found, "/workspace/src/deep/f\n/opt/other/deep/f\n");
    home.run(&["exec", "box", "sh", "-c", "ln -s /etc/passwd src/out; chmod u+s src/deep/f"])?;
    home.run(&["cp", "box:src", &at("back")])?;
    assert_eq!(std::fs::read(at("back/deep/f"))?, [0, 255]);
    assert!(std::fs::symlink_metadata(at("back/out")).is_err(), "a link out came along");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(at("back/deep/f"))?);
    assert_eq!(mode & 0o6000, 0);
    let output = with_input(home.command(&["cp", "-", "box:note"]), b"words")?;
    check(&output, 0, "", "");
    check(&home.command(&["cp", "box:note", "-"]).output()?, 0, "words", "");
    Ok(())
}

#[test]
fn what_a_guest_names_moves_no_cursor() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "box", "--label", "a=\u{1b}[2Jb"])?;
    home.run(&["exec", "box", "sh", "-c", "exec true '\u{1b}]0;x\u{7}'"])?;
    for words in [&["info", "box"][..], &["logs", "--list", "box"], &["audit"], &["ls"]] {
        let shown = home.run(words)?;
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{words:?}: {shown:?}");
    }
    Ok(())
}

#[test]
fn output_is_kept_for_a_command_in_the_background() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "box"])?;
    let id = home.run(&[
        "exec",
        "-d",
        "box",
        "sh",
        "-c",
        "echo one; echo two >&2; sleep 1; echo three",
    ])?;
    let id = id.trim();
    check(&home.command(&["logs", "-f", id]).output()?, 0, "one\nthree\n", "two\n");
    check(&home.command(&["logs", "box"]).output()?, 0, "one\nthree\n", "two\n");
    assert_eq!(json(&home, &["logs", id])?["execution"]["ending"]["exit_code"], 0);
    Ok(())
}

#[test]
fn answers_are_json_on_request() -> Result<()> {
    let home = Home::new()?;
    let made = json(&home, &["create", "--name", "box", "-e", "SECRET=x"])?;
    assert_eq!((&made["name"], &made["state"]), (&"box".into(), &"running".into()));
    assert_eq!(made["environment"]["SECRET"], "***");
    assert_eq!(json(&home, &["info", "box"])?["sandbox"]["id"], made["id"]);
    assert_eq!(json(&home, &["stats"])?[0]["sandbox"]["name"], "box");
    let key = json(&home, &["key", "create", "k"])?;
    let fields: Vec<_> = key.as_object().context("an object")?.keys().cloned().collect();
    assert_eq!(fields, ["id", "name", "key"]);
    assert_eq!(json(&home, &["key", "ls"])?[0]["name"], "k");
    assert!(json(&home, &["doctor"])?["checks"].is_array());
    assert_eq!(json(&home, &["image", "ls"])?[0]["name"], "host");
    assert_eq!(json(&home, &["audit", "--verify"])?["broken_at"], Value::Null);
    assert_eq!(json(&home, &["stop", "box"])?[0]["state"], "stopped");
    assert_eq!(json(&home, &["rm", "box"])?[0]["deleted"], true);
    let again = home.command(&["rm", "box"]).output()?;
    assert_eq!(again.status.code(), Some(4));
    assert_eq!(json(&home, &["rm", "-f", "box"])?[0]["deleted"], false);
    Ok(())
}

#[test]
fn the_mcp_front_carries_bytes_and_ends_with_its_input() -> Result<()> {
    let home = Home::new()?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("f"), "from the host")?;
    let allowed = folder.path().display().to_string();
    let call = |id: u32, name: &str, arguments: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\
             \"params\":{{\"name\":\"{name}\",\"arguments\":{arguments}}}}}\n"
        )
    };
    let hello = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\
                 \"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\
                 \"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}\n\
                 {\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
    home.run(&["create", "--name", "box"])?;
    let up = format!(
        "{{\"sandbox_id\":\"box\",\"operation\":\"upload\",\"file_path\":\"g\",\"local_path\":\"{allowed}/f\"}}"
    );
    let input = format!("{hello}{}", call(1, "file_operation", &up));
    let output = with_input(home.command(&["mcp", "--allow-dir", &allowed]), input.as_bytes())?;
    let answers = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = answers.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(lines.iter().any(|line| line["id"] == 0 && line["result"].is_object()), "{answers}");
    let uploaded = lines.iter().find(|line| line["id"] == 1).context("no answer to the upload")?;
    assert_eq!(uploaded["result"]["isError"], false, "{uploaded}");
    assert_eq!(home.run(&["exec", "box", "cat", "g"])?, "from the host");
    Ok(())
}

#[test]
fn a_sentence_is_planned_done_or_asked_back() -> Result<()> {
    let home = Home::new()?;
    let say = |words: &[&str]| -> Result<Output> {
        Ok(home.command(&[&["do"], words].concat()).output()?)
    };
    let wish = "create a bash sandbox called said and run `echo hi; exit 3` in it";
    let plan = say(&["--dry-run", wish])?;
    let shown = String::from_utf8_lossy(&plan.stdout);
    ensure!(plan.status.success() && shown.contains("2. execute_shell"), "{plan:?}");
    ensure!(home.run(&["ls", "-q"])?.trim().is_empty());
    let done = say(&[wish])?;
    ensure!(done.status.code() == Some(3), "{done:?}");
    ensure!(String::from_utf8_lossy(&done.stdout).ends_with("hi\n"), "{done:?}");
    for unclear in ["can I delete said?", "delete everything", "delete said unless it runs"] {
        let asked = say(&[unclear])?;
        let told = String::from_utf8_lossy(&asked.stderr);
        ensure!(!asked.status.success() && told.contains("nothing was done"), "{asked:?}");
    }
    let told = json(&home, &["do", "-s", "said", "run `echo there`"])?;
    ensure!(told["results"][0]["result"]["stdout"] == "there\n", "{told}");
    let nowhere = say(&["-s", "nowhere", "run `ls`"])?;
    ensure!(String::from_utf8_lossy(&nowhere.stderr).contains("nowhere"), "{nowhere:?}");
    ensure!(say(&["delete", "said"])?.status.success());
    home.run(&["shutdown", "--all"]).map(drop)
}
