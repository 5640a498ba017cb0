"""The life of a sandbox, by the official SDK."""

import sys

from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromImageParams,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaAuthenticationError,
    DaytonaConfig,
    DaytonaError,
    DaytonaNotFoundError,
)


def life():
    daytona = Daytona()
    sandbox = daytona.create()
    assert sandbox.state == "started", sandbox.state
    assert sandbox.user == "daytona", sandbox.user
    assert (sandbox.cpu, sandbox.memory, sandbox.disk) == (1, 1, 3), sandbox
    assert sandbox.auto_stop_interval == 15, sandbox.auto_stop_interval
    assert daytona.get(sandbox.id).name == sandbox.name
    assert daytona.get(sandbox.name).id == sandbox.id

    named = daytona.create(
        CreateSandboxFromSnapshotParams(
            name="second",
            labels={"team": "web"},
            env_vars={"COLOUR": "blue"},
            auto_stop_interval=0,
            auto_delete_interval=60,
            network_block_all=True,
        )
    )
    assert named.name == "second" and named.labels["team"] == "web"
    assert named.network_block_all is True
    assert (named.auto_stop_interval, named.auto_delete_interval) == (0, 60)

    named.stop()
    assert named.state == "stopped", named.state
    named.start()
    assert named.state == "started", named.state
    named.refresh_data()
    assert named.state == "started", named.state

    for one in (sandbox, named):
        one.delete()
        try:
            gone = daytona.get(one.id)
            assert gone.state == "destroyed", gone.state
        except DaytonaNotFoundError:
            pass


async def life_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        assert sandbox.state == "started", sandbox.state
        await sandbox.stop()
        assert sandbox.state == "stopped", sandbox.state
        await sandbox.start()
        assert (await daytona.get(sandbox.name)).state == "started"
        await sandbox.delete()


def failures():
    daytona = Daytona()
    raises(DaytonaNotFoundError, lambda: daytona.get("sbx-0000000000000000"))
    unknown = CreateSandboxFromImageParams(image="nobody/imported:1")
    error = raises(DaytonaError, lambda: daytona.create(unknown))
    assert "infield image import" in str(error), error
    stranger = Daytona(DaytonaConfig(api_key="inf_wrong"))
    raises(DaytonaAuthenticationError, lambda: stranger.get("any"))


run(*(globals()[name] for name in sys.argv[1:]))
