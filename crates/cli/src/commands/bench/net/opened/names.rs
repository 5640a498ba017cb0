//! A resolver that knows one name, and says the same of all others.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

/// Bytes before a question, and of a question for the root behind its name (RFC 1035, 4.1).
const HEADER: usize = 12;
const KIND_AND_CLASS: usize = 4;
/// The type A.
const A: [u8; 2] = [0, 1];
/// Bytes of a packet.
const PACKET: usize = 512;
/// An answer that is final, to a question that may be asked on.
const FLAGS: [u8; 2] = [0x85, 0x80];
/// The name of the question, as a pointer to it (RFC 1035, 4.1.4).
const SAME_NAME: [u8; 2] = [0xc0, 12];
/// How long an answer holds, in seconds.
const HOLDS: [u8; 4] = [0, 0, 0, 60];

/// Answers in a thread of its own, until the process ends.
pub(super) fn serve(address: Ipv4Addr) -> io::Result<()> {
    let socket = UdpSocket::bind((address, 53))?;
    thread::spawn(move || {
        let mut packet = [0; PACKET];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            let asked = packet.get(..length).unwrap_or_default();
            if let Some(answer) = answer(asked, address) {
                // Whoever is gone asks no more.
                drop(socket.send_to(&answer, from));
            }
        }
    });
    Ok(())
}

/// The answer to a question; none to what is none.
fn answer(asked: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let mut end = HEADER;
    while *asked.get(end)? > 0 {
        end += 1 + usize::from(*asked.get(end)?);
    }
    end += 1;
    let question = asked.get(HEADER..end + KIND_AND_CLASS)?;
    let kind = asked.get(end..end + 2)?;
    let is_known = kind == A;
    let mut answer = asked.get(..2)?.to_vec();
    answer.extend(FLAGS);
    // One question, one answer or one authority.
    answer.extend([0, 1, 0, u8::from(is_known), 0, u8::from(!is_known), 0, 0]);
    answer.extend(question);
    answer.extend(SAME_NAME);
    if is_known {
        answer.extend(A.into_iter().chain([0, 1]).chain(HOLDS).chain([0, 4]));
        answer.extend(address.octets());
    } else {
        // Start of authority, so that it is remembered that there is nothing (RFC 2308): two names
        // of the root and five numbers.
        answer.extend([0, 6, 0, 1].into_iter().chain(HOLDS).chain([0, 22, 0, 0]));
        answer.extend([HOLDS; 5].concat());
    }
    Some(answer)
}

#[cfg(test)]
mod tests;
