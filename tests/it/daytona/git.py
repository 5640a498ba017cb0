"""Repositories, by the official SDK."""

import os
import sys
import time

import daytona as sdk
from common import raises, run
from daytona import AsyncDaytona, Daytona, DaytonaError

NotFound = getattr(sdk, "DaytonaGitRepoNotFoundError", sdk.DaytonaNotFoundError)
NoBranch = getattr(sdk, "DaytonaGitBranchNotFoundError", sdk.DaytonaNotFoundError)
Exists = getattr(sdk, "DaytonaGitBranchExistsError", getattr(sdk, "DaytonaConflictError", DaytonaError))
Rejected = getattr(sdk, "DaytonaGitPushRejectedError", getattr(sdk, "DaytonaConflictError", DaytonaError))
Dirty = getattr(sdk, "DaytonaGitDirtyWorktreeError", getattr(sdk, "DaytonaConflictError", DaytonaError))
Transport = getattr(sdk, "DaytonaGitTransportFailedError", DaytonaError)
Refused = getattr(sdk, "DaytonaGitAuthFailedError", sdk.DaytonaAuthenticationError)

ME = {"author": "Ann", "email": "ann@example.com"}


def repository():
    sandbox = Daytona().create()
    git, fs = sandbox.git, sandbox.fs
    git.init("origin.git", bare=True)
    git.init("one", initial_branch="main")
    fs.upload_file(b"first\n", "one/a.txt")
    fs.upload_file(b"first\n", "one/b b.txt")

    status = git.status("one")
    assert (status.current_branch, status.branch_published) == ("main", False), status
    seen = {one.name: (word(one.staging), word(one.worktree)) for one in status.file_status}
    assert seen == {name: ("Untracked", "Untracked") for name in ["a.txt", "b b.txt"]}, seen
    git.add("one", ["a.txt", "b b.txt"])
    seen = {one.name: word(one.staging) for one in git.status("one").file_status}
    assert seen == {"a.txt": "Added", "b b.txt": "Added"}, seen
    commit = git.commit("one", "first\n\nwith a reason", **ME)
    assert len(commit.sha) == 40, commit
    assert git.status("one").file_status == []

    git.remote_add("one", "origin", "/workspace/origin.git")
    assert [(r.name, r.url) for r in git.remotes("one").remotes] == [
        ("origin", "/workspace/origin.git")
    ]
    assert git.remote_get("one", "origin") == "/workspace/origin.git"
    git.push("one", set_upstream=True)
    status = git.status("one")
    assert (status.branch_published, status.ahead, status.behind) == (True, 0, 0), status

    git.clone("/workspace/origin.git", "two", branch="main")
    assert fs.download_file("two/a.txt") == b"first\n"
    git.create_branch("two", "topic")
    git.checkout_branch("two", "topic")
    branches = git.branches("two")
    assert sorted(branches.branches) == ["main", "topic"], branches
    git.checkout_branch("two", "main")
    git.delete_branch("two", "topic")
    assert git.branches("two").branches == ["main"]

    fs.upload_file(b"second\n", "two/a.txt")
    git.add("two", ["."])
    second = git.commit("two", "second", **ME)
    assert git.status("two").ahead == 1
    git.push("two")
    git.pull("one")
    assert fs.download_file("one/a.txt") == b"second\n"

    git.reset("one", mode="hard", target="HEAD~1")
    assert fs.download_file("one/a.txt") == b"first\n"
    assert git.status("one").behind == 1
    git.pull("one")
    fs.upload_file(b"lost\n", "one/a.txt")
    git.restore("one", ["a.txt"])
    assert fs.download_file("one/a.txt") == b"second\n"
    empty = git.commit("one", "nothing", allow_empty=True, **ME)
    assert empty.sha != second.sha
    git.clone("/workspace/origin.git", "three", commit_id=commit.sha)
    assert git.status("three").detached is True
    assert fs.download_file("three/a.txt") == b"first\n"

    assert git.get_config("user.name") is None
    git.configure_user("Bob", "bob@example.com")
    assert git.get_config("user.name") == "Bob"
    git.set_config("user.name", "Local", scope="local", path="one")
    assert git.get_config("user.name", scope="local", path="one") == "Local"
    git.dangerously_authenticate("ann", "token", host="git.example")
    assert fs.download_file("/home/daytona/.git-credentials") == b"https://ann:token@git.example\n"
    assert fs.get_file_info("/home/daytona/.git-credentials").permissions == "0600"
    sandbox.delete()


def failures():
    sandbox = Daytona().create()
    git, fs = sandbox.git, sandbox.fs
    raises(NotFound, lambda: git.status("none"))
    fs.create_folder("plain", "755")
    raises(NotFound, lambda: git.status("plain"))
    raises(NotFound, lambda: git.clone("/workspace/none.git", "clone"))
    git.init("origin.git", bare=True)
    git.init("one")
    fs.upload_file(b"1\n", "one/a")
    git.add("one", ["a"])
    git.commit("one", "first", **ME)
    git.create_branch("one", "topic")
    raises(Exists, lambda: git.create_branch("one", "topic"))
    raises(NoBranch, lambda: git.checkout_branch("one", "nowhere"))
    raises(NoBranch, lambda: git.delete_branch("one", "nowhere"))
    raises(DaytonaError, lambda: git.create_branch("one", "--force"))

    git.remote_add("one", "origin", "/workspace/origin.git")
    git.push("one", set_upstream=True)
    git.clone("/workspace/origin.git", "two")
    fs.upload_file(b"2\n", "two/a")
    git.add("two", ["a"])
    git.commit("two", "second", **ME)
    git.push("two")
    fs.upload_file(b"3\n", "one/a")
    raises(Dirty, lambda: git.pull("one"))
    git.add("one", ["a"])
    git.commit("one", "third", **ME)
    raises(Rejected, lambda: git.push("one"))
    error = raises(Transport, lambda: git.clone("http://127.0.0.1:9/repo.git", "far"))
    assert "127.0.0.1" in str(error), error
    assert "far" not in [entry.name for entry in fs.list_files(".")]
    sandbox.delete()


def remote():
    sandbox = Daytona().get("forge")
    git, fs = sandbox.git, sandbox.fs
    own = os.urandom(4).hex()
    far, one, two = "http://127.0.0.1:8000/repo.git", f"{own}/one", f"{own}/two"
    ann = {"username": "ann", "password": "pass-word"}
    patiently(lambda: git.clone(far, one, **ann))
    raises(Refused, lambda: git.clone(far, two))
    raises(Refused, lambda: git.clone(far, two, username="ann", password="wrong"))
    raises(NotFound, lambda: git.clone("http://127.0.0.1:8000/none.git", two, **ann))
    raises(DaytonaError, lambda: git.clone("ext::sh -c true", two))
    fs.upload_file(own.encode(), f"{one}/file")
    git.add(one, ["file"])
    git.commit(one, own, **ME)
    raises(Refused, lambda: git.push(one))
    git.push(one, set_upstream=True, **ann)
    git.clone(far, two, **ann)
    assert fs.download_file(f"{two}/file") == own.encode()
    fs.upload_file(f"more {own}".encode(), f"{two}/more")
    git.add(two, ["more"])
    git.commit(two, "more", **ME)
    git.push(two, **ann)
    raises(Refused, lambda: git.pull(one))
    git.pull(one, **ann)
    assert fs.download_file(f"{one}/more") == f"more {own}".encode()
    for place in [own, "/home/daytona"]:
        assert fs.find_files(place, "pass-word") == []


def patiently(call):
    """The server inside takes a moment to start."""
    end = time.monotonic() + 20
    while True:
        try:
            return call()
        except Transport:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


async def repository_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        git, fs = sandbox.git, sandbox.fs
        await git.init("one")
        await fs.upload_file(b"x", "one/a")
        await git.add("one", ["a"])
        commit = await git.commit("one", "first", **ME)
        assert len(commit.sha) == 40
        await git.create_branch("one", "topic")
        assert sorted((await git.branches("one")).branches) == ["main", "topic"]
        assert (await git.status("one")).file_status == []
        await sandbox.delete()


def word(value):
    return getattr(value, "value", value)


run(*(globals()[name] for name in sys.argv[1:]))
