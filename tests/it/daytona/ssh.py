"""Access by SSH, by the official SDK: made, used by OpenSSH, looked at, and revoked."""

import asyncio
import subprocess
import sys

from common import run
from daytona import AsyncDaytona, Daytona

OPTIONS = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]


def typed(access, command):
    """What a user types, with a command behind it."""
    program, *words = access.ssh_command.split()
    assert program == "ssh" and any(access.token in word for word in words), access
    whole = [program, "-F", "none", *OPTIONS, *words, command]
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def access():
    daytona = Daytona()
    sandbox = daytona.create()
    made = sandbox.create_ssh_access(expires_in_minutes=30)
    assert made.sandbox_id == sandbox.id and made.id, made
    assert (made.expires_at - made.created_at).total_seconds() == 1800, made
    said = typed(made, "echo $((40 + 2)); exit 3")
    assert (said.stdout, said.returncode) == ("42\n", 3), said
    seen = sandbox.validate_ssh_access(made.token)
    assert seen.valid and seen.sandbox_id == sandbox.id, seen
    sandbox.revoke_ssh_access(made.token)
    assert not sandbox.validate_ssh_access(made.token).valid
    assert typed(made, "true").returncode == 255
    sandbox.delete()


async def access_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        made = await sandbox.create_ssh_access()
        assert (made.expires_at - made.created_at).total_seconds() == 3600, made
        said = await asyncio.to_thread(typed, made, "echo there")
        assert said.stdout == "there\n", said
        await sandbox.revoke_ssh_access(made.token)
        assert not (await sandbox.validate_ssh_access(made.token)).valid
        await sandbox.delete()


if __name__ == "__main__":
    run(*(globals()[name] for name in sys.argv[1:]))
