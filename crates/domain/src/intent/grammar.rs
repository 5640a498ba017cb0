//! Which operation a clause asks for: one table of rules, read from top to bottom.
//!
//! A rule has verbs, of which one must occur, facts that must all hold, and facts of which none
//! may. The first rule that fits decides, so that the special stands above the general.

use super::facts::Clause;
use super::lexer::Kind;
use super::names::Whereabouts;
use super::slots;
use super::vocabulary::{Act, Place, Quality, Sense, Thing};

/// What a clause asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    List,
    Describe,
    Delete,
    Run,
    Install,
    ReadFile,
    WriteFile,
    DeleteFile,
    ListFiles,
    Upload,
    Download,
    Clone,
    Pull,
    Push,
    Status,
    Commit,
    Checkout,
    /// What the operation before is to have, too: a name, a place to save to.
    Amend,
    /// To leave something as it is.
    Keep,
    /// Nothing that there is an operation for.
    Foreign,
}

/// What holds for a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Makes,
    Raw,
    Data,
    CodeData,
    Url,
    Path,
    File,
    Files,
    Folder,
    Repository,
    Branch,
    CommitNoun,
    Changes,
    State,
    Details,
    Content,
    Code,
    Command,
    Git,
    Latest,
    Empty,
    Sandbox,
    Sandboxes,
    Where,
    /// The path of the caller's machine comes first.
    LocalFirst,
    /// It comes last, or the caller's machine is where something goes.
    LocalLast,
    FromSandbox,
    ToSandbox,
    Running,
    Named,
    Persistent,
    It,
    Assignment,
}

struct Rule {
    acts: &'static [Act],
    all: &'static [Fact],
    none: &'static [Fact],
    does: Operation,
}

const fn rule(
    acts: &'static [Act],
    all: &'static [Fact],
    none: &'static [Fact],
    does: Operation,
) -> Rule {
    Rule { acts, all, none, does }
}

/// No verb is asked for.
const ANY: &[Act] = &[];
/// Verbs that only look.
const LOOKS: &[Act] = &[
    Act::Show,
    Act::List,
    Act::Describe,
    Act::Ask,
    Act::Read,
    Act::Try,
    Act::Get,
    Act::Need,
    Act::Fetch,
    Act::Make,
];
/// Verbs that carry something from one place to another.
const CARRIES: &[Act] = &[
    Act::Copy,
    Act::Put,
    Act::Load,
    Act::Get,
    Act::Fetch,
    Act::Save,
    Act::Move,
    Act::Update,
    Act::Need,
];
/// Verbs that bring a repository somewhere.
const BRINGS: &[Act] = &[
    Act::Clone,
    Act::Need,
    Act::Make,
    Act::Put,
    Act::Get,
    Act::Fetch,
    Act::Copy,
    Act::Load,
    Act::Start,
    Act::Save,
];

#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule(ANY, &[Fact::Makes], &[], Operation::Create),
    rule(ANY, &[Fact::Raw], &[], Operation::Run),
    // git: its words are the most special ones.
    rule(&[Act::Push], &[Fact::Path], &[Fact::Git, Fact::Repository, Fact::Changes, Fact::CommitNoun, Fact::Branch], Operation::Upload),
    rule(&[Act::Push], &[], &[], Operation::Push),
    rule(&[Act::Upload], &[Fact::CommitNoun], &[Fact::Path], Operation::Push),
    rule(ANY, &[Fact::Url], &[], Operation::Clone),
    rule(&[Act::Clone], &[], &[], Operation::Clone),
    rule(&[Act::Pull], &[], &[Fact::Path], Operation::Pull),
    rule(&[Act::Switch, Act::Move, Act::Start, Act::Put, Act::Load], &[Fact::Branch], &[], Operation::Checkout),
    rule(&[Act::Switch], &[], &[Fact::Path, Fact::Repository, Fact::Git, Fact::Code], Operation::Checkout),
    rule(&[Act::Commit], &[], &[], Operation::Commit),
    rule(&[Act::Make, Act::Write, Act::Save, Act::Run, Act::Need, Act::Put, Act::Start], &[Fact::CommitNoun], &[], Operation::Commit),
    rule(&[Act::Update], &[], &[Fact::Path, Fact::Data], Operation::Pull),
    rule(&[Act::Fetch, Act::Get, Act::Copy, Act::Load, Act::Download, Act::Need], &[Fact::Changes], &[Fact::Path], Operation::Pull),
    rule(&[Act::Fetch, Act::Get, Act::Copy, Act::Load, Act::Download], &[Fact::Latest], &[Fact::Path, Fact::File], Operation::Pull),
    rule(ANY, &[Fact::Changes], &[Fact::Path, Fact::Data], Operation::Status),
    rule(ANY, &[Fact::State, Fact::Git], &[], Operation::Status),
    rule(ANY, &[Fact::State, Fact::Repository], &[], Operation::Status),
    rule(&[Act::Ask, Act::Show, Act::Describe, Act::Run], &[Fact::Git], &[Fact::Path, Fact::Data], Operation::Status),
    rule(&[Act::Install], &[], &[Fact::Path], Operation::Install),
    // Files.
    rule(&[Act::Remove, Act::Discard], &[Fact::Path], &[], Operation::DeleteFile),
    rule(&[Act::Remove, Act::Discard], &[Fact::File], &[], Operation::DeleteFile),
    rule(&[Act::Remove, Act::Discard], &[Fact::Files], &[], Operation::DeleteFile),
    rule(&[Act::Remove, Act::Discard], &[Fact::Folder], &[], Operation::DeleteFile),
    rule(&[Act::Save], &[Fact::It, Fact::Path], &[Fact::Data], Operation::Amend),
    rule(&[Act::Download], &[], &[], Operation::Download),
    rule(&[Act::Upload], &[], &[], Operation::Upload),
    rule(CARRIES, &[Fact::LocalLast], &[Fact::Data], Operation::Download),
    rule(&[Act::Run], &[Fact::Data], &[], Operation::Run),
    rule(CARRIES, &[Fact::LocalFirst], &[Fact::Data], Operation::Upload),
    rule(&[Act::Copy, Act::Load], &[Fact::Path, Fact::FromSandbox], &[Fact::Data], Operation::Download),
    rule(&[Act::Fetch], &[Fact::Path], &[Fact::Content, Fact::Data], Operation::Download),
    rule(&[Act::Copy, Act::Load], &[Fact::Path], &[Fact::Data], Operation::Upload),
    rule(&[Act::Copy, Act::Load], &[Fact::File], &[Fact::Data], Operation::Upload),
    rule(&[Act::Copy, Act::Load], &[Fact::Files], &[Fact::Data], Operation::Upload),
    rule(&[Act::Write, Act::Put, Act::Save, Act::Copy], &[Fact::Path], &[], Operation::WriteFile),
    rule(&[Act::Need], &[Fact::Path, Fact::Content], &[Fact::Data, Fact::File], Operation::ReadFile),
    rule(&[Act::Make, Act::Need, Act::Start], &[Fact::Path], &[], Operation::WriteFile),
    rule(&[Act::Write, Act::Put, Act::Save], &[], &[Fact::Persistent, Fact::Assignment], Operation::WriteFile),
    rule(&[Act::Make], &[Fact::File], &[Fact::Data], Operation::WriteFile),
    rule(LOOKS, &[Fact::Files], &[], Operation::ListFiles),
    rule(LOOKS, &[Fact::Folder], &[], Operation::ListFiles),
    rule(&[Act::List], &[Fact::Path], &[], Operation::ListFiles),
    rule(LOOKS, &[Fact::Path], &[Fact::Data], Operation::ReadFile),
    rule(&[Act::Read], &[Fact::File], &[], Operation::ReadFile),
    rule(LOOKS, &[Fact::File], &[Fact::Data], Operation::ReadFile),
    rule(LOOKS, &[Fact::Content], &[Fact::Data, Fact::Sandboxes], Operation::ReadFile),
    // Running: what is left with data is run.
    rule(ANY, &[Fact::CodeData], &[], Operation::Run),
    rule(&[Act::Run, Act::Try, Act::Start], &[Fact::Data], &[], Operation::Run),
    rule(ANY, &[Fact::Data, Fact::Command], &[], Operation::Run),
    rule(ANY, &[Fact::Data, Fact::Code], &[], Operation::Run),
    rule(&[Act::Remove, Act::Discard], &[], &[], Operation::Delete),
    rule(&[Act::Call], &[], &[], Operation::Amend),
    rule(&[Act::Run], &[], &[Fact::Sandboxes, Fact::Details, Fact::State], Operation::Run),
    rule(&[Act::Start, Act::Try], &[Fact::Command], &[], Operation::Run),
    rule(&[Act::Start, Act::Try], &[Fact::Code], &[], Operation::Run),
    // Sandboxes.
    rule(BRINGS, &[Fact::Repository], &[Fact::Where, Fact::Sandboxes, Fact::Path], Operation::Clone),
    rule(&[Act::Keep], &[], &[], Operation::Keep),
    rule(&[Act::Foreign], &[], &[], Operation::Foreign),
    rule(&[Act::Make], &[Fact::Persistent], &[], Operation::Amend),
    rule(ANY, &[Fact::Assignment], &[], Operation::Amend),
    rule(LOOKS, &[Fact::Where], &[], Operation::Describe),
    rule(LOOKS, &[Fact::Sandboxes], &[], Operation::List),
    rule(&[Act::List], &[Fact::Sandbox], &[], Operation::List),
    rule(LOOKS, &[Fact::State], &[], Operation::Describe),
    rule(LOOKS, &[Fact::Details], &[], Operation::Describe),
    rule(LOOKS, &[Fact::Sandbox], &[], Operation::Describe),
    rule(BRINGS, &[Fact::Repository], &[Fact::Path], Operation::Clone),
    rule(ANY, &[Fact::Where, Fact::Branch], &[], Operation::Checkout),
    rule(ANY, &[Fact::Path, Fact::Content], &[], Operation::ReadFile),
    rule(ANY, &[Fact::Path, Fact::Files], &[], Operation::ListFiles),
    rule(ANY, &[Fact::State], &[], Operation::Describe),
    rule(ANY, &[Fact::Details], &[], Operation::Describe),
    rule(ANY, &[Fact::Sandboxes], &[], Operation::List),
    rule(ANY, &[Fact::Command], &[], Operation::Run),
    rule(ANY, &[Fact::Named], &[], Operation::Amend),
    rule(ANY, &[Fact::Persistent], &[], Operation::Amend),
    rule(&[Act::List], &[], &[], Operation::List),
];

/// The operation that a clause asks for.
pub(super) fn operation(facts: &[Fact], acts: &[Act]) -> Option<Operation> {
    let fits = |rule: &&Rule| {
        (rule.acts.is_empty() || acts.iter().any(|act| rule.acts.contains(act)))
            && rule.all.iter().all(|fact| facts.contains(fact))
            && !rule.none.iter().any(|fact| facts.contains(fact))
    };
    RULES.iter().find(fits).map(|rule| rule.does)
}

/// Things, and the facts that they are.
const THINGS: &[(Thing, Fact)] = &[
    (Thing::File, Fact::File),
    (Thing::Files, Fact::Files),
    (Thing::Folder, Fact::Folder),
    (Thing::Repository, Fact::Repository),
    (Thing::Branch, Fact::Branch),
    (Thing::Commit, Fact::CommitNoun),
    (Thing::Changes, Fact::Changes),
    (Thing::State, Fact::State),
    (Thing::Details, Fact::Details),
    (Thing::Content, Fact::Content),
    (Thing::Code, Fact::Code),
    (Thing::Command, Fact::Command),
    (Thing::Git, Fact::Git),
    (Thing::Sandbox, Fact::Sandbox),
    (Thing::Sandboxes, Fact::Sandboxes),
];

/// Qualities and more, and the facts that they are.
const SENSES: &[(Sense, Fact)] = &[
    (Sense::Quality(Quality::Latest), Fact::Latest),
    (Sense::Quality(Quality::Empty), Fact::Empty),
    (Sense::Quality(Quality::Running), Fact::Running),
    (Sense::Quality(Quality::Persistent), Fact::Persistent),
    (Sense::Named, Fact::Named),
    (Sense::It, Fact::It),
];

/// What holds for a clause whose sandbox has been found.
pub(super) fn facts(clause: &Clause<'_, '_>, found: &Whereabouts) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(THINGS.iter().filter(|(t, _)| clause.has_thing(*t)).map(|(_, fact)| *fact));
    facts.extend(SENSES.iter().filter(|(s, _)| clause.has(*s)).map(|(_, fact)| *fact));
    let paths = slots::paths(clause);
    let kinds = |kind| clause.free().any(|piece| piece.kind == kind);
    let data: Vec<_> = clause
        .pieces
        .iter()
        .enumerate()
        .filter(|(at, piece)| piece.is_free() && piece.is_data() && !paths.contains(at))
        .map(|(_, piece)| piece)
        .collect();
    let runnable = data
        .iter()
        .any(|piece| piece.kind == Kind::Block || super::code::looks_like_code(piece.value));
    let at_machine = clause.first(|piece| piece.thing() == Some(Thing::Machine));
    let to_machine = at_machine.is_some_and(|at| clause.place_before(at) != Some(Place::From));
    let wheres = slots::where_place(clause);
    let holds = [
        (Fact::Url, kinds(Kind::Url)),
        (Fact::Path, !paths.is_empty()),
        (Fact::Assignment, kinds(Kind::Assign)),
        (Fact::Data, !data.is_empty()),
        (Fact::CodeData, runnable),
        (Fact::LocalFirst, slots::local_first(clause, &paths)),
        (Fact::LocalLast, slots::local_last(clause, &paths) || (to_machine && !paths.is_empty())),
        (Fact::FromSandbox, wheres == Some(Place::From)),
        (Fact::ToSandbox, wheres == Some(Place::To)),
        (Fact::Sandboxes, *found == Whereabouts::All && clause.has_thing(Thing::Sandbox)),
        (Fact::Where, is_named(found)),
    ];
    facts.extend(holds.iter().filter(|(_, holds)| *holds).map(|(fact, _)| *fact));
    facts
}

fn is_named(found: &Whereabouts) -> bool {
    match found {
        Whereabouts::Known(_)
        | Whereabouts::Near(_)
        | Whereabouts::Made(_)
        | Whereabouts::Fits(_)
        | Whereabouts::Unknown(_) => true,
        Whereabouts::Unsaid | Whereabouts::Fresh | Whereabouts::All => false,
    }
}
