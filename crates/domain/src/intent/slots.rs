//! The parameters of an operation, out of the pieces of its clause.

use std::collections::BTreeMap;

use super::facts::{Clause, Part, Piece};
use super::lexer::{self, Kind};
use super::step::NewSandbox;
use super::vocabulary::{Act, Place, Quality, Sense, Thing};

/// The places of what can only be paths.
pub(super) fn paths(clause: &Clause<'_, '_>) -> Vec<usize> {
    let is_path = |at: &usize| {
        let piece = &clause.pieces[*at];
        let quoted = piece.kind == Kind::Quote && is_quoted_path(piece.value);
        let named = clause.before(*at).is_some_and(|before| {
            clause.pieces[before].has(Sense::Named)
                || clause.pieces[before].has(Sense::Thing(Thing::Branch))
        });
        let relative =
            piece.kind == Kind::Word && piece.value.contains('/') && piece.senses.is_empty();
        let is_file = relative
            && clause.before(*at).is_some_and(|before| {
                matches!(
                    clause.pieces[before].thing(),
                    Some(Thing::File | Thing::Folder | Thing::Files)
                )
            });
        piece.is_free()
            && (piece.kind == Kind::Path || quoted || is_file)
            && (!named
                || piece.value.contains('/')
                    && piece.kind == Kind::Path
                    && !clause.has_thing(Thing::Branch)
                || clause.has_thing(Thing::File))
    };
    (0..clause.pieces.len()).filter(is_path).collect()
}

/// A path may have blanks when its quotes say so.
fn is_quoted_path(value: &str) -> bool {
    let starts = ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start));
    let last = value.rsplit('/').next().unwrap_or(value);
    let words = last.split(' ').count();
    (starts && !value.contains('\n') && words <= 6)
        || (lexer::is_path(last)
            || (words > 1
                && words <= 4
                && lexer::is_path(last.rsplit(' ').next().unwrap_or_default())))
            && !value.contains(['\n', '(', '=', '"', ',', '!'])
}

fn is_local(clause: &Clause<'_, '_>, at: usize) -> bool {
    let value = clause.pieces[at].value;
    let before: Vec<_> =
        clause.pieces[..at].iter().rev().take(4).take_while(|p| p.kind == Kind::Word).collect();
    let says = before.iter().any(|piece| piece.has(Sense::Quality(Quality::Local)));
    !value.starts_with('/') || says
}

/// Whether the first path is of the caller's machine.
pub(super) fn local_first(clause: &Clause<'_, '_>, paths: &[usize]) -> bool {
    let Some(first) = paths.first() else {
        return clause.has_quality(Quality::Local)
            && (clause.has_thing(Thing::File) || clause.has_thing(Thing::Files));
    };
    let says =
        clause.pieces[..*first].iter().any(|piece| piece.has(Sense::Quality(Quality::Local)));
    let starts = clause.pieces[*first].value.starts_with("./")
        || clause.pieces[*first].value.starts_with("~/")
        || clause.pieces[*first].value.starts_with("../");
    says || starts || (paths.len() > 1 && is_local(clause, *first) && !is_local(clause, paths[1]))
}

/// Whether the last path is of the caller's machine and the first is not.
pub(super) fn local_last(clause: &Clause<'_, '_>, paths: &[usize]) -> bool {
    match paths {
        [first, .., last] => !is_local(clause, *first) && is_local(clause, *last),
        [first] => {
            clause.pieces[first + 1..].iter().any(|piece| piece.has(Sense::Quality(Quality::Local)))
        }
        [] => false,
    }
}

/// The preposition before the sandbox.
pub(super) fn where_place(clause: &Clause<'_, '_>) -> Option<Place> {
    let mut wheres = clause.pieces.iter().filter(|piece| piece.part == Part::Where);
    wheres.find_map(Piece::place)
}

/// The remote and the local path of an upload or download.
pub(super) struct Carried<'t> {
    pub(super) remote: Option<&'t str>,
    pub(super) local: Option<&'t str>,
}

/// What goes up: the local path comes first unless only the other looks like one.
pub(super) fn carried_up<'t>(clause: &Clause<'t, '_>) -> Carried<'t> {
    let paths = paths(clause);
    let value = |at: usize| clause.pieces[at].value;
    match paths.as_slice() {
        [] => Carried { remote: None, local: None },
        [one] if !is_local(clause, *one) && clause.place_before(*one).is_some() => {
            Carried { remote: Some(value(*one)), local: None }
        }
        [one] => Carried { remote: None, local: Some(value(*one)) },
        [first, second, ..] if is_local(clause, *second) && !is_local(clause, *first) => {
            Carried { remote: Some(value(*first)), local: Some(value(*second)) }
        }
        [first, second, ..] if comes_from(clause, *second) && !comes_from(clause, *first) => {
            Carried { remote: Some(value(*first)), local: Some(value(*second)) }
        }
        [first, second, ..] => Carried { remote: Some(value(*second)), local: Some(value(*first)) },
    }
}

/// What comes down: the path inside comes first unless only the other looks like one.
pub(super) fn carried_down<'t>(clause: &Clause<'t, '_>) -> Carried<'t> {
    let paths = paths(clause);
    let value = |at: usize| clause.pieces[at].value;
    match paths.as_slice() {
        [] => Carried { remote: None, local: None },
        [one] => Carried { remote: Some(value(*one)), local: None },
        [first, second, ..] if is_local(clause, *first) && !is_local(clause, *second) => {
            Carried { remote: Some(value(*second)), local: Some(value(*first)) }
        }
        [first, second, ..] => Carried { remote: Some(value(*first)), local: Some(value(*second)) },
    }
}

fn comes_from(clause: &Clause<'_, '_>, at: usize) -> bool {
    clause.place_before(at) == Some(Place::From)
}

/// Quotes, blocks and expressions that are no paths, in order.
pub(super) fn data(clause: &Clause<'_, '_>) -> Vec<usize> {
    let paths = paths(clause);
    let is_data = |at: &usize| {
        let piece = &clause.pieces[*at];
        piece.is_free() && piece.is_data() && !paths.contains(at)
    };
    (0..clause.pieces.len()).filter(is_data).collect()
}

/// What is written into a file.
pub(super) fn content<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    if let Some(at) = data(clause).first() {
        return Some(clause.pieces[*at].value);
    }
    let path = paths(clause).first().copied()?;
    let said = clause.first(|piece| piece.has(Sense::Thing(Thing::Content)));
    if let Some(at) = said.filter(|at| *at > path) {
        return between(clause, at + 1, clause.pieces.len());
    }
    let verb = clause.first(|piece| piece.act().is_some_and(|act| WRITES.contains(&act)))?;
    let to = clause.pieces[..path]
        .iter()
        .rposition(|piece| piece.place().is_some() && piece.part != Part::Where)?;
    if verb < to {
        // `a script that backs up` tells what shall be in it, and is not it.
        let is_described = |piece: &Piece<'_>| {
            matches!(piece.thing(), Some(Thing::Code | Thing::Command | Thing::File))
        };
        if clause.pieces[verb + 1..to].iter().any(is_described) {
            return None;
        }
        return between(clause, verb + 1, to);
    }
    between(clause, path + 1, clause.pieces.len())
}

const WRITES: &[Act] = &[Act::Write, Act::Put, Act::Save, Act::Copy];

/// The text between two pieces without the words that only lead to it.
fn between<'t>(clause: &Clause<'t, '_>, mut from: usize, mut to: usize) -> Option<&'t str> {
    let leads = |piece: &Piece<'_>| {
        let names = matches!(piece.thing(), Some(Thing::Text | Thing::Content));
        !piece.is_free() || piece.kind == Kind::Mark || names || piece.has(Sense::Please)
    };
    let article =
        |at: usize| clause.pieces[at].is_filler() && clause.pieces.get(at + 1).is_some_and(&leads);
    while from < to && (leads(&clause.pieces[from]) || article(from)) {
        from += 1;
    }
    while to > from
        && (!clause.pieces[to - 1].is_free()
            || clause.pieces[to - 1].kind == Kind::Mark
            || clause.pieces[to - 1].has(Sense::Please))
    {
        to -= 1;
    }
    if from >= to {
        return None;
    }
    Some(clause.text[clause.pieces[from].start..clause.pieces[to - 1].end].trim())
}

/// The message of a commit.
pub(super) fn message<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    if let Some(at) = data(clause).first() {
        return Some(clause.pieces[*at].value);
    }
    let flag = clause.first(|piece| piece.value == "-m" || piece.value == "-am");
    let said = clause.pieces.iter().rposition(|piece| {
        piece.is_free() && matches!(piece.thing(), Some(Thing::Message | Thing::Content))
    });
    between(clause, flag.or(said)? + 1, clause.pieces.len())
}

/// The branch that a clause names.
pub(super) fn branch<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let can_be = |at: usize| {
        let piece = &clause.pieces[at];
        let is_name =
            matches!(piece.kind, Kind::Word | Kind::Path | Kind::Quote) && piece.is_free();
        let known = piece.senses.iter().any(|sense| {
            matches!(
                sense,
                Sense::Place(_)
                    | Sense::And
                    | Sense::Then
                    | Sense::Filler
                    | Sense::Named
                    | Sense::Please
                    | Sense::Act(Act::Switch | Act::Move)
                    | Sense::It
            )
        });
        is_name && !known && piece.thing() != Some(Thing::Branch)
    };
    if let Some(noun) = clause.first(|piece| piece.has(Sense::Thing(Thing::Branch))) {
        let mut after = noun + 1;
        while clause.pieces.get(after).is_some_and(|piece| {
            piece.has(Sense::Named)
                || piece.kind == Kind::Mark
                || (piece.is_filler()
                    && clause.pieces.get(after + 1).is_some_and(|p| p.has(Sense::Named)))
        }) {
            after += 1;
        }
        if after < clause.pieces.len() && can_be(after) {
            return Some(clause.pieces[after].value);
        }
        if noun > 0 && NAMES.contains(&clause.pieces[noun - 1].value) {
            return Some(clause.pieces[noun - 1].value);
        }
        if noun > 0 && can_be(noun - 1) && !describes(&clause.pieces[noun - 1]) {
            return Some(clause.pieces[noun - 1].value);
        }
        return None;
    }
    let placed = (1..clause.pieces.len()).find(|at| {
        can_be(*at) && clause.place_before(*at).is_some() && !describes(&clause.pieces[*at])
    });
    let unknown = || clause.first(|piece| piece.is_unknown() || piece.kind == Kind::Quote);
    placed.or_else(unknown).map(|at| clause.pieces[at].value)
}

/// Branches whose names are also words that add nothing.
const NAMES: &[&str] = &["dev", "development"];

fn describes(piece: &Piece<'_>) -> bool {
    piece.act().is_some()
        || (!piece.guessed
            && piece
                .senses
                .iter()
                .any(|sense| matches!(sense, Sense::Quality(_) | Sense::Thing(_) | Sense::Not)))
}

/// The address of a repository.
pub(super) fn url<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let url = clause.first(|piece| piece.kind == Kind::Url)?;
    Some(clause.pieces[url].value)
}

/// The folder that a git operation works in.
pub(super) fn repository_folder<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let path = paths(clause).first().copied()?;
    Some(clause.pieces[path].value)
}

/// The languages that a clause names, each once.
pub(super) fn languages(clause: &Clause<'_, '_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (at, piece) in clause.pieces.iter().enumerate() {
        let before = clause.before(at);
        let is_name = before.is_some_and(|before| clause.pieces[before].has(Sense::Named));
        if let Some(language) = piece.language().filter(|_| piece.is_free() && !is_name)
            && !found.contains(&language)
        {
            found.push(language);
        }
    }
    found
}

/// The name that something new gets.
pub(super) fn name<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let usable = |at: &usize| {
        clause.pieces.get(*at).is_some_and(|piece| {
            matches!(piece.kind, Kind::Word | Kind::Quote | Kind::Path) && piece.is_free()
        })
    };
    let call = clause.first(|piece| piece.act() == Some(Act::Call));
    let named = clause.pieces.iter().rposition(|piece| piece.has(Sense::Named)).or(call);
    if let Some(at) = named {
        let mut after = at + 1;
        while clause.pieces.get(after).is_some_and(|piece| {
            (piece.kind == Kind::Mark && piece.value == ":")
                || piece.is_filler()
                || piece.has(Sense::Named)
                || piece.place().is_some()
                || piece.is_sandbox()
        }) {
            after += 1;
        }
        let ends = clause.pieces.get(after).is_none_or(|piece| piece.parts());
        if !ends && usable(&after) && !clause.pieces[after].has(Sense::Thing(Thing::Image)) {
            return Some(clause.pieces[after].value);
        }
        // `die shop heißt`: German puts the name before.
        return at.checked_sub(1).filter(usable).map(|before| clause.pieces[before].value);
    }
    let noun = clause.first(Piece::is_sandbox)?;
    let next = noun + 1;
    let is_name = clause.pieces.get(next).is_some_and(|piece| {
        (piece.is_unknown() && piece.senses.is_empty() && !is_image(piece.value))
            || (piece.kind == Kind::Quote && lexer::tokens(piece.value).len() < 4)
    });
    is_name.then(|| clause.pieces[next].value)
}

/// The image that something new starts from.
pub(super) fn image<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    let by_form = clause.first(|piece| {
        matches!(piece.kind, Kind::Word | Kind::Path | Kind::Quote) && is_image(piece.value)
    });
    let noun = clause.first(|piece| piece.has(Sense::Thing(Thing::Image)));
    let mut after = noun.map(|noun| noun + 1);
    while let Some(at) = after
        && clause.pieces.get(at).is_some_and(|piece| {
            piece.is_filler()
                || piece.kind == Kind::Mark && piece.value == ":"
                || piece.has(Sense::Named)
        })
    {
        after = Some(at + 1);
    }
    let by_noun = after.filter(|at| {
        clause.pieces.get(*at).is_some_and(|piece| {
            matches!(piece.kind, Kind::Word | Kind::Quote | Kind::Path)
                && piece.is_free()
                && piece.place().is_none()
                && !piece.parts()
        })
    });
    let before = || {
        let noun = noun?;
        let piece = clause.pieces.get(noun.checked_sub(1)?)?;
        (piece.kind == Kind::Word && (piece.is_unknown() || piece.language().is_some()))
            .then_some(noun - 1)
    };
    by_form.or(by_noun).or_else(before).map(|at| clause.pieces[at].value)
}

/// `name:tag`, `registry/name`, `registry/name:tag`.
fn is_image(value: &str) -> bool {
    let Some((name, tag)) = value.rsplit_once(':') else {
        return value.split('/').next().is_some_and(|host| host.contains('.'))
            && value.contains('/')
            && !value.starts_with('.');
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    !name.is_empty()
        && !tag.is_empty()
        && !tag.starts_with('/')
        && value.chars().all(allowed)
        && name.chars().next().is_some_and(|c| c.is_ascii_lowercase())
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Variables of an environment.
pub(super) fn variables(clause: &Clause<'_, '_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for piece in clause.pieces.iter().filter(|piece| piece.kind == Kind::Assign) {
        if let Some((name, value)) = piece.value.split_once('=') {
            found.insert(name.to_owned(), unquoted(value).to_owned());
        }
    }
    // `RUST_LOG set to debug`, `MODE = test`
    for at in 1..clause.pieces.len().saturating_sub(1) {
        let piece = &clause.pieces[at];
        let name = &clause.pieces[at - 1];
        let equals = piece.has(Sense::Equals)
            || piece.value == "="
            || (piece.kind != Kind::Quote
                && piece.place() == Some(Place::To)
                && is_variable(name.value));
        if equals && name.kind == Kind::Word && !found.contains_key(name.value) {
            let value = &clause.pieces[at + 1];
            if matches!(value.kind, Kind::Word | Kind::Quote | Kind::Path | Kind::Url) {
                found.insert(name.value.to_owned(), value.value.to_owned());
            }
        }
    }
    found
}

fn is_variable(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn unquoted(value: &str) -> &str {
    let inner = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// Everything about a sandbox that is to be made.
pub(super) fn new_sandbox(clause: &Clause<'_, '_>) -> NewSandbox {
    let image = image(clause);
    let name = name(clause).filter(|name| image != Some(*name));
    let url = url(clause);
    NewSandbox {
        language: languages(clause).first().map(|language| (*language).to_owned()),
        image: image.map(str::to_owned),
        name: name.map(str::to_owned),
        git_branch: url.and_then(|_| branch_of_new(clause)).map(str::to_owned),
        git_repo: url.map(str::to_owned),
        environment_vars: variables(clause),
        persistent: clause.has_quality(Quality::Persistent)
            && !clause.has_quality(Quality::Temporary),
    }
}

fn branch_of_new<'t>(clause: &Clause<'t, '_>) -> Option<&'t str> {
    if clause.has_thing(Thing::Branch) { branch(clause) } else { None }
}
