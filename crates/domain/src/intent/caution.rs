//! What must be plain before anything is changed, and plainer before anything is removed.
//!
//! `Is it safe to delete web?` has every word of an order to delete and is none. So a removal is
//! planned only where nothing but that order is said; all else is asked back.

use super::facts::{Clause, Part, Piece};
use super::grammar::Operation;
use super::lexer::Kind;
use super::raw;
use super::step::{FileVerb, GitVerb, Step};
use super::vocabulary::{Act, Place, Quality, Sense};

/// Whether a clause asks about something, or sets a condition or a time, so that it is no order to
/// change anything now.
pub(super) fn wonders(clause: &Clause<'_, '_>) -> bool {
    said(clause).any(|(_, piece)| means(piece, Sense::Wonder))
}

/// Whether a step leaves everything as it is.
pub(super) fn only_looks(step: &Step) -> bool {
    match step {
        Step::ListSandboxes {} | Step::GetSandboxInfo { .. } => true,
        Step::FileOperation(file) => match file.operation {
            FileVerb::Read | FileVerb::List | FileVerb::Download => true,
            FileVerb::Write | FileVerb::Create | FileVerb::Delete | FileVerb::Upload => false,
        },
        Step::GitOperation(git) => match git.operation {
            GitVerb::Status => true,
            GitVerb::Clone
            | GitVerb::Pull
            | GitVerb::Push
            | GitVerb::Commit
            | GitVerb::Checkout => false,
        },
        Step::CreateSandbox(_)
        | Step::DeleteSandbox { .. }
        | Step::ExecuteCode(_)
        | Step::ExecuteShell(_) => false,
    }
}

/// Whether an operation removes something.
pub(super) fn removes(operation: Operation) -> bool {
    matches!(operation, Operation::Delete | Operation::DeleteFile)
}

/// Whether a clause is an order to remove something and nothing else.
pub(super) fn is_plain_removal(clause: &Clause<'_, '_>) -> bool {
    let is_verb = |piece: &Piece<'_>| {
        piece.act().is_some_and(|act| matches!(act, Act::Remove | Act::Discard))
    };
    let Some(verb) = clause.pieces.iter().position(is_verb) else { return false };
    let asks = |piece: &Piece<'_>| piece.act() == Some(Act::Ask);
    let first = said(clause).find(|(_, piece)| piece.kind == Kind::Word && !piece.is_filler());
    let needs_not = clause.pieces[verb].act() == Some(Act::Discard);
    // `I don't need to delete it` has both.
    let takes_back =
        needs_not && clause.pieces[verb + 1..].iter().find(|p| !leads(p)).is_some_and(is_verb);
    !takes_back
        && said(clause).all(|(at, piece)| {
            let is_other = match piece.act() {
                None | Some(Act::Remove | Act::Discard | Act::Need) => false,
                Some(Act::Ask) => !needs_not,
                Some(_) => true,
            };
            let is_doubted =
                [Sense::Wonder, Sense::Doubt, Sense::Not, Sense::But, Sense::Quality(Quality::All)]
                    .into_iter()
                    .any(|sense| means(piece, sense));
            let is_strange = piece.part == Part::Free
                && piece.kind == Kind::Word
                && piece.senses.is_empty()
                && !is_aside(clause, verb, at);
            !is_other && !is_doubted && !is_strange
        })
        && !first.is_some_and(|(_, piece)| asks(piece))
}

fn leads(piece: &Piece<'_>) -> bool {
    piece.is_filler() || piece.place() == Some(Place::To)
}

/// Whether what is removed is a sandbox, and not something in one: `remove flask from web`.
pub(super) fn is_about_sandbox(clause: &Clause<'_, '_>) -> bool {
    let is_inside = |at: usize| {
        let piece = &clause.pieces[at];
        let begins = piece.part == Part::Where
            && at.checked_sub(1).is_none_or(|before| clause.pieces[before].part != Part::Where);
        begins && matches!(piece.place(), Some(Place::In | Place::From | Place::To))
    };
    let is_other = |(_, piece): (usize, &Piece<'_>)| {
        piece.thing().is_some() && !piece.is_sandbox()
            || (piece.part == Part::Free && (piece.language().is_some() || piece.is_data()))
    };
    !said(clause).any(is_other) && !(0..clause.pieces.len()).any(is_inside)
}

/// Whether an unknown word says nothing about the removal: it describes what is removed (`delete
/// the wretched sandbox web`), or calls somebody before it (`Claude, delete web`).
fn is_aside(clause: &Clause<'_, '_>, verb: usize, at: usize) -> bool {
    let unknown = |piece: &&Piece<'_>| piece.kind == Kind::Word && piece.senses.is_empty();
    let Some(next) = clause.pieces[at + 1..].iter().find(|piece| !unknown(piece)) else {
        return false;
    };
    if at < verb {
        next.kind == Kind::Mark
    } else {
        (next.part == Part::Where && next.place().is_none())
            || next.thing().is_some()
            || next.kind == Kind::Path
    }
}

/// A word in the place of a verb that nobody knows: `then frobnicate it`.
pub(super) fn unread<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let pieces = &clause.pieces;
    let unknown = |at: usize| {
        let place = (at..pieces.len()).find(|place| !pieces[*place].is_filler())?;
        let piece = &pieces[place];
        let is_strange = piece.kind == Kind::Word
            && piece.part == Part::Free
            && piece.senses.is_empty()
            && piece.value.chars().all(char::is_alphabetic)
            && !raw::begins_command(&pieces[place..]);
        is_strange.then_some(place)
    };
    let takes = |place: usize| {
        pieces.get(place + 1).is_some_and(|next| next.has(Sense::It) || next.part == Part::Where)
    };
    (0..pieces.len()).find_map(|at| {
        let piece = &pieces[at];
        if piece.part == Part::Data {
            return None;
        }
        let place = if piece.has(Sense::Then) {
            unknown(at + 1)
        } else if at == 0 {
            unknown(0).filter(|place| takes(*place))
        } else if piece.parts() {
            unknown(at + 1).filter(|place| takes(*place))
        } else {
            None
        };
        place.map(|place| pieces[place].value)
    })
}

/// The pieces that are no data, with their places.
fn said<'c, 't>(clause: &'c Clause<'t, '_>) -> impl Iterator<Item = (usize, &'c Piece<'t>)> {
    clause.pieces.iter().enumerate().filter(|(_, piece)| piece.part != Part::Data)
}

/// Whether a piece has a sense, also where it stands in what names the sandbox.
fn means(piece: &Piece<'_>, sense: Sense) -> bool {
    piece.senses.contains(&sense)
}
