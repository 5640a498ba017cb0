use proptest::prelude::*;

use super::*;

fn events() -> [Event; 11] {
    let cause = || Cause::of(Reason::Request);
    [
        Event::Start,
        Event::Stop(cause()),
        Event::Delete(cause()),
        Event::Pause,
        Event::Archive,
        Event::Ready,
        Event::Held,
        Event::Halted,
        Event::Gone,
        Event::Died(cause()),
        Event::Failed(cause()),
    ]
}

#[test]
fn every_state_can_be_deleted() {
    for state in State::ALL.into_iter().filter(|state| *state != State::Deleted) {
        let delete = Event::Delete(Cause::of(Reason::Request));
        assert_eq!(next(state, &delete), Some(State::Deleting), "{state:?}");
    }
    assert_eq!(next(State::Deleting, &Event::Gone), Some(State::Deleted));
}

#[test]
fn nothing_comes_back_from_deletion() {
    for event in events() {
        assert_eq!(next(State::Deleted, &event), None, "{event:?}");
        let following = next(State::Deleting, &event).unwrap_or(State::Deleting);
        assert!(matches!(following, State::Deleting | State::Deleted), "{event:?}");
    }
}

proptest! {
    /// What runs was made or started just before, and what is at rest was stopped or failed.
    #[test]
    fn the_diagram_holds(picks in prop::collection::vec(0..11_usize, 0..200)) {
        let mut state = State::Creating;
        for pick in picks {
            let event = &events()[pick];
            let Some(following) = next(state, event) else { continue };
            let allowed = match following {
                State::Creating => false,
                State::Starting => state.is_at_rest(),
                State::Running => matches!(
                    state,
                    State::Creating | State::Starting | State::Pausing | State::Resuming
                ),
                State::Pausing => matches!(state, State::Running | State::Paused),
                State::Paused => matches!(state, State::Pausing | State::Resuming),
                State::Resuming => state == State::Paused,
                State::Stopping => state.is_alive(),
                State::Stopped => state == State::Stopping,
                State::Archived => state == State::Stopped,
                State::Failed => {
                    matches!(state, State::Creating | State::Starting | State::Stopping)
                }
                State::Deleting => state != State::Deleted,
                State::Deleted => state == State::Deleting,
            };
            prop_assert!(allowed, "{state:?} to {following:?} by {event:?}");
            state = following;
        }
    }
}
