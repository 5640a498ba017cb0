"""Sandboxes that are held, put away and resized, and the events that tell of it, by the SDK."""

import asyncio
import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

import socketio
from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConfig,
    DaytonaConflictError,
    DaytonaError,
    DaytonaNotFoundError,
    Resources,
)

REFUSALS = []
URL = urlsplit(os.environ["DAYTONA_API_URL"])
BOMB = "bomb() { while :; do (bomb &) ; done; }; bomb >/dev/null 2>&1 &"
# A file with a number that grows as fast as it can.
COUNT = "nohup sh -c 'n=0; while :; do n=$((n+1)); echo $n > /tmp/m; mv /tmp/m /tmp/n; done' >/dev/null 2>&1 &"


def states():
    daytona = Daytona()
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(auto_pause_interval=20))
    seen = daytona.get(sandbox.id)
    assert (seen.auto_pause_interval, seen.auto_stop_interval) == (20, 0), seen
    sandbox.set_autostop_interval(30)
    seen = daytona.get(sandbox.id)
    assert (seen.auto_pause_interval, seen.auto_stop_interval) == (0, 30), seen
    sandbox.set_auto_pause_interval(10)
    seen = daytona.get(sandbox.id)
    assert (seen.auto_pause_interval, seen.auto_stop_interval) == (10, 0), seen

    # What runs is held, and goes on where it was; its sessions, too.
    sandbox.process.create_session("s")
    daytona_request(sandbox, "s", "KEPT=before")
    sandbox.process.exec(COUNT)
    sandbox.pause()
    assert sandbox.state == "paused" and daytona.get(sandbox.id).state == "paused"
    assert daytona.get(sandbox.id).desired_state == "paused"
    sandbox.pause()
    sandbox.start()
    assert sandbox.state == "started"
    look = "until [ -s /tmp/n ]; do :; done; cat /tmp/n"
    first = int(sandbox.process.exec(look).result)
    while int(sandbox.process.exec(look).result) == first:
        pass
    assert daytona_request(sandbox, "s", "echo $KEPT").strip() == "before"
    # Whoever uses it wakes it.
    sandbox.pause()
    assert sandbox.process.exec("echo awake").result == "awake\n"
    assert daytona.get(sandbox.id).state == "started"

    # As it runs, all but the disk.
    sandbox.resize(Resources(cpu=2, memory=2))
    assert (sandbox.state, sandbox.cpu, sandbox.memory) == ("started", 2, 2), sandbox
    raises(DaytonaConflictError, lambda: sandbox.resize(Resources(disk=4)))
    error = raises(DaytonaError, lambda: archive(sandbox))
    assert error.status_code == 400 and "archive" in str(error), error
    error = raises(DaytonaError, sandbox.recover)
    assert error.status_code == 400 and "no error" in str(error), error
    sandbox.fs.upload_file(b"kept", "kept.txt")
    sandbox.pause()
    sandbox.stop()
    raises(DaytonaConflictError, sandbox.pause)
    sandbox.archive()
    assert sandbox.state == "archived" and daytona.get(sandbox.id).desired_state == "archived"
    sandbox.start()
    assert sandbox.fs.download_file("kept.txt") == b"kept"
    seen = daytona.get(sandbox.id)
    assert (seen.state, seen.cpu, seen.memory) == ("started", 2, 2), seen

    # A bomb that is held cannot outrun its end.
    sandbox.process.exec(BOMB)
    sandbox.pause()
    begun = time.monotonic()
    sandbox.delete()
    assert time.monotonic() - begun < 10
    raises(DaytonaNotFoundError, lambda: daytona.get(sandbox.id))


def archive(sandbox):
    sandbox.archive()


def daytona_request(sandbox, session, command):
    from daytona import SessionExecuteRequest

    request = SessionExecuteRequest(command=command)
    return sandbox.process.execute_session_command(session, request).stdout


async def states_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        await sandbox.pause()
        assert sandbox.state == "paused", sandbox.state
        assert (await sandbox.process.exec("echo awake")).result == "awake\n"
        await sandbox.resize(Resources(memory=2))
        assert sandbox.memory == 2
        await sandbox.stop()
        await sandbox.archive()
        assert sandbox.state == "archived", sandbox.state
        await sandbox.start()
        assert sandbox.state == "started", sandbox.state
        await sandbox.pause()
        await sandbox.delete()
        raises_not_found = False
        try:
            await daytona.get(sandbox.id)
        except DaytonaNotFoundError:
            raises_not_found = True
        assert raises_not_found


def connected(dispatcher):
    end = time.monotonic() + 10
    while not dispatcher.is_connected:
        assert time.monotonic() < end, dispatcher.fail_error
        threading.Event().wait(0.005)


def events():
    daytona, other = Daytona(), Daytona()
    sandbox = daytona.create()
    connected(daytona._event_dispatcher)

    # Somebody waits, and has asked once how things are; then another client stops it.
    api, asked, looks = sandbox._sandbox_api, threading.Event(), []
    look = api.get_sandbox

    def counted(*args, **kwargs):
        answer = look(*args, **kwargs)
        looks.append(time.monotonic())
        asked.set()
        return answer

    api.get_sandbox = counted
    ended = []
    wait = threading.Thread(target=lambda: ended.append(sandbox.wait_for_sandbox_stop(timeout=30)))
    wait.start()
    assert asked.wait(10)
    other.get(sandbox.id).stop()
    wait.join(10)
    assert ended == [None] and sandbox.state == "stopped", (ended, sandbox.state)
    assert len(looks) == 1, "it was learned by an event, and nobody asked again"
    api.get_sandbox = look

    strangers(daytona, sandbox)
    sandbox.delete()


class Listener:
    """A client of Socket.IO as SDKs have it, which notes what it hears."""

    def __init__(self, token):
        self.heard, self.gone = [], threading.Event()
        self.news = threading.Condition()
        self.client = socketio.Client(reconnection=False)
        for name in ["sandbox.created", "sandbox.state.updated", "sandbox.desired-state.updated"]:
            self.client.on(name, lambda data, name=name: self.hear(name, data))
        self.client.on("connect_error", REFUSALS.append)
        self.client.on("disconnect", lambda *_: self.gone.set())
        origin = f"{URL.scheme}://{URL.netloc}"
        path = f"{URL.path}/socket.io/"
        auth = {"token": token}
        self.client.connect(origin, socketio_path=path, auth=auth, transports=["websocket"])

    def hear(self, name, data):
        with self.news:
            self.heard.append((name, data))
            self.news.notify_all()

    def wait_for(self, fits):
        with self.news:
            assert self.news.wait_for(lambda: any(fits(*one) for one in self.heard), 10), self.heard

    def states(self, id):
        names = ["sandbox.state.updated"]
        mine = [d for n, d in self.heard if n in names and d["sandbox"]["id"] == id]
        return [(data["oldState"], data["newState"]) for data in mine]


def request(method, path, body=None):
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=20)
    try:
        key = os.environ["DAYTONA_API_KEY"]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request(method, URL.path + path, json.dumps(body or {}), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def strangers(daytona, sandbox):
    raises(socketio.exceptions.ConnectionError, lambda: Listener("inf_" + "x" * 52))
    assert "not known" in REFUSALS[0]["message"], REFUSALS
    raises(socketio.exceptions.ConnectionError, lambda: Listener(None))
    status, made = request("POST", "/api-keys", {"name": "short", "permissions": ["write:sandboxes"]})
    assert status == 201, made
    mine, theirs = Listener(os.environ["DAYTONA_API_KEY"]), Listener(os.environ["STRANGER_KEY"])
    short = Listener(json.loads(made)["value"])
    assert request("DELETE", "/api-keys/short")[0] == 204
    sandbox.start()
    mine.wait_for(lambda name, data: data.get("newState") == "started")
    moved = [("stopped", "started")], [("stopped", "starting"), ("starting", "started")]
    assert mine.states(sandbox.id) in moved, mine.heard
    assert all("env" in data["sandbox"] and data["sandbox"]["toolboxProxyUrl"] for _, data in mine.heard)
    desired = [data for name, data in mine.heard if name == "sandbox.desired-state.updated"]
    assert [(d["oldDesiredState"], d["newDesiredState"]) for d in desired] == [("stopped", "started")]
    # The key that was revoked is let go of instead of being told.
    assert short.gone.wait(10) and short.heard == [], short.heard
    # The stranger hears of what is the stranger's, and of nothing else.
    own = Daytona(DaytonaConfig(api_key=os.environ["STRANGER_KEY"], api_url=URL.geturl())).create()
    theirs.wait_for(lambda name, data: data.get("newState") == "started")
    assert {d.get("id") or d["sandbox"]["id"] for _, d in theirs.heard} == {own.id}, theirs.heard
    assert theirs.heard[0][0] == "sandbox.created", theirs.heard
    own.delete()
    for listener in [mine, theirs]:
        listener.client.disconnect()


async def events_async():
    async with AsyncDaytona() as daytona, AsyncDaytona() as other:
        sandbox = await daytona.create()
        end = time.monotonic() + 10
        while not daytona._event_dispatcher.is_connected:
            assert time.monotonic() < end, daytona._event_dispatcher.fail_error
            await asyncio.sleep(0.005)
        api, asked, looks = sandbox._sandbox_api, asyncio.Event(), []
        look = api.get_sandbox

        async def counted(*args, **kwargs):
            answer = await look(*args, **kwargs)
            looks.append(time.monotonic())
            asked.set()
            return answer

        api.get_sandbox = counted
        wait = asyncio.create_task(sandbox.wait_for_sandbox_stop(timeout=30))
        await asyncio.wait_for(asked.wait(), 10)
        await (await other.get(sandbox.id)).stop()
        await asyncio.wait_for(wait, 10)
        assert sandbox.state == "stopped" and len(looks) == 1, (sandbox.state, looks)
        api.get_sandbox = look
        await sandbox.delete()


run(*(globals()[name] for name in sys.argv[1:]))
