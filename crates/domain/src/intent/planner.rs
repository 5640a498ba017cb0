//! From clauses to steps: which sandbox each is for, what earlier steps mean for later ones, and
//! what must be asked back.

use super::build;
use super::caution;
use super::clauses;
use super::facts::{self, Clause, Piece};
use super::grammar::{self, Operation};
use super::lexer::Kind;
use super::names::{self, Names, Role, Whereabouts};
use super::raw;
use super::slots;
use super::step::{NewSandbox, Step, Target};
use super::vocabulary::{Act, Place, Quality, Sense, Thing};
use super::{MAX_STEPS, Question, Scope};

/// What somebody wants to do with a sandbox, as far as it matters for which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Work in one that is there.
    Use,
    /// Run code, for which one can be made.
    RunCode,
    /// Destroy it.
    Destroy,
}

/// What has been planned so far.
pub(super) struct Planner<'s> {
    pub(super) names: Names<'s>,
    pub(super) steps: Vec<Step>,
    /// The sandbox that was spoken of last.
    pub(super) last: Option<Target>,
    /// The only sandbox that the whole request names.
    only_named: Option<String>,
    pub(super) deleted: Vec<Target>,
    /// Sandboxes that must not be destroyed; nothing stands for whichever it is.
    kept: Vec<Option<Target>>,
    /// Whether the request asks about what it speaks of, or sets a condition.
    wonders: bool,
    pub(super) last_path: Option<String>,
}

/// A clause of which it is known what and where.
pub(super) struct Request<'c, 't, 'p> {
    pub(super) clause: &'c mut Clause<'t, 'p>,
    pub(super) operation: Operation,
    pub(super) acts: Vec<Act>,
    pub(super) found: Whereabouts,
    pub(super) raw: Option<&'t str>,
    pub(super) folder: Option<&'t str>,
    /// What a sandbox would be like that is made for it.
    pub(super) fresh: NewSandbox,
}

/// Whether a clause came to anything.
enum Came {
    Done,
    /// It has no operation: it belongs to the next.
    ToNothing,
}

/// The steps of a request, or what has to be asked.
pub(super) fn plan(text: &str, scope: &Scope) -> Result<Vec<Step>, Question> {
    let names = Names::new(scope);
    let mut pieces = facts::pieces(text, &names);
    clauses::gather_head(text, &mut pieces);
    clauses::gather_tail(text, &mut pieces);
    let mut planner = Planner {
        only_named: only_named(text, &pieces, &names),
        names,
        steps: Vec::new(),
        last: None,
        deleted: Vec::new(),
        kept: Vec::new(),
        wonders: false,
        last_path: None,
    };
    let mut pending = None;
    for range in clauses::split(text, &pieces) {
        let start = pending.unwrap_or(range.start);
        let mut own = pieces[start..range.end].to_vec();
        let mut clause = Clause { text, pieces: &mut own };
        pending = match planner.clause(&mut clause)? {
            Came::Done => None,
            Came::ToNothing => Some(start),
        };
        if planner.steps.len() > MAX_STEPS {
            let said = format!("the request has more than {MAX_STEPS} steps; which ones first?");
            return Err(Question::about("intent", said));
        }
    }
    planner.finish(pending)
}

/// The one sandbox that the request names where only a sandbox can stand.
fn only_named(text: &str, pieces: &[Piece<'_>], names: &Names<'_>) -> Option<String> {
    let mut own = pieces.to_vec();
    let mut clause = Clause { text, pieces: &mut own };
    match names::find(&mut clause, names, Role::Makes) {
        Whereabouts::Known(id) => Some(id),
        _ => None,
    }
}

impl Planner<'_> {
    fn finish(mut self, pending: Option<usize>) -> Result<Vec<Step>, Question> {
        let kept = |target: &Target| {
            self.kept.iter().any(|kept| kept.as_ref().is_none_or(|kept| kept == target))
        };
        if self.deleted.iter().any(kept) {
            return Err(self.ask_which("it is to be deleted and to be kept; which is it?"));
        }
        if self.wonders && !self.steps.iter().all(caution::only_looks) {
            let said = "this asks about it or sets a condition, and nothing was done; \
                        what shall be done now?";
            return Err(Question::about("intent", said));
        }
        if self.steps.is_empty() {
            let said = if self.kept.is_empty() || pending.is_some() {
                "what shall be done? sandboxes, code, commands, files and git are what I know"
            } else {
                "nothing is left to do; what shall be done instead?"
            };
            return Err(Question::about("intent", said));
        }
        Ok(std::mem::take(&mut self.steps))
    }

    fn clause(&mut self, clause: &mut Clause<'_, '_>) -> Result<Came, Question> {
        let acts = clause.acts();
        let is_creation = makes(clause, &acts, &self.names);
        let fresh = slots::new_sandbox(clause);
        let contradiction = if is_creation { contradiction(clause) } else { None };
        let role = if is_creation { Role::Makes } else { Role::Uses };
        let found =
            if is_creation { Whereabouts::Unsaid } else { names::find(clause, &self.names, role) };
        if let Some(word) = caution::unread(clause) {
            let shown: String = word.chars().take(64).collect();
            return Err(Question::about("operation", format!("what is meant by `{shown}`?")));
        }
        let runs = !is_creation && raw::runs(clause);
        let folder = if runs { raw::take_folder(clause) } else { None };
        let raw = if runs { raw::take(clause) } else { None };
        let mut holds = grammar::facts(clause, &found);
        if is_creation {
            holds.push(grammar::Fact::Makes);
        }
        if raw.is_some() {
            holds.push(grammar::Fact::Raw);
        }
        self.wonders |= caution::wonders(clause);
        let acts = clause.acts();
        let operation = grammar::operation(&holds, &acts);
        let is_denied = self.denied(clause, &acts, &found, raw);
        let operation = operation.or_else(|| self.by_reference(clause, &acts));
        let Some(operation) = operation.filter(|_| !is_denied) else {
            return Ok(if is_denied { Came::Done } else { Came::ToNothing });
        };
        let is_plain = caution::is_plain_removal(clause)
            && (operation != Operation::Delete || caution::is_about_sandbox(clause));
        if caution::removes(operation) && !is_plain {
            let unclear = self.target(&found, Purpose::Destroy).err();
            let said = "what exactly shall be deleted, if anything?";
            return Err(unclear.unwrap_or_else(|| self.ask_which(said)));
        }
        if let Some(question) = contradiction {
            return Err(question);
        }
        let request = Request { clause, operation, acts, found, raw, folder, fresh };
        Ok(if build::build(self, request)? { Came::Done } else { Came::ToNothing })
    }

    /// Whether the clause only says what is not to be done; that is kept in mind.
    fn denied(
        &mut self,
        clause: &Clause<'_, '_>,
        acts: &[Act],
        found: &Whereabouts,
        raw: Option<&str>,
    ) -> bool {
        let denied = clause.denied_acts();
        let does = acts.iter().any(|act| !matches!(act, Act::Ask | Act::Need));
        if denied.is_empty() || does || raw.is_some() || clause.has_thing(Thing::Changes) {
            return false;
        }
        if denied.iter().any(|act| matches!(act, Act::Remove | Act::Discard)) {
            self.keep(found);
        }
        true
    }

    /// Notes that a sandbox must stay.
    pub(super) fn keep(&mut self, found: &Whereabouts) {
        let target = match found {
            Whereabouts::Known(id) | Whereabouts::Near(id) => Some(Target::Known(id.clone())),
            Whereabouts::Made(step) => Some(Target::MadeBy(*step)),
            Whereabouts::All => None,
            Whereabouts::Unsaid
            | Whereabouts::Fits(_)
            | Whereabouts::Unknown(_)
            | Whereabouts::Fresh => self.last.clone(),
        };
        self.kept.push(target);
    }

    /// `show it`, behind a step that has a file.
    fn by_reference(&self, clause: &Clause<'_, '_>, acts: &[Act]) -> Option<Operation> {
        self.last_path.as_ref()?;
        let looks = acts.iter().any(|act| matches!(act, Act::Show | Act::Read));
        (looks && clause.has(Sense::It)).then_some(Operation::ReadFile)
    }

    /// The sandbox of a request.
    pub(super) fn target(
        &mut self,
        found: &Whereabouts,
        purpose: Purpose,
    ) -> Result<Target, Question> {
        let target = match found {
            Whereabouts::Known(id) => Target::Known(id.clone()),
            Whereabouts::Made(step) => Target::MadeBy(*step),
            Whereabouts::Near(id) if purpose != Purpose::Destroy => Target::Known(id.clone()),
            Whereabouts::Fits(ids) if ids.len() == 1 && purpose != Purpose::Destroy => {
                Target::Known(ids[0].clone())
            }
            Whereabouts::Near(id) => {
                return Err(self.ask_among("is this the one to delete?", std::slice::from_ref(id)));
            }
            Whereabouts::Fits(ids) => return Err(self.ask_among("which of these?", ids)),
            Whereabouts::Unknown(said) => {
                let shown: String = said.chars().take(64).collect();
                return Err(self.ask_which(&format!("there is no sandbox `{shown}`; which one?")));
            }
            Whereabouts::All => return Err(self.ask_which("one at a time: which sandbox?")),
            Whereabouts::Fresh | Whereabouts::Unsaid => self.unsaid()?,
        };
        if self.deleted.contains(&target) && purpose != Purpose::Destroy {
            return Err(self.ask_which("it is deleted before it is used; which sandbox?"));
        }
        self.last = Some(target.clone());
        Ok(target)
    }

    fn unsaid(&self) -> Result<Target, Question> {
        let known = || self.only_named.clone().or_else(|| self.names.scope.current.clone());
        if let Some(last) = &self.last {
            return Ok(last.clone());
        }
        if let Some(id) = known() {
            return Ok(Target::Known(id));
        }
        match self.names.visible() {
            [one] => Ok(Target::Known(one.id.clone())),
            _ => Err(self.ask_which("in which sandbox?")),
        }
    }

    /// Whether nothing says where, so that code gets a sandbox of its own.
    pub(super) fn knows_nothing(&self) -> bool {
        self.last.is_none()
            && self.only_named.is_none()
            && self.names.scope.current.is_none()
            && self.names.visible().is_empty()
    }

    /// Adds the step that makes a sandbox.
    pub(super) fn make(&mut self, new: NewSandbox) -> Target {
        let name = new.name.clone();
        self.steps.push(Step::CreateSandbox(new));
        let step = self.steps.len();
        if let Some(name) = name {
            self.names.made.push((name, step));
        }
        self.last = Some(Target::MadeBy(step));
        Target::MadeBy(step)
    }

    /// The language that a sandbox was made for.
    pub(super) fn language(&self, target: &Target) -> Option<String> {
        match target {
            Target::Known(id) => {
                let one = self.names.visible().iter().find(|one| one.id == *id)?;
                one.language.clone()
            }
            Target::MadeBy(step) => match self.steps.get(step - 1)? {
                Step::CreateSandbox(new) => new.language.clone(),
                _ => None,
            },
        }
    }

    fn ask_which(&self, question: &str) -> Question {
        let all = self.names.visible().iter().map(|one| one.name.clone());
        Question::about("sandbox_id", question).with_candidates(all)
    }

    fn ask_among(&self, question: &str, ids: &[String]) -> Question {
        let fits = self.names.visible().iter().filter(|one| ids.contains(&one.id));
        let names: Vec<_> = fits.map(|one| one.name.clone()).collect();
        Question::about("sandbox_id", question).with_candidates(names)
    }
}

/// Verbs that leave it open whether a sandbox is made; all others say what else is done.
const MAKING: &[Act] = &[Act::Make, Act::Start, Act::Need, Act::Get, Act::Ask, Act::Call];

/// Whether the clause asks for a sandbox that is not there yet.
fn makes(clause: &Clause<'_, '_>, acts: &[Act], names: &Names<'_>) -> bool {
    let files = [Thing::File, Thing::Files, Thing::Folder];
    if files.iter().any(|thing| clause.has_thing(*thing)) {
        return false;
    }
    let Some(noun) = clause.first(|piece| piece.thing() == Some(Thing::Sandbox)) else {
        return false;
    };
    let mut start = noun;
    while start > 0 && !is_border(&clause.pieces[start - 1]) {
        start -= 1;
    }
    let is_placed = start > 0
        && matches!(
            clause.pieces[start - 1].place(),
            Some(Place::In | Place::From | Place::To | Place::About)
        );
    let first = acts.iter().find(|act| !matches!(act, Act::Need | Act::Ask | Act::Get));
    let qualities = [Quality::New, Quality::Persistent, Quality::Temporary];
    let is_new = qualities.into_iter().any(|quality| clause.has_quality(quality));
    let is_any = clause.pieces[start..noun].iter().any(|piece| piece.has(Sense::Any));
    let is_known = (0..clause.pieces.len()).any(|at| names.is_name(clause.pieces, at));
    if is_placed || clause.has_thing(Thing::State) || clause.has_thing(Thing::Details) {
        return false;
    }
    match first {
        Some(Act::Make) => true,
        Some(Act::Start) => !is_known && !raw::begins_command(&clause.pieces[noun + 1..]),
        Some(Act::Put | Act::Move | Act::Load) => (is_new || is_any) && !is_known,
        Some(Act::Call) => is_new || is_any,
        Some(_) => false,
        None if acts.iter().any(|act| matches!(act, Act::Need | Act::Get)) => {
            is_new || is_any || !is_known
        }
        None => {
            acts.iter().all(|act| MAKING.contains(act) && *act != Act::Ask)
                && (is_new || slots::name(clause).is_some() && !is_known)
        }
    }
}

fn is_border(piece: &Piece<'_>) -> bool {
    piece.place().is_some() || piece.act().is_some() || piece.kind != Kind::Word
}

/// What the description of a new sandbox says twice and differently.
fn contradiction(clause: &Clause<'_, '_>) -> Option<Question> {
    let languages = slots::languages(clause);
    if let [one, other, ..] = languages.as_slice() {
        let said = format!("`{one}` and `{other}` are both named; which language?");
        let both = [(*one).to_owned(), (*other).to_owned()];
        return Some(Question::about("language", said).with_candidates(both));
    }
    let both = clause.has_quality(Quality::Persistent) && clause.has_quality(Quality::Temporary);
    let said = "it is to be kept and to be temporary; shall it be kept?";
    both.then(|| {
        Question::about("persistent", said).with_candidates(["true".to_owned(), "false".to_owned()])
    })
}
