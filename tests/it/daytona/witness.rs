//! What stands between the SDKs and the server: it passes every byte as it is, in both directions,
//! and holds each answer that goes by against the specifications.

mod message;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

use self::message::{Answering, Asking, Message};
use super::schema;

/// Complaints that are told at most.
const MOST_COMPLAINTS: usize = 20;

/// It, while clients come.
pub(crate) struct Witness {
    address: SocketAddr,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

/// What went by.
#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    checked: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

impl Witness {
    /// Stands before a server, at an address of its own.
    pub(crate) fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::<Seen>::default();
        let shared = seen.clone();
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                // A client whose connection fails says so itself.
                drop(pass(client, server, &shared));
            }
        });
        Ok(Self { address, seen, accepting })
    }

    /// The URL of a path, as the clients shall ask for it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends it, and fails with what was wrong with the answers; gives how many there were.
    pub(crate) fn judge(self) -> Result<usize> {
        self.seen.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.accepting.join().ok().context("the witness has panicked")?;
        let complaints = self.seen.complaints.lock().expect("no holder of this lock panics");
        ensure!(complaints.is_empty(), "answers are not as described:\n{}", complaints.join("\n"));
        Ok(self.seen.checked.load(Ordering::SeqCst))
    }
}

impl Seen {
    fn look_at(&self, asked: &Message, answer: &Message) {
        let mut words = asked.first.split(' ');
        let (method, target) = (words.next(), words.next());
        let status = answer.status().unwrap_or_default();
        let checked = schema::check(&schema::Answer {
            method: method.unwrap_or_default(),
            target: target.unwrap_or_default(),
            status,
            content_type: answer.header("content-type"),
            body: &answer.body,
        });
        self.checked.fetch_add(1, Ordering::SeqCst);
        if let Err(error) = checked {
            self.complain(error.to_string());
        }
    }

    fn complain(&self, complaint: String) {
        let mut complaints = self.complaints.lock().expect("no holder of this lock panics");
        if complaints.len() < MOST_COMPLAINTS && !complaints.contains(&complaint) {
            complaints.push(complaint);
        }
    }
}

/// Passes one connection, in two threads that end with it.
fn pass(client: TcpStream, server: SocketAddr, seen: &Arc<Seen>) -> Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    let asked = Arc::new(Mutex::new(VecDeque::new()));
    let (asking, seen) = (asked.clone(), seen.clone());
    std::thread::spawn(move || {
        let mut reader = Asking::default();
        copy(from_client, to_server, |bytes| {
            let queue = || asking.lock().expect("no holder of this lock panics");
            reader.read(bytes, |message| queue().push_back(message));
        });
    });
    std::thread::spawn(move || {
        let mut reader = Answering::default();
        copy(from_server, to_client, |bytes| {
            reader.read(bytes, |message| {
                let question = asked.lock().expect("no holder of this lock panics").pop_front();
                if let Some(question) = question {
                    seen.look_at(&question, &message);
                }
            });
        });
    });
    Ok(())
}

/// Copies one direction to its end. What is looked at is so before it goes on, so that a question
/// is known before its answer comes.
fn copy(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        look(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            drop(from.shutdown(Shutdown::Read));
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
