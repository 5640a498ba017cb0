use proptest::prelude::*;

use super::*;

const STATES: [State; 8] = [
    State::Creating,
    State::Starting,
    State::Running,
    State::Stopping,
    State::Stopped,
    State::Failed,
    State::Deleting,
    State::Deleted,
];

fn events() -> [Event; 8] {
    let cause = || Cause::of(Reason::Request);
    [
        Event::Start,
        Event::Stop(cause()),
        Event::Delete(cause()),
        Event::Ready,
        Event::Halted,
        Event::Gone,
        Event::Died(cause()),
        Event::Failed(cause()),
    ]
}

#[test]
fn every_state_can_be_deleted() {
    for state in STATES.into_iter().filter(|state| *state != State::Deleted) {
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
    fn the_diagram_holds(picks in prop::collection::vec(0..8_usize, 0..200)) {
        let mut state = State::Creating;
        for pick in picks {
            let event = &events()[pick];
            let Some(following) = next(state, event) else { continue };
            let allowed = match following {
                State::Creating => false,
                State::Starting => matches!(state, State::Stopped | State::Failed),
                State::Running => matches!(state, State::Creating | State::Starting),
                State::Stopping => state == State::Running,
                State::Stopped => state == State::Stopping,
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
