use infield_domain::lifecycle::{Reason, next};
use proptest::prelude::*;

use super::*;

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Start),
        Just(Wish::Pause),
        Just(Wish::Archive),
        Just(Wish::Stop(Cause::of(Reason::Request))),
        Just(Wish::Delete(Cause::of(Reason::Request))),
    ]
}

fn state() -> impl Strategy<Value = State> {
    use State::*;
    prop_oneof![
        Just(Creating),
        Just(Starting),
        Just(Running),
        Just(Pausing),
        Just(Paused),
        Just(Resuming),
        Just(Archived),
        Just(Stopping),
        Just(Stopped),
        Just(Failed),
        Just(Deleting),
    ]
}

/// Where the provider, doing all that is asked of it, brings a moving sandbox.
fn settled(state: State) -> State {
    match state {
        State::Creating | State::Starting | State::Resuming => State::Running,
        State::Pausing => State::Paused,
        State::Stopping => State::Stopped,
        State::Deleting => State::Deleted,
        State::Running
        | State::Paused
        | State::Stopped
        | State::Archived
        | State::Failed
        | State::Deleted => state,
    }
}

proptest! {
    /// Whoever asks gets exactly one answer, and no queue grows without end.
    #[test]
    fn every_waiter_is_answered_once(start in state(), wishes in prop::collection::vec(wish(), 0..60)) {
        let mut queue = Queue::new();
        let mut answered = Vec::new();
        for (waiter, wish) in wishes.iter().enumerate() {
            match queue.push(start, wish.clone(), waiter) {
                Pushed::Waits => {}
                Pushed::WithMovement(waiter)
                | Pushed::Done(waiter)
                | Pushed::Unfit(waiter)
                | Pushed::Full(waiter) => answered.push(waiter),
                Pushed::Refused(waiters) => answered.extend(waiters),
            }
            prop_assert!(queue.entries.len() <= LONGEST);
        }
        while let Some((_, waiters)) = queue.pop() {
            answered.extend(waiters);
        }
        answered.sort_unstable();
        prop_assert_eq!(answered, (0..wishes.len()).collect::<Vec<_>>());
    }

    /// What is queued has its place in the lifecycle when its turn comes.
    #[test]
    fn every_queued_wish_fits(start in state(), wishes in prop::collection::vec(wish(), 0..30)) {
        let mut queue = Queue::new();
        for wish in wishes {
            drop(queue.push(start, wish, ()));
        }
        let mut state = settled(start);
        if queue.interrupts() {
            state = start;
        }
        while let Some((wish, _)) = queue.pop() {
            let following = next(state, &wish.clone().into_event());
            prop_assert!(following.is_some(), "{wish:?} in {state:?}");
            state = settled(following.expect("just checked"));
        }
    }

    /// Deletion is never refused and always comes first.
    #[test]
    fn deletion_comes_first(start in state(), wishes in prop::collection::vec(wish(), 0..30)) {
        let mut queue = Queue::new();
        for wish in wishes {
            drop(queue.push(start, wish, ()));
        }
        let pushed = queue.push(start, Wish::Delete(Cause::of(Reason::Request)), ());
        let joins = start == State::Deleting && pushed == Pushed::WithMovement(());
        prop_assert!(joins || queue.interrupts());
        prop_assert!(queue.entries.len() <= 1);
    }
}
