"""A program as its user wrote it, by the official SDK: one sandbox from its creation to its end,
and everything in between. `PYLSP` is a language server as an archive, `FORGE` a git server."""

import asyncio
import os
import sys
import time

from common import run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaError,
    DaytonaNotFoundError,
    FileDownloadRequest,
    FileUpload,
    SessionExecuteRequest,
    VolumeMount,
)
from streams import opened, until

TREE = {f"project/{folder}/{number}.txt": f"{folder} {number}\n".encode()
        for folder in ("one", "two/deep") for number in range(20)}
SHAPES = b"class Circle:\n    def area(self):\n        return 3\n"
INSTALL = (
    'site="$(python3 -m site --user-site)" && mkdir -p "$site" ~/.local/bin && '
    'tar -xf /tmp/pylsp.tar -C "$site" && cd ~/.local/bin && '
    "printf '#!/usr/bin/python3\\nfrom pylsp.__main__ import main\\nmain()\\n' > pylsp && chmod +x pylsp"
)
FAR = "http://127.0.0.1:8000/repo.git"
ANN = {"username": "ann", "password": "pass-word"}
BEGUN = SessionExecuteRequest(
    command="echo one; read line; echo $line; exit 4", run_async=True, suppress_input_echo=True
)
FORGE = SessionExecuteRequest(command="python3 /tmp/forge.py", run_async=True)


def content(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


def mounted(volume, path):
    return CreateSandboxFromSnapshotParams(volumes=[VolumeMount(volume_id=volume.id, mount_path=path)])


def whole():
    daytona = Daytona()
    volume = daytona.volume.get("whole", create=True)
    sandbox = daytona.create(mounted(volume, "/shared"))
    assert sandbox.state == "started", sandbox
    process, fs, git = sandbox.process, sandbox.fs, sandbox.git

    assert process.code_run("print(6 * 7)").result == "42\n"
    assert process.exec("echo $((6 * 7))").result == "42\n"

    process.create_session("work")
    for command in ("cd /tmp && KEPT=kept", "echo $KEPT in $PWD"):
        answer = process.execute_session_command("work", SessionExecuteRequest(command=command))
    assert answer.exit_code == 0 and answer.output.strip() == "kept in /tmp", answer
    begun, said = process.execute_session_command("work", BEGUN), []

    def heard(text):
        if "one" in text:
            process.send_session_command_input("work", begun.cmd_id, "two\n")
        said.append(text)

    logs = process.get_session_command_logs_async("work", begun.cmd_id, heard, said.append)
    asyncio.run(asyncio.wait_for(logs, 60))
    assert "".join(said) == "one\ntwo\n", said
    assert process.get_session_command("work", begun.cmd_id).exit_code == 4

    terminal = opened(process, id="screen")
    terminal.send_input("echo shown-$((1+1)); exit 3\n")
    until(terminal, b"shown-2")
    assert terminal.wait().exit_code == 3
    terminal.disconnect()

    interpreter = sandbox.code_interpreter
    context = interpreter.create_context()
    interpreter.run_code("x = 41", context=context)
    assert interpreter.run_code("print(x + 1)", context=context).stdout == "42\n"
    interpreter.delete_context(context)

    fs.upload_files([FileUpload(text, path) for path, text in TREE.items()])
    results = fs.download_files([FileDownloadRequest(source=path) for path in TREE])
    assert {one.source: one.result for one in results} == TREE

    fs.upload_file(content("FORGE"), "/tmp/forge.py")
    process.create_session("forge")
    process.execute_session_command("forge", FORGE)
    patiently(lambda: git.clone(FAR, "repo", **ANN))
    fs.upload_file(b"mine\n", "repo/mine.txt")
    git.add("repo", ["mine.txt"])
    sha = git.commit("repo", "mine", author="Ann", email="ann@example.com").sha
    git.push("repo", set_upstream=True, **ANN)
    git.clone(FAR, "again", **ANN)
    assert fs.download_file("again/mine.txt") == b"mine\n"
    assert process.exec("git -C again rev-parse HEAD").result.strip() == sha

    fs.upload_file(content("PYLSP"), "/tmp/pylsp.tar")
    assert process.exec(INSTALL).exit_code == 0
    fs.upload_file(SHAPES, "project/shapes.py")
    lsp = sandbox.create_lsp_server("python", "project")
    lsp.start()
    lsp.did_open("shapes.py")
    assert {"Circle", "area"} <= {one.name for one in lsp.document_symbols("shapes.py")}
    lsp.stop()

    other = daytona.create(mounted(volume, "/data"))
    fs.upload_file(b"shared\n", "/shared/note")
    assert other.fs.download_file("/data/note") == b"shared\n"
    other.delete()

    sandbox.stop()
    assert sandbox.state == "stopped", sandbox
    sandbox.archive()
    assert daytona.get(sandbox.id).state == "archived"
    sandbox.start()
    assert sandbox.state == "started" and fs.download_file("repo/mine.txt") == b"mine\n"
    sandbox.delete()
    expect_gone(lambda: daytona.get(sandbox.id))
    daytona.volume.delete(volume)


def expect_gone(get):
    try:
        get()
    except DaytonaNotFoundError:
        return
    raise AssertionError("it was deleted")


def patiently(call):
    """The server inside takes a moment to start."""
    end = time.monotonic() + 60
    while True:
        try:
            return call()
        except DaytonaError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


async def whole_async():
    async with AsyncDaytona() as daytona:
        volume = await daytona.volume.get("whole-async", create=True)
        sandbox = await daytona.create(mounted(volume, "/shared"))
        assert sandbox.state == "started", sandbox
        process, fs, git = sandbox.process, sandbox.fs, sandbox.git

        assert (await process.code_run("print(6 * 7)")).result == "42\n"
        assert (await process.exec("echo $((6 * 7))")).result == "42\n"

        await process.create_session("work")
        execute = process.execute_session_command
        for command in ("cd /tmp && KEPT=kept", "echo $KEPT in $PWD"):
            answer = await execute("work", SessionExecuteRequest(command=command))
        assert answer.exit_code == 0 and answer.output.strip() == "kept in /tmp", answer
        begun, said = await execute("work", BEGUN), []
        await process.send_session_command_input("work", begun.cmd_id, "two\n")
        logs = process.get_session_command_logs_async("work", begun.cmd_id, said.append, said.append)
        await asyncio.wait_for(logs, 60)
        assert "".join(said) == "one\ntwo\n", said
        assert (await process.get_session_command("work", begun.cmd_id)).exit_code == 4

        shown = bytearray()
        terminal = await process.create_pty_session(id="screen", on_data=shown.extend)
        await terminal.send_input("echo shown-$((1+1)); exit 3\n")
        assert (await asyncio.wait_for(terminal.wait(), 60)).exit_code == 3
        assert b"shown-2" in shown, shown
        await terminal.disconnect()

        interpreter = sandbox.code_interpreter
        context = await interpreter.create_context()
        await interpreter.run_code("x = 41", context=context)
        assert (await interpreter.run_code("print(x + 1)", context=context)).stdout == "42\n"
        await interpreter.delete_context(context)

        await fs.upload_files([FileUpload(text, path) for path, text in TREE.items()])
        results = await fs.download_files([FileDownloadRequest(source=path) for path in TREE])
        assert {one.source: one.result for one in results} == TREE

        await fs.upload_file(content("FORGE"), "/tmp/forge.py")
        await process.create_session("forge")
        await execute("forge", FORGE)
        end = time.monotonic() + 60
        while True:
            try:
                await git.clone(FAR, "repo", **ANN)
                break
            except DaytonaError:
                assert time.monotonic() < end, "the server inside does not start"
                await asyncio.sleep(0.1)
        await fs.upload_file(b"mine\n", "repo/mine.txt")
        await git.add("repo", ["mine.txt"])
        sha = (await git.commit("repo", "mine", author="Ann", email="ann@example.com")).sha
        await git.push("repo", set_upstream=True, **ANN)
        await git.clone(FAR, "again", **ANN)
        assert await fs.download_file("again/mine.txt") == b"mine\n"
        assert (await process.exec("git -C again rev-parse HEAD")).result.strip() == sha

        await fs.upload_file(content("PYLSP"), "/tmp/pylsp.tar")
        assert (await process.exec(INSTALL)).exit_code == 0
        await fs.upload_file(SHAPES, "project/shapes.py")
        lsp = sandbox.create_lsp_server("python", "project")
        await lsp.start()
        await lsp.did_open("shapes.py")
        symbols = await lsp.document_symbols("shapes.py")
        assert {"Circle", "area"} <= {one.name for one in symbols}
        await lsp.stop()

        other = await daytona.create(mounted(volume, "/data"))
        await fs.upload_file(b"shared\n", "/shared/note")
        assert await other.fs.download_file("/data/note") == b"shared\n"
        await other.delete()

        await sandbox.stop()
        assert sandbox.state == "stopped", sandbox
        await sandbox.archive()
        assert (await daytona.get(sandbox.id)).state == "archived"
        await sandbox.start()
        assert sandbox.state == "started" and await fs.download_file("repo/mine.txt") == b"mine\n"
        await sandbox.delete()
        try:
            await daytona.get(sandbox.id)
            raise AssertionError("it was deleted")
        except DaytonaNotFoundError:
            pass
        await daytona.volume.delete(volume)


if __name__ == "__main__":
    run(*(globals()[name] for name in sys.argv[1:]))
