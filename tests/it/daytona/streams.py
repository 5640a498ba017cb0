"""What comes as it is written, by the official SDK: logs that are followed, terminals,
interpreters."""

import asyncio
import queue
import sys
import time

from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConflictError,
    DaytonaError,
    DaytonaNotFoundError,
    DaytonaTimeoutError,
    SessionExecuteRequest,
)
from daytona.common.pty import PtySize

# Written from the start and after a line of input; one character comes in two pieces.
TALK = r"echo one; echo bad >&2; read line; echo $line; printf 'caf\303'; printf '\251\n'; (exit 4)"
MUCH = 12_000_000


def begin(command):
    return SessionExecuteRequest(command=command, run_async=True, suppress_input_echo=True)


async def logs():
    """The sync SDK follows logs in a coroutine, too."""
    sandbox = Daytona().create()
    process = sandbox.process
    process.create_session("logs")
    begun = process.execute_session_command("logs", begin(TALK))
    out, bad = [], []

    def heard(text):
        if "one" in text:
            process.send_session_command_input("logs", begun.cmd_id, "two\n")
        out.append(text)

    follow = process.get_session_command_logs_async
    await asyncio.wait_for(follow("logs", begun.cmd_id, heard, bad.append), 30)
    assert "".join(out) == "one\ntwo\ncafé\n" and "".join(bad) == "bad\n", (out, bad)
    assert process.get_session_command("logs", begun.cmd_id).exit_code == 4
    # What is over is told from its beginning.
    again = []
    await asyncio.wait_for(follow("logs", begun.cmd_id, again.append, again.append), 30)
    assert sorted("".join(again)) == sorted("one\ntwo\ncafé\nbad\n"), again
    for session, command in [("logs", "cmd-none"), ("none", begun.cmd_id)]:
        try:
            await follow(session, command, print, print)
            raise AssertionError("nothing is there to follow")
        except DaytonaError:
            pass
    await asyncio.wait_for(process.get_entrypoint_logs_async(print, print), 30)
    sandbox.delete()


async def logs_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        process = sandbox.process
        await process.create_session("logs")
        run = process.execute_session_command
        follow = process.get_session_command_logs_async
        # More than is kept comes whole to readers who read, each at its pace.
        begun = await run("logs", begin(f"read go; head -c {MUCH} /dev/zero | tr '\\0' y"))
        sizes, bad = [0, 0], []

        def counts(number):
            def count(text):
                assert text.strip("y") == "", text
                sizes[number] += len(text)

            return count

        readers = [
            asyncio.create_task(follow("logs", begun.cmd_id, counts(number), bad.append))
            for number in range(2)
        ]
        await process.send_session_command_input("logs", begun.cmd_id, "go\n")
        await asyncio.wait_for(asyncio.gather(*readers), 60)
        assert sizes == [MUCH, MUCH] and bad == [], (sizes, bad)
        # Who goes away early leaves the command alone.
        begun = await run("logs", begin("echo here; read line; echo $line"))
        came = asyncio.Event()
        leaves = asyncio.create_task(
            follow("logs", begun.cmd_id, lambda _: came.set(), lambda _: None)
        )
        await asyncio.wait_for(came.wait(), 30)
        leaves.cancel()
        await process.send_session_command_input("logs", begun.cmd_id, "there\n")
        out = []
        await asyncio.wait_for(follow("logs", begun.cmd_id, out.append, out.append), 30)
        assert "".join(out) == "here\nthere\n", out
        # The end of a session is that of its logs.
        begun = await run("logs", begin("echo begun; sleep 600"))
        came.clear()
        reads = asyncio.create_task(follow("logs", begun.cmd_id, lambda _: came.set(), print))
        await asyncio.wait_for(came.wait(), 30)
        await process.delete_session("logs")
        await asyncio.wait_for(reads, 30)
        await sandbox.delete()


def opened(process, **wish):
    return patient(
        lambda: process.create_pty_session(**wish), lambda: process.kill_pty_session(wish["id"])
    )


def viewed(process, name):
    return patient(lambda: process.connect_pty_session(name), lambda: None)


def patient(connect, undo):
    """The sync SDK means to wait ten seconds for a terminal's first message, but fails when none has
    come after a tenth of one: it expects `TimeoutError` where `queue.Empty` is raised."""
    for _ in range(20):
        try:
            return connect()
        except DaytonaError as error:
            if not isinstance(error.__cause__, queue.Empty):
                raise
        undo()
    raise AssertionError("no message of a terminal came in time")


def until(handle, text):
    """What a terminal shows until it has shown this; what is typed is echoed, so not literally."""
    seen = b""
    for data in handle:
        seen += data
        if text in seen:
            return seen
    raise AssertionError((text, seen))


def terminals():
    sandbox = Daytona().create()
    process = sandbox.process
    handle = opened(
        process, id="main", cwd="/tmp", envs={"SHAPE": "round"}, pty_size=PtySize(cols=100, rows=30)
    )
    assert handle.is_connected()
    handle.send_input("KEPT=this; stty size; echo $SHAPE-$TERM; pwd; id -un; echo E$((0))ND\n")
    seen = until(handle, b"E0ND").decode()
    assert "30 100\r\n" in seen and "round-xterm-256color\r\n/tmp\r\n" in seen, seen
    assert sandbox.process.exec("id -un").result.strip() in seen, seen
    kept = process.get_pty_session_info("main")
    assert (kept.id, kept.cols, kept.rows, kept.cwd) == ("main", 100, 30, "/tmp"), kept
    assert kept.active and list(kept.envs) == ["SHAPE"], kept

    # A new size reaches the program that runs, with its signal.
    handle.send_input(
        "sh -c 'trap \"stty size; exit\" WINCH; echo R$((1+1)); while :; do sleep 0.02; done'\n"
    )
    until(handle, b"R2")
    assert handle.resize(PtySize(cols=120, rows=40)).cols == 120
    until(handle, b"40 120")

    # Who comes later sees what was, and all see what comes.
    second = viewed(process, "main")
    until(second, b"round-xterm")
    second.send_input("sh -c 'echo go-$((1+1)); exec sleep 600'\n")
    until(handle, b"go-2")
    handle.send_input("\x03")
    handle.send_input("echo both-$((1+1))\n")
    until(handle, b"both-2")
    until(second, b"both-2")
    second.disconnect()
    handle.disconnect()
    third = viewed(process, "main")
    third.send_input("echo $KEPT-$((2+2)); exit 7\n")
    shown = []
    ended = third.wait(on_data=shown.append)
    assert (ended.exit_code, ended.error) == (7, None), ended
    assert b"this-4" in b"".join(shown), shown
    third.disconnect()
    assert process.list_pty_sessions() == []
    raises(DaytonaNotFoundError, lambda: process.get_pty_session_info("main"))
    raises(DaytonaError, lambda: process.connect_pty_session("main"))

    # Much comes whole, and what runs in a terminal ends with it.
    much = opened(process, id="much")
    raises(DaytonaConflictError, lambda: process.create_pty_session(id="much"))
    raises(DaytonaError, lambda: process.resize_pty_session("much", PtySize(cols=0, rows=9)))
    much.send_input("stty -echo; head -c 3000000 /dev/zero | tr '\\0' z; echo $((2+2))END\n")
    assert until(much, b"4END").count(b"z") >= 3_000_000
    much.send_input("sleep 700 & sleep 700\n")
    ps = lambda: sandbox.process.exec("ps ax -o args").result
    wait_for(lambda: ps().count("sleep 700") == 2)
    much.kill()
    ended = much.wait()
    assert ended.exit_code == 137 and ended.error == "killed", ended
    much.disconnect()
    assert "sleep 700" not in ps()
    sandbox.delete()


async def terminals_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        process = sandbox.process
        shown = bytearray()
        handle = await process.create_pty_session(id="main", on_data=shown.extend)
        await handle.send_input("echo A$((1+1))B; exit 3\n")
        ended = await asyncio.wait_for(handle.wait(), 30)
        assert (ended.exit_code, ended.error) == (3, None) and b"A2B" in shown, (ended, shown)
        # A terminal ends with its sandbox, and says so.
        handle = await process.create_pty_session(id="main", on_data=shown.extend)
        viewer = await process.connect_pty_session("main", on_data=shown.extend)
        await sandbox.stop()
        for ended in await asyncio.wait_for(asyncio.gather(handle.wait(), viewer.wait()), 30):
            assert ended.exit_code == 137 and ended.error, ended
        assert await process.list_pty_sessions() == []
        await handle.disconnect()
        await viewer.disconnect()
        await sandbox.delete()


def interpreters():
    sandbox = Daytona().create(CreateSandboxFromSnapshotParams(env_vars={"COLOUR": "blue"}))
    run = sandbox.code_interpreter.run_code
    came = []
    done = run(
        "import os, sys\nx = 41\nprint('out', os.environ['COLOUR'])\nprint('b\u00e9', file=sys.stderr)\nx",
        on_stdout=lambda message: came.append(message.output),
    )
    assert (done.stdout, done.stderr, done.error) == ("out blue\n", "b\u00e9\n", None), done
    assert "".join(came) == done.stdout, came
    # What was, stays; variables of a run do not. What children write is heard as well.
    kept = run("x += 1; print(x, os.environ['SHAPE'])", envs={"SHAPE": "round"})
    assert kept.stdout == "42 round\n", kept
    assert run("print(os.environ.get('SHAPE')); os.system('echo child; echo bad >&2')").stdout == (
        "None\nchild\n"
    )
    failed = run("def f():\n    return 1 / 0\nprint('before')\nf()")
    assert failed.stdout == "before\n" and failed.error.name == "ZeroDivisionError", failed
    assert failed.error.value == "division by zero", failed.error
    assert "return 1 / 0" in failed.error.traceback and "_serve" not in failed.error.traceback
    assert run("if then").error.name == "SyntaxError"
    assert run("import sys; sys.exit(3)").error.name == "SystemExit"
    assert run("input()").error.name == "EOFError"

    # A context of its own.
    context = sandbox.code_interpreter.create_context(cwd="/tmp")
    assert (context.cwd, context.language, context.active) == ("/tmp", "python", True), context
    assert [one.id for one in sandbox.code_interpreter.list_contexts()] == [context.id]
    assert run("import os; print(os.getcwd())", context=context).stdout == "/tmp\n"
    assert run("x", context=context).error.name == "NameError"

    # Code that takes too long is interrupted, and what it kept stays.
    raises(DaytonaTimeoutError, lambda: run("import time; time.sleep(600)", timeout=0.3))
    assert run("print(x)").stdout == "42\n"
    # What does not let itself be interrupted is killed, and a new default context begins.
    stubborn = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    raises(DaytonaTimeoutError, lambda: run(stubborn, timeout=0.3))
    assert run("x").error.name == "NameError"

    # Code does what it likes to itself; nothing hangs.
    assert run("import os, sys; sys.stdout.close(); os.close(2)").error is None
    assert run("print('again')").stdout == "again\n"
    assert run("import threading, time\nprint('now', flush=True)\nthreading.Thread(target="
               "lambda: [print('late') or time.sleep(.001) for _ in range(10**6)], daemon=True).start()"
               ).error is None
    assert "here" in run("print('here')").stdout
    large = run("print('x' * 5_000_000)")
    assert large.stdout.count("x") == 5_000_000, len(large.stdout)
    raises(DaytonaTimeoutError, lambda: run("while True: print('y' * 1000)", timeout=0.3))
    forged = run("import os\nfor fd in range(200, 210):\n    try: os.write(fd, b'\\x1ewrong-mark d\\n')\n"
                 "    except OSError: pass\nprint('end')")
    assert "end" in forged.stdout and "wrong-mark" in forged.stdout, forged
    assert run("if os.fork() == 0: print('child')\nelse: os.wait()").error is None
    for death in ["os._exit(7)", "import ctypes; ctypes.string_at(0)", "os.closerange(0, 9999)"]:
        dead = run("x = 1; print('last'); " + death)
        assert "last" in dead.stdout and dead.error.name == "ContextEnded", (death, dead)
        assert run("import os; x").error.name == "NameError", death
    dead = run("import os; os._exit(7)", context=context)
    assert dead.error.name == "ContextEnded" and "7" in dead.error.value, dead
    assert [one.active for one in sandbox.code_interpreter.list_contexts()] == [False]
    ended = raises(DaytonaError, lambda: run("1", context=context))
    assert "has ended" in str(ended), ended
    sandbox.code_interpreter.delete_context(context)
    assert sandbox.code_interpreter.list_contexts() == []
    missing = raises(DaytonaError, lambda: run("1", context=context))
    assert context.id in str(missing), missing
    raises(DaytonaNotFoundError, lambda: sandbox.code_interpreter.delete_context(context))
    sandbox.delete()


async def interpreters_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        run = sandbox.code_interpreter.run_code
        # One after the other in one context, however they come.
        await run("count = 0")
        step = "n = count; import time; time.sleep(.01); count = n + 1; print(count)"
        done = await asyncio.gather(*(run(step) for _ in range(8)))
        assert sorted(one.stdout for one in done) == [f"{n}\n" for n in range(1, 9)], done
        # A client that goes away interrupts its code.
        came = asyncio.Event()
        goes = asyncio.create_task(
            run(
                "try:\n    print('on')\n    time.sleep(600)\nfinally: count = 'left'",
                on_stdout=lambda _: came.set(),
            )
        )
        await asyncio.wait_for(came.wait(), 30)
        goes.cancel()
        left = await asyncio.wait_for(run("print(count)"), 30)
        assert left.stdout == "left\n", left
        # A context ends under its code.
        context = await sandbox.code_interpreter.create_context()
        came.clear()
        runs = asyncio.create_task(
            run("print('on'); import time; time.sleep(600)", context=context, on_stdout=lambda _: came.set())
        )
        await asyncio.wait_for(came.wait(), 30)
        await sandbox.code_interpreter.delete_context(context)
        ended = await asyncio.wait_for(runs, 30)
        assert ended.error.name == "ContextEnded", ended
        await sandbox.delete()


def left():
    """Leaves something of each kind behind."""
    daytona = Daytona()
    try:
        sandbox = daytona.get("left")
    except DaytonaNotFoundError:
        sandbox = daytona.create(CreateSandboxFromSnapshotParams(name="left"))
    process = sandbox.process
    process.create_session("left")
    process.execute_session_command("left", begin("sleep 7001"))
    handle = opened(process, id="left")
    handle.send_input("sleep 7002\n")
    sandbox.code_interpreter.run_code("import os; os.system('sleep 7003 &')")
    wait_for(lambda: process.exec("ps ax -o args").result.count("sleep 700") >= 3)
    handle.disconnect()


def wait_for(holds, limit=20):
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


ALL = [logs, logs_async, terminals, terminals_async, interpreters, interpreters_async]


def everything():
    for scenario in ALL:
        run(scenario)


if __name__ == "__main__":
    run(*(globals()[name] for name in sys.argv[1:]))
