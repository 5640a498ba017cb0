//! Parts a request into clauses, one for each operation.
//!
//! A word that joins is no end of a clause by itself: `install flask and numpy` is one. What
//! follows must begin something of its own.

use std::ops::Range;

use super::code;
use super::facts::Piece;
use super::lexer::Kind;
use super::raw;
use super::vocabulary::{Act, Place, Sense, Thing};

/// Verbs whose data may stand unquoted after a colon, to the end of the text.
const TAKES_ALL: &[Act] = &[Act::Write, Act::Save, Act::Put, Act::Commit];

/// Verbs whose data may stand unquoted before the file.
const WRITES: &[Act] = &[Act::Write, Act::Save, Act::Put];

/// Verbs after which a colon brings something to run.
const RUNS: &[Act] = &[Act::Run, Act::Try, Act::Start];

/// Makes one piece of data of what follows a colon, where that can be nothing else.
pub(super) fn gather_tail<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let Some(colon) =
        pieces.iter().position(|piece| piece.kind == Kind::Mark && piece.value == ":")
    else {
        return;
    };
    let Some(next) = pieces.get(colon + 1) else { return };
    if matches!(next.kind, Kind::Quote | Kind::Block) {
        return;
    }
    let rest = text[next.start..].trim_end();
    let left = &pieces[..colon];
    let acts =
        |wanted: &[Act]| left.iter().any(|p| p.act().is_some_and(|act| wanted.contains(&act)));
    let says_code = left.iter().any(|piece| piece.thing() == Some(Thing::Code));
    let is_all = acts(TAKES_ALL)
        || left.iter().any(|piece| piece.thing() == Some(Thing::Message))
        || ((acts(RUNS) || says_code) && code::looks_like_code(rest))
        || (says_code && !raw::begins_command(&pieces[colon + 1..]));
    if is_all {
        let (start, end) = (next.start, next.start + rest.len());
        pieces.truncate(colon + 1);
        pieces.push(Piece::data(&text[start..end], start, end));
    }
}

/// Makes one piece of data of what is to be written, where it stands unquoted between the verb and
/// the file: `put hello world in /tmp/a.txt`. Whatever verbs are in it, they are no operations.
pub(super) fn gather_head<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let Some(verb) = pieces.iter().position(|piece| !piece.is_filler()) else { return };
    if !pieces[verb].act().is_some_and(|act| WRITES.contains(&act)) {
        return;
    }
    let is_file = |piece: &Piece<'_>| {
        let name = piece.value.rsplit('/').next().unwrap_or_default();
        piece.kind == Kind::Path && name.contains('.')
    };
    let Some(path) = pieces.iter().position(is_file) else { return };
    let leads = |piece: &Piece<'_>| matches!(piece.place(), Some(Place::In | Place::To));
    let Some(place) = (verb + 1..path).rev().find(|at| leads(&pieces[*at])) else { return };
    let only_file = |piece: &Piece<'_>| piece.is_filler() || piece.thing() == Some(Thing::File);
    let announces = |piece: &Piece<'_>| {
        !piece.guessed
            && (piece.is_filler() || matches!(piece.thing(), Some(Thing::Text | Thing::Content)))
    };
    let from = (verb + 1..place).find(|at| !announces(&pieces[*at]));
    let Some(from) = from.filter(|_| pieces[place + 1..path].iter().all(only_file)) else { return };
    let said = &pieces[from..place];
    let is_more = |piece: &Piece<'_>| {
        piece.kind != Kind::Word
            || piece.has(Sense::It)
            || piece.is_sandbox()
            || matches!(
                piece.thing(),
                Some(Thing::File | Thing::Files | Thing::Folder | Thing::Repository | Thing::Code)
            )
    };
    if said.iter().any(is_more) {
        return;
    }
    let (start, end) = (said[0].start, said[said.len() - 1].end);
    pieces.splice(from..place, [Piece::data(&text[start..end], start, end)]);
}

/// How two sides are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// By a comma or a word such as `and`: things are joined so, too.
    Weak,
    /// As one follows the other in time, or by the end of a sentence.
    Strong,
}

/// The clauses, in order.
pub(super) fn split(text: &str, pieces: &[Piece<'_>]) -> Vec<Range<usize>> {
    let mut clauses = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while at < pieces.len() {
        let Some((end, joint)) = joint(text, pieces, at) else {
            at += 1;
            continue;
        };
        if at > from && parts(pieces, from..at, end, joint) {
            clauses.push(from..at);
            from = end;
        }
        at = end.max(at + 1);
    }
    if from < pieces.len() {
        clauses.push(from..pieces.len());
    }
    clauses
}

/// Where joining words and marks that begin at `at` end, and whether they say that one thing
/// follows another.
fn joint(text: &str, pieces: &[Piece<'_>], at: usize) -> Option<(usize, Joint)> {
    let new_line = at > 0 && text[pieces[at - 1].end..pieces[at].start].contains('\n');
    let mut end = at;
    let mut is_strong = new_line;
    while let Some(piece) = pieces.get(end).filter(|piece| piece.parts()) {
        let is_comma = piece.kind == Kind::Mark && piece.value == ",";
        is_strong |= !is_comma && !piece.has(Sense::And);
        end += 1;
    }
    let joint = if is_strong { Joint::Strong } else { Joint::Weak };
    (end > at || new_line).then_some((end, joint))
}

fn parts(pieces: &[Piece<'_>], left: Range<usize>, from: usize, joint: Joint) -> bool {
    let rest = &pieces[from.min(pieces.len())..];
    let right = &rest[..rest.iter().position(Piece::parts).unwrap_or(rest.len())];
    let left = &pieces[left];
    let says = |side: &[Piece<'_>]| side.iter().any(|piece| piece.act().is_some());
    let left_does = says(left) || raw::begins_command(left) || left.iter().any(Piece::is_data);
    if !left_does || right.is_empty() || awaits_path(left, rest) {
        return false;
    }
    // Data that stands by itself belongs to the verb before it or behind it that has none.
    let has_data = |side: &[Piece<'_>]| side.iter().any(Piece::is_data);
    let waits = |side: &[Piece<'_>]| says(side) && !has_data(side);
    let is_alone = |side: &[Piece<'_>]| !says(side) && has_data(side);
    if (waits(left) && is_alone(right)) || (is_alone(left) && waits(right)) {
        return false;
    }
    if joint == Joint::Strong {
        return says(right) || raw::begins_command(right) || right.iter().any(Piece::is_data);
    }
    let is_verb =
        |piece: &Piece<'_>| piece.act().is_some_and(|act| act != Act::Ask) && !piece.guessed;
    let ends = right.iter().rev().find(|piece| !piece.is_filler());
    raw::begins_command(right)
        || begins(right).is_some_and(is_verb)
        || (right.len() > 1 && ends.is_some_and(|last| is_verb(last) && last.thing().is_none()))
}

/// The first piece of a clause that says something; `then`, `in lager` and the like do not.
fn begins<'a, 'p>(right: &'p [Piece<'a>]) -> Option<&'p Piece<'a>> {
    let mut at = 0;
    loop {
        let piece = right.get(at)?;
        let is_empty = piece.is_filler()
            || piece.has(Sense::Then)
            || piece.has(Sense::Not)
            || (piece.has(Sense::There) && piece.act().is_none());
        if is_empty && piece.act().is_none() {
            at += 1;
        } else if piece.place().is_some() && piece.act().is_none() {
            at += 2;
            while right.get(at).is_some_and(|next| next.is_filler() || next.is_sandbox()) {
                at += 1;
            }
        } else {
            return Some(piece);
        }
    }
}

/// Whether the left side writes something and still lacks the file that the right side names:
/// then what joins belongs to the content.
fn awaits_path(left: &[Piece<'_>], rest: &[Piece<'_>]) -> bool {
    let first = left.iter().find_map(Piece::act);
    let has_path = |side: &[Piece<'_>]| side.iter().any(|piece| piece.kind == Kind::Path);
    let has_data = left.iter().any(Piece::is_data);
    matches!(first, Some(Act::Write | Act::Put)) && !has_path(left) && !has_data && has_path(rest)
}
