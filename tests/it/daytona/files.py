"""Files in and out of a sandbox, by the official SDK."""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request

import daytona as sdk
from common import raises, run
from daytona import AsyncDaytona, Daytona, DaytonaError, FileDownloadRequest, FileUpload

# Older SDKs have no classes of their own for these.
NotFound = getattr(sdk, "DaytonaFileNotFoundError", sdk.DaytonaNotFoundError)
Denied = getattr(sdk, "DaytonaFileAccessDeniedError", DaytonaError)
InvalidPath = getattr(sdk, "DaytonaInvalidFilePathError", DaytonaError)
Conflict = getattr(sdk, "DaytonaConflictError", DaytonaError)


def tree():
    sandbox = Daytona().create()
    fs = sandbox.fs
    fs.create_folder("project/deep/er", "755")
    fs.create_folder("project/closed", "700")
    fs.upload_file(b"one\ntwo needle\n", "project/a.txt")
    fs.upload_file(b"needle.here\n", "project/deep/b.txt")

    info = fs.get_file_info("project/a.txt")
    assert (info.name, info.size, info.is_dir) == ("a.txt", 15, False), info
    assert (info.mode, info.permissions) == ("-rw-r--r--", "0644"), info
    assert (info.owner, info.group) == ("1000", "1000"), info
    assert info.mod_time and info.modified_at.startswith("20"), info
    closed = fs.get_file_info("project/closed")
    assert (closed.is_dir, closed.permissions, closed.mode) == (True, "0700", "drwx------"), closed

    names = sorted(entry.name for entry in fs.list_files("project"))
    assert names == ["a.txt", "closed", "deep"], names
    deep = {entry.path: entry for entry in fs.list_files("project", depth=2)}
    assert deep["project/deep/b.txt"].size == 12, deep
    assert "project/deep/er" in deep and deep["project/deep/er"].is_dir, deep
    root = [entry.name for entry in fs.list_files("/")]
    assert "etc" in root and "workspace" in root, root

    found = fs.find_files("project", "needle.")
    assert [(m.file, m.line, m.content) for m in found] == [
        ("project/deep/b.txt", 1, "needle.here")
    ], found
    found = sorted(fs.search_files("project", "*.txt").files)
    assert found == ["project/a.txt", "project/deep/b.txt"], found
    assert fs.search_files("/workspace/project", "b.*").files == [
        "/workspace/project/deep/b.txt"
    ]

    files = ["project/a.txt", "project/deep/b.txt", "project/none"]
    results = fs.replace_in_files(files, "needle", "pin")
    assert [(r.file, bool(r.success)) for r in results] == list(zip(files, [True, True, False]))
    assert results[2].error, results
    assert fs.download_file("project/a.txt") == b"one\ntwo pin\n"

    fs.set_file_permissions("project/a.txt", mode="600", owner="root", group="root")
    info = fs.get_file_info("project/a.txt")
    assert (info.owner, info.group, info.permissions) == ("0", "0", "0600"), info
    fs.set_file_permissions("project/a.txt", mode="640", owner="daytona")
    info = fs.get_file_info("project/a.txt")
    assert (info.owner, info.permissions) == ("1000", "0640"), info

    fs.move_files("project/a.txt", "project/deep/c.txt")
    assert fs.download_file("project/deep/c.txt") == b"one\ntwo pin\n"
    fs.delete_file("project/deep/c.txt")
    raises(DaytonaError, lambda: fs.delete_file("project"))
    fs.delete_file("project", recursive=True)
    assert [entry.name for entry in fs.list_files(".")] == []
    sandbox.delete()


def failures():
    sandbox = Daytona().create()
    fs = sandbox.fs
    raises(NotFound, lambda: fs.get_file_info("none"))
    raises(NotFound, lambda: fs.list_files("none"))
    raises(NotFound, lambda: fs.delete_file("none"))
    raises(NotFound, lambda: fs.move_files("none", "other"))
    raises(NotFound, lambda: fs.set_file_permissions("none", mode="644"))
    raises(NotFound, lambda: fs.find_files("none", "x"))
    error = raises(DaytonaError, lambda: fs.download_file("none"))
    assert "none" in str(error), error
    raises(Denied, lambda: fs.list_files("/root"))
    raises(Denied, lambda: fs.delete_file("/etc/passwd"))
    raises(Denied, lambda: fs.create_folder("/etc/folder", "755"))
    raises(InvalidPath, lambda: fs.list_files("/etc/passwd"))
    raises(DaytonaError, lambda: fs.create_folder("folder", "rwx"))
    fs.upload_file(b"1", "one")
    fs.upload_file(b"2", "two")
    raises(Conflict, lambda: fs.move_files("one", "two"))

    fs.create_folder("taken", "755")
    error = raises(DaytonaError, lambda: fs.upload_file(b"x", "taken"))
    assert "folder" in str(error), error
    raises(DaytonaError, lambda: fs.upload_file(b"x", "/etc/new"))
    assert sorted(entry.name for entry in fs.list_files(".")) == ["one", "taken", "two"]
    assert fs.list_files("taken") == []
    # Those that can be written are, and the others are named.
    error = raises(
        DaytonaError,
        lambda: fs.upload_files(
            [FileUpload(b"x", path) for path in ["taken", "three", "/etc/new", "four"]]
        ),
    )
    assert "taken" in str(error) and "/etc/new" in str(error), error
    assert fs.download_file("three") == fs.download_file("four") == b"x"

    gone = sandbox.fs
    sandbox.delete()
    error = raises(sdk.DaytonaNotFoundError, lambda: gone.get_file_info("one"))
    assert type(error) is not NotFound or NotFound is sdk.DaytonaNotFoundError, type(error)


def transfers():
    sandbox = Daytona().create()
    fs = sandbox.fs
    fs.upload_file(b"", "empty")
    assert fs.download_file("empty") == b""
    odd = 'odd "name" é; %20 \\.txt'
    fs.upload_file(b"odd", odd)
    assert odd in [entry.name for entry in fs.list_files(".")]
    [result] = fs.download_files([FileDownloadRequest(source=odd)])
    assert (result.result, result.error) == (b"odd", None), result

    fs.upload_files([FileUpload(b"first", "many/a"), FileUpload(b"second", "/tmp/many/b")])
    fs.upload_file(b"replaced", "many/a")
    results = fs.download_files(
        [FileDownloadRequest(source=path) for path in ["/tmp/many/b", "none", "many/a", "/proc/version"]]
    )
    by_source = {result.source: result for result in results}
    assert by_source["/tmp/many/b"].result == b"second", by_source
    assert by_source["many/a"].result == b"replaced", by_source
    assert by_source["/proc/version"].result.startswith(b"Linux"), by_source
    missing = by_source["none"]
    assert missing.result is None and "none" in missing.error, missing
    details = missing.error_details
    assert (details.status_code, details.error_code) == (404, "FILE_NOT_FOUND"), details

    # A boundary in the content is content.
    tricky = b"\r\n--infield\r\n--\r\n--b--\r\n" * 1000
    fs.upload_file(tricky, "tricky")
    assert fs.download_file("tricky") == tricky

    large = os.urandom(1 << 20) * 40
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/source", f"{folder}/target"
        with open(source, "wb") as file:
            file.write(large)
        fs.upload_file(source, "large")
        fs.download_file("large", target)
        with open(target, "rb") as file:
            assert file.read() == large
    seen = []
    pieces = fs.download_file_stream("large", on_progress=seen.append)
    assert b"".join(pieces) == large
    assert seen[-1].bytes_received == seen[-1].total_bytes == len(large), seen[-1]
    sent = []
    fs.upload_file_stream(large, "streamed", on_progress=sent.append)
    assert fs.get_file_info("streamed").size == len(large) == sent[-1].bytes_sent
    sandbox.delete()


def thousands():
    sandbox = Daytona().create()
    files = {f"thousands/{n % 50}/{n}.txt": f"file {n}\n".encode() * 10 for n in range(10_000)}
    begun = time.monotonic()
    sandbox.fs.upload_files([FileUpload(content, path) for path, content in files.items()])
    uploaded = time.monotonic()
    results = sandbox.fs.download_files([FileDownloadRequest(source=path) for path in files])
    downloaded = time.monotonic()
    assert {result.source: result.result for result in results} == files
    print(f"10,000 files: up {uploaded - begun:.2f} s, down {downloaded - uploaded:.2f} s")
    # The server's end removes them: beside other tests a removal of so many outlasts a request.


def links():
    daytona = Daytona()
    sandbox, other = daytona.create(), daytona.create()
    fs = sandbox.fs
    path = "/workspace/a b/é.txt"
    fs.upload_file(b"content", path)
    if not hasattr(sandbox, "download_url"):
        return
    url = sandbox.download_url(path)
    assert fetch(url) == (200, b"content"), url
    assert fetch(sandbox.download_url(path, 0)) == (200, b"content")
    assert fetch(sandbox.download_url("/workspace/none"))[0] == 404
    assert fetch(url.replace("%C3%A9", "e"))[0] == 401
    assert fetch(url.replace("expires=", "expires=1"))[0] == 401
    assert fetch(url.replace(sandbox.id, other.id))[0] == 401
    assert fetch(url.replace("files/download", "files/info"))[0] == 401
    assert fetch(url.replace("signature=v1_", "signature=v1_A"))[0] == 401
    upload = sandbox.upload_url("/workspace/new/b")
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\nsent\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert fetch(upload, body, form)[0] == 200, fetch(upload, body, form)
    assert fs.download_file("/workspace/new/b") == b"sent"
    assert fetch(upload.replace("upload-v2", "download"))[0] == 401
    assert fetch(url.replace("files/download", "files/upload-v2"), body, form)[0] == 401
    sandbox.rotate_signing_key()
    assert fetch(url)[0] == 401
    assert fetch(sandbox.download_url(path)) == (200, b"content")
    sandbox.delete()
    other.delete()


def fetch(url, body=None, headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def system():
    sandbox = Daytona().create()
    sandbox.fs.upload_file(os.urandom(2 << 20), "file")
    if hasattr(sandbox, "get_metrics_latest"):
        metrics = sandbox.get_metrics_latest()
        assert (metrics.cpu_count, metrics.mem_total) == (1, 1 << 30), vars(metrics)
        assert 0 < metrics.mem_used < metrics.mem_total, vars(metrics)
        assert 0 <= metrics.cpu_used_pct <= 200, vars(metrics)
    base = f"{os.environ['DAYTONA_API_URL'].removesuffix('/api')}/toolbox/{sandbox.id}"
    key = {"Authorization": f"Bearer {os.environ['DAYTONA_API_KEY']}"}
    status, body = fetch(f"{base}/port", headers=key)
    assert (status, json.loads(body)) == (200, {"ports": []}), body
    status, body = fetch(f"{base}/port/8080/in-use", headers=key)
    assert (status, json.loads(body)) == (200, {"isInUse": False}), body
    assert fetch(f"{base}/port/none/in-use", headers=key)[0] == 400
    assert fetch(f"{base}/port")[0] == 401
    sandbox.delete()


async def tree_async():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        fs = sandbox.fs
        await fs.create_folder("project", "755")
        await fs.upload_files([FileUpload(b"needle\n", "project/a"), FileUpload(b"", "project/b")])
        assert (await fs.get_file_info("project/a")).size == 7
        assert sorted(e.name for e in await fs.list_files("project")) == ["a", "b"]
        assert [(m.file, m.line) for m in await fs.find_files("project", "needle")] == [("project/a", 1)]
        assert (await fs.search_files("project", "b")).files == ["project/b"]
        results = await fs.replace_in_files(["project/a"], "needle", "pin")
        assert results[0].success, results
        await fs.set_file_permissions("project/a", mode="600")
        assert (await fs.get_file_info("project/a")).permissions == "0600"
        await fs.move_files("project/a", "project/c")
        assert await fs.download_file("project/c") == b"pin\n"
        results = await fs.download_files(
            [FileDownloadRequest(source=path) for path in ["project/c", "project/none"]]
        )
        assert results[0].result == b"pin\n" and results[1].error, results
        large = os.urandom(1 << 20) * 8
        await fs.upload_file_stream(large, "project/large")
        stream = await fs.download_file_stream("project/large")
        assert b"".join([piece async for piece in stream]) == large
        try:
            await fs.get_file_info("project/none")
            raise AssertionError("nothing is there")
        except NotFound:
            pass
        await fs.delete_file("project", recursive=True)
        assert await fs.list_files(".") == []
        await sandbox.delete()


run(*(globals()[name] for name in sys.argv[1:]))
