"""What is settled about a sandbox after it was made, and how sandboxes are listed, by the SDK."""

import http.client
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaError,
    DaytonaNotFoundError,
    ListSandboxesQuery,
    Resources,
    SandboxState,
)


def settings():
    daytona = Daytona()
    sandbox = daytona.create()
    assert sandbox.set_labels({"team": "web"}) == {"team": "web"}
    sandbox.set_autostop_interval(30)
    sandbox.set_auto_archive_interval(60)
    sandbox.set_auto_delete_interval(120)
    sandbox.set_ttl(90)
    if hasattr(sandbox, "set_public"):
        sandbox.set_public(True)
        assert daytona.get(sandbox.id).public is True
        sandbox.set_public(False)
    seen = daytona.get(sandbox.id)
    assert seen.labels == {"team": "web"}, seen.labels
    minutes = (seen.auto_stop_interval, seen.auto_archive_interval, seen.auto_delete_interval)
    assert minutes == (30, 60, 120), minutes
    assert seen.public is False
    ends = datetime.fromisoformat(seen.auto_destroy_at.replace("Z", "+00:00"))
    left = ends - datetime.now(timezone.utc)
    assert timedelta(minutes=88) < left <= timedelta(minutes=90), left

    sandbox.set_autostop_interval(0)
    sandbox.set_auto_archive_interval(0)
    sandbox.set_auto_delete_interval(-1)
    sandbox.set_ttl(0)
    seen = daytona.get(sandbox.id)
    minutes = (seen.auto_stop_interval, seen.auto_archive_interval, seen.auto_delete_interval)
    assert minutes == (0, 43200, -1), minutes
    assert seen.auto_destroy_at is None, seen.auto_destroy_at

    before = daytona.get(sandbox.id).last_activity_at
    while daytona.get(sandbox.id).last_activity_at == before:
        sandbox.refresh_activity()
    sandbox.set_auto_pause_interval(0)
    raises(DaytonaError, lambda: sandbox.set_autostop_interval(-5))

    sandbox.delete()
    raises(DaytonaNotFoundError, lambda: sandbox.set_labels({}))
    raises(DaytonaNotFoundError, lambda: sandbox.refresh_activity())


def network():
    daytona = Daytona()
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(domain_allow_list="pypi.org"))
    assert sandbox.domain_allow_list == "pypi.org", sandbox.domain_allow_list
    assert sandbox.network_block_all is False
    sandbox.update_network_settings(network_block_all=True)
    assert sandbox.network_block_all is True and not sandbox.domain_allow_list
    lists = {"network_allow_list": "192.0.2.0/24:80,8.8.8.0/24", "domain_allow_list": "*.example.com"}
    sandbox.update_network_settings(**lists)
    seen = daytona.get(sandbox.id)
    assert seen.network_block_all is False
    assert seen.network_allow_list == lists["network_allow_list"], seen.network_allow_list
    assert seen.domain_allow_list == lists["domain_allow_list"], seen.domain_allow_list
    raises(DaytonaError, lambda: sandbox.update_network_settings(network_allow_list="nowhere!"))
    raises(DaytonaError, lambda: sandbox.update_network_settings(network_allow_list=""))
    assert daytona.get(sandbox.id).domain_allow_list == lists["domain_allow_list"]
    sandbox.update_network_settings(network_block_all=False)
    assert not sandbox.domain_allow_list and not sandbox.network_allow_list
    sandbox.delete()


def sizes():
    daytona = Daytona()
    sandbox = daytona.create()
    error = raises(DaytonaError, lambda: sandbox.resize(Resources(disk=4)))
    assert error.status_code == 409 and "stop it" in str(error), error
    sandbox.stop()
    sandbox.resize(Resources(cpu=2, memory=2, disk=4))
    assert (sandbox.cpu, sandbox.memory, sandbox.disk) == (2, 2, 4), sandbox
    raises(DaytonaError, lambda: sandbox.resize(Resources(disk=3)))
    sandbox.start()
    seen = daytona.get(sandbox.id)
    assert (seen.state, seen.cpu, seen.memory, seen.disk) == ("started", 2, 2, 4), seen
    sandbox.delete()


def lists():
    daytona = Daytona()
    begun = datetime.now(timezone.utc)
    made = []
    for number, name in enumerate(["list-b", "list-a", "list-c"]):
        params = CreateSandboxFromSnapshotParams(name=name, labels={"number": str(number)})
        made.append(daytona.create(params))
    made[2].stop()
    made[1].set_ttl(60)

    def names(**query):
        return [sandbox.name for sandbox in daytona.list(ListSandboxesQuery(**query))]

    assert names() == ["list-c", "list-a", "list-b"]
    assert names(sort="name", order="asc", limit=1) == ["list-a", "list-b", "list-c"]
    assert names(sort="createdAt", order="asc", limit=2) == ["list-b", "list-a", "list-c"]
    assert names(name="LIST-A") == ["list-a"] and names(name="ist") == []
    assert names(id=made[0].id) == ["list-b"]
    assert names(labels={"number": "2"}) == ["list-c"]
    assert names(states=[SandboxState.STOPPED]) == ["list-c"]
    assert names(states=[SandboxState.STARTED, SandboxState.STOPPED], limit=2) == names()
    assert names(snapshots=["host"]) == names() and names(snapshots=["other"]) == []
    assert names(min_cpu=1, max_memory_gib=1) == names() and names(min_cpu=2) == []
    assert names(created_at_after=begun) == names() and names(created_at_before=begun) == []
    assert names(last_activity_after=begun) == names()
    assert names(auto_destroy_at_after=begun) == ["list-a"]
    assert names(is_public=True) == [] and names(is_recoverable=True) == []
    for sandbox in made:
        sandbox.delete()
    assert names() == []


def numbered():
    """Older clients count pages; the newest has no call for it."""
    daytona = Daytona()
    api = daytona._sandbox_api
    if not hasattr(api, "list_sandboxes_paginated_deprecated"):
        return
    made = [daytona.create() for _ in range(3)]
    page = api.list_sandboxes_paginated_deprecated(page=2, limit=2)
    assert (page.total, page.page, page.total_pages, len(page.items)) == (3, 2, 2, 1), page
    assert page.items[0].id == made[0].id
    for sandbox in made:
        sandbox.delete()


def previews():
    daytona = Daytona()
    sandbox = daytona.create()
    link = sandbox.get_preview_link(3000)
    assert sandbox.id in link.url and link.token, link

    def status(url, headers):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
        try:
            target = f"{parts.path or '/'}?{parts.query}"
            connection.request("GET", target, headers={"Host": parts.netloc, **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    token = {"X-Daytona-Preview-Token": link.token}
    assert status(link.url, {}) == 401
    # Nobody listens there, which only visitors learn who were let in.
    assert status(link.url, token) == 502
    signed = sandbox.create_signed_preview_url(3000, 120)
    assert signed.port == 3000 and signed.token in signed.url, signed
    assert status(signed.url, {}) == 502
    sandbox.expire_signed_preview_url(3000, signed.token)
    assert status(signed.url, {}) == 401
    raises(DaytonaError, lambda: sandbox.get_preview_link(70000))
    sandbox.delete()


async def settings_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        assert await sandbox.set_labels({"team": "web"}) == {"team": "web"}
        await sandbox.set_autostop_interval(30)
        await sandbox.set_auto_archive_interval(60)
        await sandbox.set_auto_delete_interval(120)
        await sandbox.set_ttl(90)
        await sandbox.refresh_activity()
        await sandbox.update_network_settings(network_block_all=True)
        assert sandbox.network_block_all is True
        seen = await daytona.get(sandbox.id)
        minutes = (seen.auto_stop_interval, seen.auto_archive_interval, seen.auto_delete_interval)
        assert minutes == (30, 60, 120), minutes
        query = ListSandboxesQuery(labels={"team": "web"}, limit=1)
        assert [one.id async for one in daytona.list(query)] == [sandbox.id]
        link = await sandbox.get_preview_link(8080)
        assert link.token and sandbox.id in link.url, link
        await sandbox.delete()


run(*(globals()[name] for name in sys.argv[1:]))
