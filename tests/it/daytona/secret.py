"""Secrets, by the official SDK: made, listed, changed, given to sandboxes, and never shown."""

import sys

from common import raises, run
from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    CreateSecretParams,
    Daytona,
    DaytonaBadRequestError,
    DaytonaConflictError,
    DaytonaNotFoundError,
    UpdateSecretParams,
)
from daytona_api_client.exceptions import BadRequestException, ConflictException, NotFoundException

# Older SDKs hand on what their client of the API raised.
MISSING = (DaytonaNotFoundError, NotFoundException)
CONFLICT = (DaytonaConflictError, ConflictException)
WRONG = (DaytonaBadRequestError, BadRequestException)
VALUE = "a value that is never shown"


def wish(name, **more):
    return CreateSecretParams(**{"name": name, "value": VALUE, "hosts": ["api.example.org"], **more})


def said(sandbox, variable):
    return sandbox.process.exec(f"echo ${variable}").result.strip()


def secrets():
    daytona = Daytona()
    service = daytona.secret
    assert service.list().items == []
    one = service.create(wish("far-one", description="for tests"))
    assert one.id.startswith("sec-") and one.name == "far-one", one
    assert (one.hosts, one.description) == (["api.example.org"], "for tests"), one
    assert one.placeholder.startswith("infield_secret_far_one_"), one
    two = service.create(wish("TWO"))
    raises(CONFLICT, lambda: service.create(wish("TWO")))
    raises(WRONG, lambda: service.create(wish("no name")))
    raises(WRONG, lambda: service.create(wish("SHORT", value="x")))
    raises(WRONG, lambda: service.create(wish("NOWHERE", hosts=[])))

    page = service.list(limit=1, sort="name", order="asc")
    assert ([each.name for each in page.items], page.total) == (["TWO"], 2), page
    page = service.list(limit=1, sort="name", order="asc", cursor=page.next_cursor)
    assert ([each.name for each in page.items], page.next_cursor) == (["far-one"], None), page
    assert [each.id for each in service.list(name="far").items] == [one.id]
    assert service.get(two.id).name == "TWO"
    raises(MISSING, lambda: service.get("sec-0000000000000000"))

    changed = service.update(one.id, UpdateSecretParams(description="for more tests"))
    assert (changed.description, changed.created_at) == ("for more tests", one.created_at)
    # A value is sealed with its hosts, and nobody leads it elsewhere without it.
    refused = raises(WRONG, lambda: service.update(one.id, UpdateSecretParams(hosts=["b.example"])))
    assert "value" in str(refused), refused
    led = service.update(one.id, UpdateSecretParams(value=VALUE, hosts=["b.example"]))
    assert led.hosts == ["b.example"], led

    raises(
        DaytonaNotFoundError,
        lambda: daytona.create(CreateSandboxFromSnapshotParams(secrets={"KEY": "none"})),
    )
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(secrets={"KEY": "far-one"}))
    held = said(sandbox, "KEY")
    assert held.startswith("infield_secret_far_one_") and VALUE not in held, held
    sandbox.update_secrets({"KEY": "far-one", "OTHER": "TWO"})
    assert said(sandbox, "KEY") == held, "what it keeps stays the same"
    assert said(sandbox, "OTHER").startswith("infield_secret_TWO_")
    raises(DaytonaNotFoundError, lambda: sandbox.update_secrets({"KEY": "none"}))
    assert said(sandbox, "KEY") == held, "what failed changed nothing"
    sandbox.stop()
    sandbox.start()
    assert said(sandbox, "KEY") == held
    sandbox.update_secrets({})
    assert said(sandbox, "KEY") == said(sandbox, "OTHER") == ""
    # One that began without any is given some as it runs.
    sandbox.update_secrets({"OTHER": "TWO"})
    assert said(sandbox, "OTHER").startswith("infield_secret_TWO_")

    for each in (one, two):
        service.delete(each.id)
    raises(MISSING, lambda: service.delete(one.id))
    assert service.list().total == 0
    sandbox.delete()


async def secrets_async():
    async with AsyncDaytona() as daytona:
        made = await daytona.secret.create(wish("LATER"))
        assert [each.id for each in (await daytona.secret.list()).items] == [made.id]
        assert (await daytona.secret.get(made.id)).name == "LATER"
        change = UpdateSecretParams(description="changed")
        assert (await daytona.secret.update(made.id, change)).description == "changed"
        sandbox = await daytona.create(CreateSandboxFromSnapshotParams(secrets={"KEY": "LATER"}))
        held = (await sandbox.process.exec("echo $KEY")).result
        assert held.startswith("infield_secret_LATER_"), held
        await sandbox.update_secrets({})
        assert (await sandbox.process.exec("echo $KEY")).result == "\n"
        await daytona.secret.delete(made.id)
        await sandbox.delete()


if __name__ == "__main__":
    run(*(globals()[name] for name in sys.argv[1:]))
