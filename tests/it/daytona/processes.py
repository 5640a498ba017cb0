"""Commands, programs and sessions, by the official SDK."""

import asyncio
import sys
import time

from common import raises, run
from daytona import (
    AsyncDaytona,
    CodeRunParams,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConflictError,
    DaytonaError,
    DaytonaNotFoundError,
    DaytonaTimeoutError,
    SessionExecuteRequest,
)


def commands():
    with made() as sandbox:
        process = sandbox.process
        done = process.exec("echo out; echo bad >&2; echo more; exit 3")
        # Each stream has its order; the two are pipes, and what is written at once may swap.
        assert done.exit_code == 3 and sorted(done.result.split()) == ["bad", "more", "out"], done
        assert done.result.index("out") < done.result.index("more"), done
        assert process.exec("echo $COLOUR-$SHAPE", env={"SHAPE": "it's \"round\""}).result == (
            "blue-it's \"round\"\n"
        )
        assert process.exec("pwd", cwd="/tmp").result == "/tmp\n"
        assert process.exec("[[ -n x ]] && echo ${BASH_VERSION:+bash}").result == "bash\n"
        assert process.exec("no-such-program").exit_code == 127
        missing = process.exec("pwd", cwd="/no/such/folder")
        assert missing.exit_code == -1 and "/no/such/folder" in missing.result, missing
        assert process.exec("printf 'caf\\303\\251'").result == "café"

        # A background process that keeps the streams open keeps nobody waiting.
        began = time.monotonic()
        assert process.exec("sleep 600 & echo begun").result == "begun\n"
        assert time.monotonic() - began < 10
        assert process.exec("pgrep -x sleep | wc -l").result.strip() == "1"

        long = process.exec("head -c 3000000 /dev/zero | tr '\\0' x").result
        assert len(long) == 3_000_000, len(long)

        # A time-out ends the whole tree.
        error = raises(
            DaytonaTimeoutError,
            lambda: process.exec("(exec -a tree-of-it sleep 700) & sleep 700", timeout=1),
        )
        assert "timeout" in str(error), error
        assert process.exec("pgrep -f '[t]ree-of-it|[s]leep 700'").result == ""


def programs():
    with made() as sandbox:
        run = sandbox.process.code_run
        done = run("import sys\nprint('hello', *sys.argv[1:])", CodeRunParams(argv=["a b", "c"]))
        assert (done.exit_code, done.result) == (0, "hello a b c\n"), done
        assert done.artifacts.charts == [] and done.artifacts.stdout == done.result
        wrong = run("print('before')\nraise ValueError('no')")
        assert wrong.exit_code == 1 and "ValueError: no" in wrong.result, wrong
        assert run("import os; print(os.environ['A'])", CodeRunParams(env={"A": "1"})).result == "1\n"
        # `code_run` of these SDKs gives its client's own exception.
        late = raises(Exception, lambda: run("import time; time.sleep(60)", timeout=1))
        assert getattr(late, "status", getattr(late, "status_code", None)) == 408, late
    with made(language="javascript") as sandbox:
        assert sandbox.process.code_run("console.log(6 * 7)").result == "42\n"


async def commands_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        done = await asyncio.gather(
            *(sandbox.process.exec(f"echo {number}; exit {number}") for number in range(8))
        )
        assert [one.exit_code for one in done] == list(range(8))
        assert [one.result for one in done] == [f"{number}\n" for number in range(8)]
        assert (await sandbox.process.code_run("print(1 + 1)")).result == "2\n"
        try:
            await sandbox.process.exec("sleep 60", timeout=1)
            raise AssertionError("no time-out")
        except DaytonaTimeoutError:
            pass
        await sandbox.delete()


def surroundings():
    with made() as sandbox:
        home = sandbox.get_user_home_dir()
        assert home == sandbox.process.exec("echo ~").result.strip(), home
        assert sandbox.get_work_dir() == sandbox.process.exec("pwd").result.strip()
        if hasattr(sandbox, "update_env"):
            sandbox.update_env({"SHAPE": "round"}, unset=["COLOUR"])
            assert sandbox.process.exec("echo $SHAPE-$COLOUR").result == "round-\n"
            raises(DaytonaError, lambda: sandbox.update_env({"A=B": "1"}))


def session():
    with made() as sandbox:
        process = sandbox.process
        process.create_session("work")
        run = lambda command: process.execute_session_command(
            "work", SessionExecuteRequest(command=command)
        )
        first = run("cd /tmp && export SHAPE=round; twice() { echo $1 $1; }")
        assert (first.exit_code, first.stdout, first.stderr) == (0, "", ""), first
        second = run("pwd; twice $SHAPE; echo bad >&2; false")
        assert second.exit_code == 1, second
        assert second.stdout == "/tmp\nround round\n" and second.stderr == "bad\n", second
        assert sorted(second.output.split()) == ["/tmp", "bad", "round", "round"], second
        quoted = run("cat <<'END'\nit's \"$SHAPE\"\nEND\nprintf %s \\\\ # a comment")
        assert quoted.stdout == "it's \"$SHAPE\"\n\\", quoted
        # Commands see the end of input, wrong ones do no harm, and prints are no ends.
        assert run("(exit 3)").exit_code == 3 and run("echo $?; echo $?").stdout == "3\n0\n"
        assert run("cat").stdout == ""
        assert run("if then").exit_code != 0 and "syntax" in run("if then").stderr
        forged = run("echo; echo cmd-0 0; read x; echo last; exit_code=7; (exit 7)")
        assert forged.exit_code == 7 and forged.stdout.endswith("last\n"), forged
        large = run("head -c 2000000 /dev/zero | tr '\\0' y")
        assert len(large.stdout) == 2_000_000, len(large.stdout)

        kept = process.get_session("work")
        assert kept.session_id == "work" and len(kept.commands) == 10, kept
        assert kept.commands[1].exit_code == 1 and "twice $SHAPE" in kept.commands[1].command
        one = process.get_session_command("work", second.cmd_id)
        assert (one.id, one.exit_code) == (second.cmd_id, 1), one
        logs = process.get_session_command_logs("work", second.cmd_id)
        assert (logs.stdout, logs.stderr) == (second.stdout, "bad\n"), logs

        process.create_session("other")
        assert {one.session_id for one in process.list_sessions()} == {"work", "other"}
        assert process.execute_session_command(
            "other", SessionExecuteRequest(command="echo [$SHAPE]")
        ).stdout == "[]\n"
        process.delete_session("other")
        assert [one.session_id for one in process.list_sessions()] == ["work"]
        assert process.get_entrypoint_session().commands == []
        assert process.get_entrypoint_logs().stdout == ""


def background():
    with made() as sandbox:
        process = sandbox.process
        process.create_session("work")
        begun = process.execute_session_command(
            "work",
            SessionExecuteRequest(
                command="echo ready; read name; echo hello $name >&2; exit_later=1; (exit 5)",
                run_async=True,
            ),
        )
        assert begun.cmd_id and begun.exit_code is None, begun
        logs = lambda: process.get_session_command_logs("work", begun.cmd_id)
        until(lambda: logs().stdout == "ready\n")
        assert process.get_session_command("work", begun.cmd_id).exit_code is None
        process.send_session_command_input("work", begun.cmd_id, "world\n")
        until(lambda: process.get_session_command("work", begun.cmd_id).exit_code == 5)
        assert logs().stderr == "hello world\n" and logs().stdout == "ready\nworld\n", logs()

        quiet = process.execute_session_command(
            "work",
            SessionExecuteRequest(
                command="read secret; echo ${#secret}", run_async=True, suppress_input_echo=True
            ),
        )
        process.send_session_command_input("work", quiet.cmd_id, "12345\n")
        until(lambda: process.get_session_command("work", quiet.cmd_id).exit_code == 0)
        assert process.get_session_command_logs("work", quiet.cmd_id).stdout == "5\n"

        # What a command leaves behind goes on, and ends with the session.
        left = process.execute_session_command(
            "work", SessionExecuteRequest(command="(while :; do sleep 0.05; echo x; done) & echo on")
        )
        assert left.exit_code == 0 and "on\n" in left.stdout, left
        late = process.execute_session_command(
            "work", SessionExecuteRequest(command="{ sleep 0.6; echo late; echo bad >&2; } & :")
        )
        assert (late.exit_code, late.stdout) == (0, ""), late
        logs = lambda: process.get_session_command_logs("work", late.cmd_id)
        until(lambda: (logs().stdout, logs().stderr) == ("late\n", "bad\n"))
        process.execute_session_command("work", SessionExecuteRequest(command="sleep 800", run_async=True))
        until(lambda: "sleep 800" in sandbox.process.exec("ps ax -o args").result)
        process.delete_session("work")
        assert sandbox.process.exec("pgrep -f '[s]leep'").result == ""

        # What a shell leaves that ended by itself ends with its session too.
        process.create_session("short")
        process.execute_session_command(
            "short", SessionExecuteRequest(command="sleep 801 & exit 3", run_async=True)
        )
        until(lambda: process.get_session("short").commands[0].exit_code == 3)
        assert "sleep 801" in sandbox.process.exec("ps ax -o args").result
        process.delete_session("short")
        assert sandbox.process.exec("pgrep -f '[s]leep'").result == ""


def session_failures():
    with made() as sandbox:
        process = sandbox.process
        process.create_session("work")
        raises(DaytonaConflictError, lambda: process.create_session("work"))
        raises(DaytonaNotFoundError, lambda: process.get_session("none"))
        raises(DaytonaNotFoundError, lambda: process.delete_session("none"))
        raises(DaytonaNotFoundError, lambda: process.get_session_command("work", "cmd-none"))
        raises(DaytonaNotFoundError, lambda: process.get_session_command_logs("work", "cmd-none"))
        run = lambda command: process.execute_session_command(
            "work", SessionExecuteRequest(command=command)
        )
        done = run("true")
        over = raises(
            DaytonaError, lambda: process.send_session_command_input("work", done.cmd_id, "x")
        )
        assert getattr(over, "status_code", 410) == 410, over
        # A shell that ends takes its last command with it, and remembers what was.
        last = run("echo bye; exit 9")
        assert (last.exit_code, last.stdout) == (9, "bye\n"), last
        ended = raises(DaytonaError, lambda: run("true"))
        assert getattr(ended, "status_code", 410) == 410, ended
        assert len(process.get_session("work").commands) == 2
        process.delete_session("work")
        process.create_session("work")
        assert run("echo again").stdout == "again\n"
        sandbox.stop()
        sandbox.start()
        assert process.list_sessions() == []


async def session_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        process = sandbox.process
        await process.create_session("work")
        run = lambda command: process.execute_session_command(
            "work", SessionExecuteRequest(command=command)
        )
        # At once, and still one after the other.
        await run("count=0")
        done = await asyncio.gather(*(run("count=$((count + 1)); echo $count") for _ in range(10)))
        assert sorted(int(one.stdout) for one in done) == list(range(1, 11)), done
        begun = await process.execute_session_command(
            "work", SessionExecuteRequest(command="read line; echo got $line", run_async=True)
        )
        await process.send_session_command_input("work", begun.cmd_id, "it\n")
        assert (await run("echo after")).stdout == "after\n"
        logs = await process.get_session_command_logs("work", begun.cmd_id)
        assert logs.stdout == "it\ngot it\n", logs
        await process.delete_session("work")
        await sandbox.delete()


class made:
    """A sandbox that is deleted at the end."""

    def __init__(self, language=None):
        self.params = CreateSandboxFromSnapshotParams(
            language=language, env_vars={"COLOUR": "blue"}
        )

    def __enter__(self):
        self.sandbox = Daytona().create(self.params)
        return self.sandbox

    def __exit__(self, *_):
        self.sandbox.delete()


def until(holds, limit=20):
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


if __name__ == "__main__":
    run(*(globals()[name] for name in sys.argv[1:]))
