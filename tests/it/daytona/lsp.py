"""Language servers, by the official SDK."""

import asyncio
import json
import os
import sys
import time
import urllib.request

from common import raises, run
from daytona import (
    AsyncDaytona,
    Daytona,
    DaytonaBadRequestError,
    DaytonaError,
    DaytonaLspServerNotInitializedError,
    DaytonaNotFoundError,
    LspCompletionPosition,
)

SHAPES = b"""class Circle:
    def area(self):
        return 3

    def circumference(self):
        return 6

circle = Circle()
circle.ar
"""
# Kinds of symbols, by the protocol's numbers.
CLASS = 5


def knowledge():
    sandbox = Daytona().get("code")
    fs, own = sandbox.fs, f"py-{os.getpid()}"
    fs.upload_file(SHAPES, f"{own}/shapes.py")
    fs.upload_file(b"class CircleOfFriends: pass\n", f"{own}/deep/more.py")
    fs.upload_file(b"class CircleOfOthers: pass\n", f"{own}/node_modules/more.py")
    lsp = sandbox.create_lsp_server("python", own)

    raises(DaytonaLspServerNotInitializedError, lambda: lsp.document_symbols("shapes.py"))
    raises(DaytonaLspServerNotInitializedError, lambda: lsp.did_open("shapes.py"))
    raises(DaytonaLspServerNotInitializedError, lsp.stop)
    lsp.start()
    sandbox.create_lsp_server("python", f"/workspace/./{own}/").start()
    running = sandbox.process.exec("pgrep -u daytona -fc '[p]ylsp'").result.strip()
    assert running == "1", running

    lsp.did_open("shapes.py")
    address = f"file:///workspace/{own}/shapes.py"
    for path in ["shapes.py", f"{own}/shapes.py", f"/workspace/{own}/shapes.py"]:
        symbols = {one.name: one for one in lsp.document_symbols(path)}
        assert {"Circle", "area", "circumference", "circle"} <= set(symbols), symbols
        circle = symbols["Circle"]
        assert (circle.kind, circle.location.uri) == (CLASS, address), circle
        assert circle.location.range.start.line == 0 < circle.location.range.end.line, circle
    # The server cannot tell of a project: it is asked for each file of it.
    found = {one.name: one.location.uri for one in lsp.sandbox_symbols("circleof")}
    assert found == {"CircleOfFriends": f"file:///workspace/{own}/deep/more.py"}, found
    assert {"Circle", "CircleOfFriends"} <= {one.name for one in lsp.sandbox_symbols("CIRCLE")}
    assert lsp.sandbox_symbols("no such name") == []

    known = lsp.completions("shapes.py", LspCompletionPosition(line=8, character=9))
    assert [one.label for one in known.items] == ["area()"], known
    assert known.items[0].insert_text == "area", known

    # What was changed without a word is known too.
    fs.upload_file(b"def square(side): return side * side\n", f"{own}/shapes.py")
    assert [one.name for one in lsp.document_symbols("shapes.py")] == ["square"]
    lsp.did_close("shapes.py")
    lsp.did_close("shapes.py")
    assert [one.name for one in lsp.document_symbols("shapes.py")] == ["square"]

    raises(DaytonaNotFoundError, lambda: lsp.document_symbols("none.py"))
    raises(DaytonaNotFoundError, sandbox.create_lsp_server("python", "none").start)
    raises(DaytonaBadRequestError, sandbox.create_lsp_server("klingon", own).start)
    lsp.stop()
    raises(DaytonaLspServerNotInitializedError, lambda: lsp.sandbox_symbols("Circle"))
    until(lambda: sandbox.process.exec("pgrep -fc '[p]ylsp'").result.strip() == "0")


async def knowledge_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.get("code")
        own = f"async-{os.getpid()}"
        await sandbox.fs.upload_file(SHAPES, f"{own}/shapes.py")
        lsp = sandbox.create_lsp_server("python", own)
        # At once, and still one server.
        await asyncio.gather(lsp.start(), lsp.start())
        await lsp.did_open("shapes.py")
        symbols, known, found = await asyncio.gather(
            lsp.document_symbols("shapes.py"),
            lsp.completions("shapes.py", LspCompletionPosition(line=8, character=9)),
            lsp.sandbox_symbols("circum"),
        )
        assert {"Circle", "area"} <= {one.name for one in symbols}
        assert [one.label for one in known.items] == ["area()"], known
        assert [one.name for one in found] == ["circumference"], found
        await lsp.did_close("shapes.py")
        await lsp.stop()
        try:
            await lsp.document_symbols("shapes.py")
            raise AssertionError("it was stopped")
        except DaytonaLspServerNotInitializedError:
            pass


# A server that begins as it should, and then does what its project's file `deed` says.
HOSTILE = b"""#!/usr/bin/python3
import json, os, signal, sys

def say(message):
    body = json.dumps(message).encode()
    out.write(b"Content-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
    out.flush()

out, deed = sys.stdout.buffer, open("deed").read()
if deed == "silent":
    signal.pause()
while line := sys.stdin.buffer.readline():
    length = int(line.split(b":")[1])
    sys.stdin.buffer.readline()
    message = json.loads(sys.stdin.buffer.read(length))
    if message.get("method") == "initialize":
        say({"id": message["id"], "result": {"capabilities": {"workspaceSymbolProvider": True}}})
    elif "id" in message and deed == "flood":
        for _ in range(300):
            say({"id": "x", "method": "y", "params": "z" * 10000})
        say({"id": message["id"], "result": [{"name": "s", "kind": 1}] * 20000})
    elif "id" in message and deed == "headers":
        while True:
            out.write(b"X-Endless: header\\r\\n" * 1000)
    elif "id" in message and deed == "huge":
        out.write(b"Content-Length: 99999999999\\r\\n\\r\\n")
        while True:
            out.write(b"x" * 100000)
    elif "id" in message and deed == "garbage":
        out.write(b"Content-Length: 8\\r\\n\\r\\n\\xff\\xfe\\x00{[}]\\"")
        out.flush()
    elif "id" in message and deed == "shape":
        say({"id": message["id"], "result": {"name": ["not", "a", "list"]}})
    elif "id" in message and deed == "death":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)
"""


def hostile():
    sandbox = Daytona().create()
    fs, process = sandbox.fs, sandbox.process
    lost = raises(
        DaytonaLspServerNotInitializedError, sandbox.create_lsp_server("go", "/workspace").start
    )
    assert "gopls" in str(lost), lost

    home = sandbox.get_user_home_dir()
    fs.upload_file(HOSTILE, f"{home}/.local/bin/gopls")
    fs.set_file_permissions(f"{home}/.local/bin/gopls", mode="755")

    def does(deed):
        fs.upload_file(deed.encode(), f"{deed}/deed")
        fs.upload_file(b"package x\n", f"{deed}/x.go")
        lsp = sandbox.create_lsp_server("go", deed)
        lsp.start()
        return lsp

    for deed, words in [
        ("headers", "no end"),
        ("huge", "more than"),
        ("garbage", "JSON-RPC"),
        ("death", "exit code 3: out of luck"),
    ]:
        lsp = does(deed)
        broken = raises(DaytonaError, lambda: lsp.document_symbols("x.go"))
        assert words in str(broken), (deed, broken)
        # Over, and nothing of it is left.
        raises(DaytonaLspServerNotInitializedError, lambda: lsp.document_symbols("x.go"))
    until(lambda: process.exec("pgrep -fc '[g]opls'").result.strip() == "0")
    assert "shape" in str(raises(DaytonaError, lambda: does("shape").document_symbols("x.go")))
    # What floods is read and dropped, and an answer ends at its bound.
    assert len(does("flood").document_symbols("x.go")) == 10_000

    # Whoever asks a silent one and goes takes it along.
    before = process.exec("pgrep -fc '[g]opls'").result
    fs.upload_file(b"silent", "silent/deed")
    start_and_leave(sandbox, "silent")
    until(lambda: process.exec("pgrep -fc '[g]opls'").result == before)
    for number in range(6):
        does(f"room-{number}")
    full = raises(DaytonaError, lambda: does("room-6"))
    assert getattr(full, "status_code", 429) == 429 and "at most" in str(full), full

    sandbox.stop()
    sandbox.start()
    lsp = sandbox.create_lsp_server("go", "flood")
    raises(DaytonaLspServerNotInitializedError, lambda: lsp.document_symbols("x.go"))
    sandbox.delete()


def start_and_leave(sandbox, project):
    """What an SDK sends, by a client that does not wait for long."""
    url = f"{os.environ['DAYTONA_API_URL'].removesuffix('/api')}/toolbox/{sandbox.id}/lsp/start"
    headers = {"Authorization": f"Bearer {os.environ['DAYTONA_API_KEY']}"}
    body = json.dumps({"languageId": "go", "pathToProject": project}).encode()
    request = urllib.request.Request(url, body, headers)
    raises(OSError, lambda: urllib.request.urlopen(request, timeout=0.5))


def until(holds, limit=20):
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


run(*(globals()[name] for name in sys.argv[1:]))
