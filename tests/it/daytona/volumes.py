"""Volumes, by the official SDK."""

import sys

from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaBadRequestError,
    DaytonaConflictError,
    DaytonaNotFoundError,
    VolumeMount,
)
from daytona_api_client.exceptions import ConflictException, NotFoundException

# Older SDKs hand on what their client of the API raised.
MISSING = (DaytonaNotFoundError, NotFoundException)
CONFLICT = (DaytonaConflictError, ConflictException)


def params(*mounts, **more):
    return CreateSandboxFromSnapshotParams(
        volumes=[
            VolumeMount(volume_id=volume, mount_path=path, subpath=subpath)
            for volume, path, subpath in mounts
        ],
        **more,
    )


def said(sandbox, command):
    answer = sandbox.process.exec(command)
    assert answer.exit_code == 0, (command, answer.result)
    return answer.result.strip()


def shared():
    daytona = Daytona()
    raises(MISSING, lambda: daytona.volume.get("corpus"))
    volume = daytona.volume.get("corpus", create=True)
    assert volume.state == "ready" and volume.error_reason is None, volume
    assert daytona.volume.get("corpus").id == volume.id
    assert [one.name for one in daytona.volume.list()] == ["corpus"]
    taken = raises(CONFLICT, lambda: daytona.volume.create("corpus"))
    assert "corpus" in str(taken), taken

    one = daytona.create(params((volume.id, "/home/daytona/data", None)))
    two = daytona.create(params(("corpus", "/data", "users/alice")))
    assert one.volumes[0].mount_path == "/home/daytona/data", one.volumes
    assert (two.volumes[0].volume_id, two.volumes[0].subpath) == (volume.id, "users/alice")
    assert volume.last_used_at is None and daytona.volume.get("corpus").last_used_at

    # Who wrote what is the same in both, whatever the host calls them.
    one.fs.upload_file(b"from one", "/home/daytona/data/users/alice/note")
    assert two.fs.download_file("/data/note") == b"from one"
    said(one, "cd ~/data/users/alice && mkdir -m 700 mine && echo x > mine/file")
    owner = said(one, "stat -c '%u %U' ~/data/users/alice/mine")
    assert owner == "1000 daytona", owner
    assert said(two, "stat -c '%u %U' /data/mine && cat /data/mine/file") == f"{owner}\nx"
    said(two, "echo more >> /data/mine/file && rm /data/note")
    assert said(one, "cd ~/data/users/alice && cat mine/file && ls") == "x\nmore\nmine"
    assert said(two, "ls /data") == "mine", "nothing else of the volume is seen"
    flags = said(two, "grep ' /data ' /proc/self/mounts")
    assert "nosuid" in flags and "nodev" in flags, flags

    # What was mounted stays so over a stop, and nothing that a sandbox has is deleted.
    two.stop()
    raises(CONFLICT, lambda: daytona.volume.delete(volume))
    two.start()
    assert said(two, "cat /data/mine/file") == "x\nmore"

    # A folder of the volume that leads elsewhere, and places that are the sandbox's own.
    said(one, "ln -s /etc ~/data/link && ln -s ../../.. ~/data/up")
    for mount in [
        (volume.id, "/proc", None),
        (volume.id, "/", None),
        (volume.id, "data", None),
        (volume.id, "/data", "../other"),
    ]:
        raises(DaytonaBadRequestError, lambda: daytona.create(params(mount)))
    for subpath in ("link", "up"):
        mount = (volume.id, "/data", subpath)
        raises(DaytonaBadRequestError, lambda: daytona.create(params(mount, name="refused")))
        refused = daytona.get("refused")
        assert refused.state == "error" and "is in its way" in refused.error_reason, refused
        refused.delete()
    gone = params(("vol-0000000000000000", "/data", None))
    raises(DaytonaNotFoundError, lambda: daytona.create(gone))

    for sandbox in (one, two):
        sandbox.delete()
    daytona.volume.delete(volume)
    assert daytona.volume.list() == []
    raises(MISSING, lambda: daytona.volume.get("corpus"))


async def shared_async():
    async with AsyncDaytona() as daytona:
        volume = await daytona.volume.get("async", create=True)
        sandbox = await daytona.create(params((volume.id, "/data", None)))
        assert (await sandbox.process.exec("echo x > /data/file")).exit_code == 0
        await sandbox.delete()
        sandbox = await daytona.create(params((volume.id, "/data", None)))
        assert (await sandbox.process.exec("cat /data/file")).result.strip() == "x"
        await sandbox.delete()
        await daytona.volume.delete(volume)
        assert await daytona.volume.list() == []


def both():
    shared()
    run(shared_async)


run(*(globals()[name] for name in sys.argv[1:]))
