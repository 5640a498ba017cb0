use infield_domain::command::Ending;

use super::*;

fn row(letter: u8) -> ExecutionRow {
    let execution = Execution {
        id: ExecutionId::from_random([letter; 16]),
        command: "python: print(1)".to_owned(),
        started_at: u64::from(letter),
        ending: None,
        stdout_bytes: 0,
        stderr_bytes: 0,
    };
    ExecutionRow { sandbox_id: SandboxId::from_random([1; 16]), execution }
}

#[test]
fn an_ending_is_written_once_and_stays() {
    let mut store = Store::in_memory().expect("memory");
    let mut first = row(1);
    store.put_execution(&first).expect("put");
    store.put_execution(&row(2)).expect("put");
    assert_eq!(store.open_executions().expect("read").len(), 2);
    let ending = Ending { exit_code: 3, signal: None, stopped_by: None, wall_ms: 5 };
    first.execution.ending = Some(ending);
    first.execution.stdout_bytes = 7;
    store.put_execution(&first).expect("put");
    store.put_execution(&row(1)).expect("an old state comes late");
    assert_eq!(store.execution(&first.execution.id).expect("read"), Some(first.clone()));
    assert_eq!(store.open_executions().expect("read"), [row(2)]);
    let of = store.executions_of(&first.sandbox_id, 10).expect("read");
    assert_eq!(of, [row(2), first]);
    assert_eq!(store.forget_executions(100).expect("forgotten"), 1);
}
