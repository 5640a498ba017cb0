"""What a client does with infield, and what must come of it. Each function is one scenario."""

import asyncio
import base64
import glob
import hashlib
import json
import time
import uuid

from client import OLD, connect

TOOLS = [
    "create_sandbox",
    "list_sandboxes",
    "get_sandbox_info",
    "delete_sandbox",
    "execute_code",
    "execute_shell",
    "read_output",
    "file_operation",
    "git_operation",
    "run_intent",
]


def expect(condition, *found):
    """An assertion that shows what was found."""
    if not condition:
        raise AssertionError(" ".join(str(one) for one in found))


async def surface(way):
    """Everything that a client can list."""
    async with connect(way) as its:
        tools = (await its.session.list_tools()).tools
        expect([tool.name for tool in tools] == TOOLS, tools)
        listed = json.dumps(
            [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools],
            separators=(",", ":"),
        )
        expect(len(listed) / 3.5 < 3000, "the list of tools is too long:", len(listed))
        prompts = (await its.session.list_prompts()).prompts
        expect(len(prompts) == 3, prompts)
        prompt = await its.session.get_prompt("run_and_fix", {"code": "print(1)"})
        expect("print(1)" in prompt.messages[0].content.text, prompt)
        made = await its.facts("create_sandbox", {"name": name()})
        resources = (await its.session.list_resources()).resources
        expect(any(made["sandbox_id"] in str(one.uri) for one in resources), resources)
        templates = await its.session.list_resource_templates()
        templates = getattr(templates, "resource_templates", None) or templates.resourceTemplates
        expect(len(templates) == 2, templates)
        await its.text("file_operation", write(made, "note.txt", "attached"))
        for address, inside in [
            ("sandbox://", made["name"]),
            (f"sandbox://{made['name']}", made["sandbox_id"]),
            (f"sandbox://{made['sandbox_id']}/workspace/note.txt", "attached"),
        ]:
            read = await its.session.read_resource(address)
            expect(inside in read.contents[0].text, address, read)
        await completion(its, made)
        await its.facts("delete_sandbox", {"sandbox_id": made["sandbox_id"]})


async def completion(its, made):
    if OLD:
        from mcp.types import ResourceTemplateReference
    else:
        from mcp_types import ResourceTemplateReference
    template = ResourceTemplateReference(
        type="ref/resource", uri="sandbox://{sandbox_id}/{+path}"
    )
    ids = await its.session.complete(template, {"name": "sandbox_id", "value": made["name"][:4]})
    expect(made["name"] in ids.completion.values, ids)
    paths = await its.session.complete(
        template,
        {"name": "path", "value": "workspace/no"},
        context_arguments={"sandbox_id": made["sandbox_id"]},
    )
    expect(paths.completion.values == ["workspace/note.txt"], paths)


async def work(way):
    """The life of a sandbox: made, worked in, asked about, removed."""
    async with connect(way) as its:
        alone = await its.facts("execute_code", {"code": "print(6 * 7)"})
        expect(alone["stdout"] == "42\n" and alone["exit_code"] == 0, alone)
        made = await its.facts(
            "create_sandbox", {"name": name(), "environment_vars": {"TOKEN": "s3cret-value"}}
        )
        here = {"sandbox_id": made["name"]}
        await commands(its, here)
        await files(its, here)
        await repository(its, here)
        await spoken(its, here)
        info = await its.facts("get_sandbox_info", here)
        expect(info["environment_vars"] == ["TOKEN"], info)
        expect("s3cret-value" not in json.dumps(info), info)
        expect(info["sandbox_id"] == made["sandbox_id"] and info["status"] == "running", info)
        gone = await its.facts("delete_sandbox", here)
        expect(gone["success"], gone)
        again = await its.facts("delete_sandbox", here)
        expect(not again["success"] and "no sandbox" in again["message"], again)
        await refusals(its)


async def commands(its, here):
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    failed = await its.facts("execute_code", {"code": code, **here})
    expect((failed["exit_code"], failed["stdout"]) == (3, "out\n"), failed)
    expect(failed["stderr"] == "err\n" and failed["status"] == "finished", failed)
    shell = {"command": "cat; echo $TOKEN $MORE; pwd", "stdin": "typed\n", "env": {"MORE": "x"}}
    done = await its.facts("run_command", {**shell, **here, "cwd": "/tmp"})
    expect(done["stdout"] == "typed\ns3cret-value x\n/tmp\n", done)
    late = {"command": "echo begun; sleep 60", "timeout_seconds": 1}
    late = await its.facts("execute_shell", {**late, **here})
    expect(late["timed_out"] and late["stdout"] == "begun\n", late)
    behind = {"command": "echo one; sleep 1; echo two", "background": True}
    behind = await its.facts("execute_shell", {**behind, **here})
    expect(behind["status"] == "running", behind)
    text = await read_all(its, behind["execution_id"])
    expect(text == "one\ntwo\n", text)


async def files(its, here):
    async def do(operation, path, **more):
        return await its.text(
            "file_operation", {"operation": operation, "file_path": path, **more, **here}
        )

    await do("write", "a/b.txt", content="first line\nsecond line\n")
    await do("append", "a/b.txt", content="third\n")
    await do("edit", "a/b.txt", old_text="second", new_text="2nd")
    text = await do("read", "/workspace/a/b.txt")
    expect(text == "first line\n2nd line\nthird\n", text)
    expect("b.txt" in await do("list", "a"), "the listing lacks b.txt")
    found = json.loads(await do("search", ".", pattern="2nd"))
    expect(found["matches"][0]["line"] == 2, found)
    await do("move", "a/b.txt", new_path="a/c.txt")
    await do("mkdir", "a/d/e")
    expect(json.loads(await do("stat", "a/d/e"))["kind"] == "directory", "no folder")
    await do("delete", "a/d", recursive=True)
    refused = await its.refusal(
        "file_operation", {"operation": "read", "file_path": "a/d/e", **here}
    )
    expect("Next:" in refused or "a/d/e" in refused, refused)
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
        "RU5ErkJggg=="
    )
    await do("write", "dot.png", content=pixel, encoding="base64")
    shown = await its.call(
        "file_operation", {"operation": "read", "file_path": "dot.png", **here}
    )
    image = shown["content"][0]
    expect(image["type"] == "image" and image["mimeType"] == "image/png", shown)
    expect(base64.b64decode(image["data"]) == base64.b64decode(pixel), shown)


async def repository(its, here):
    async def git(operation, **more):
        arguments = {"operation": operation, "working_directory": "/workspace/a", **more, **here}
        done = await its.facts("git_operation", arguments)
        expect(done["success"], operation, done)
        return done["output"]

    await git("init")
    await git("add")
    await git("commit", commit_message="the first; $(touch /tmp/pasted)")
    expect("the first; $(touch /tmp/pasted)" in await git("log"), "the commit is not in the log")
    await git("checkout", branch="topic", create=True)
    expect("topic" in await git("branch"), "the branch is not listed")
    remote = {"operation": "clone", "repository_url": "https://example.org/x.git"}
    # The news of a refusal may come just after the command's end, and be told with the next one.
    for _ in range(20):
        denied = await its.facts("git_operation", {**remote, **here})
        expect(not denied["success"], denied)
        if "example.org:443" in denied["message"]:
            break
    expect("example.org:443" in denied["message"], denied)
    alone = await its.facts("create_sandbox", {"name": name(), "network": "none"})
    refused = await its.refusal("git_operation", {**remote, "sandbox_id": alone["sandbox_id"]})
    expect("network" in refused, refused)
    await its.facts("delete_sandbox", {"sandbox_id": alone["sandbox_id"]})


async def spoken(its, here):
    """Requests in plain language: planned, carried out, asked back."""

    async def say(intent, **more):
        return await its.facts("run_intent", {"intent": intent, **more})

    box = here["sandbox_id"]
    fresh = name()
    planned = await say(f"create a python sandbox called {fresh} and run `echo hi` in it", dry_run=True)
    methods = [step["method"] for step in planned["plan"]]
    expect(methods == ["create_sandbox", "execute_shell"] and "results" not in planned, planned)
    listed = await its.facts("list_sandboxes", {"limit": 1000})
    expect(fresh not in json.dumps(listed), listed)
    done = await say(f"create a python sandbox called {fresh} and run `echo hi` in it")
    made, ran = [step["result"] for step in done["results"]]
    expect(done["success"] and made["name"] == fresh, done)
    expect(ran["stdout"] == "hi\n" and ran["sandbox_id"] == made["sandbox_id"], done)
    data = f"delete {fresh}"
    done = await say(f"write '{data}' to said.txt in {box} and show me said.txt", sandbox_id=box)
    expect(done["results"][1]["result"]["content"].strip() == data, done)
    failed = await say(f"run `exit 3` in {box} and then run `echo never` in {box}")
    outcomes = [step["outcome"] for step in failed["results"]]
    expect(outcomes == ["failed", "skipped"] and not failed["success"], failed)
    for unclear in [f"is it safe to delete {fresh}?", "delete everything", f"delete all but {fresh}"]:
        asked = await say(unclear)
        expect(asked["needs"]["parameter"] and not asked["plan"], unclear, asked)
    gone = await say(f"please delete {fresh}")
    expect(gone["success"] and gone["results"][0]["result"]["sandbox_id"] == made["sandbox_id"], gone)


async def refusals(its):
    missing = await its.refusal("execute_code", {"sandbox_id": "no-such-box", "code": "1"})
    expect("no-such-box" in missing and "create_sandbox" in missing, missing)
    slip = await its.refusal("execute_code", {"code": "1", "langauge": "python"})
    expect("did you mean `language`?" in slip and "Example:" in slip, slip)
    choice = await its.refusal(
        "file_operation", {"sandbox_id": "x", "operation": "reed", "file_path": "y"}
    )
    expect("`read`, `write`" in choice and "did you mean `read`?" in choice, choice)
    tongue = await its.refusal("execute_code", {"code": "1", "language": "cobol"})
    expect("python" in tongue, tongue)
    net = await its.refusal("create_sandbox", {"network": "all"})
    expect("none" in net, net)


async def flood(way):
    """Ten megabytes of output: the answer is short, and read_output has every byte."""
    lines, width = 160_000, 64
    code = f"for n in range({lines}): print(str(n).rjust({width - 1}, '.'))"
    wanted = hashlib.sha256()
    for number in range(lines):
        wanted.update((str(number).rjust(width - 1, ".") + "\n").encode())
    async with connect(way) as its:
        for where in [await its.facts("create_sandbox", {"name": name()}), None]:
            here = {"sandbox_id": where["sandbox_id"]} if where else {}
            done = await its.facts("execute_code", {"code": code, **here})
            expect(done["truncated"] and done["exit_code"] == 0, done["message"])
            expect(len(done["stdout"]) < 10_500, len(done["stdout"]))
            expect("0\n" in done["stdout"] and str(lines - 1) in done["stdout"], done["stdout"])
            text = await read_all(its, done["execution_id"])
            expect(len(text) == lines * width, "bytes were lost:", len(text))
            expect(hashlib.sha256(text.encode()).hexdigest() == wanted.hexdigest(), "not the same")


async def read_all(its, execution):
    """The whole standard output of a command, waited for and read page by page."""
    pages, offset = [], 0
    while True:
        page = await its.facts(
            "read_output", {"execution_id": execution, "offset": offset, "wait_seconds": 30}
        )
        pages.append(page["text"])
        offset = page["next_offset"]
        if page["status"] == "finished" and offset >= page["total"]:
            return "".join(pages)


async def long(way):
    """A command of 90 seconds behind a client that waits for 60."""
    seconds, patience = 90, 60
    reports = []

    async def report(progress, total, message):
        reports.append((progress, message))

    async with connect(way) as its:
        made = await its.facts("create_sandbox", {"name": name()})
        command = f"for n in $(seq {seconds}); do echo tick $n; sleep 1; done; echo over; exit 7"
        arguments = {"command": command, "sandbox_id": made["sandbox_id"]}
        begun = time.monotonic()
        first = await its.facts("execute_shell", arguments, timeout=patience, progress=report)
        expect(first["status"] == "running" and "tick 1\n" in first["stdout"], first)
        expect(40 < time.monotonic() - begun < 55, "handed over after", time.monotonic() - begun)
        expect(30 <= len(reports) <= 50, "reports:", len(reports))
        expect(reports == sorted(reports, key=lambda one: one[0]), reports)
        expect(any("tick" in (message or "") for _, message in reports), reports)
        text, offset = "", 0
        while True:
            page = await its.facts(
                "read_output",
                {"execution_id": first["execution_id"], "offset": offset, "wait_seconds": 50},
                timeout=patience,
            )
            text, offset = text + page["text"], page["next_offset"]
            if page["status"] == "finished" and offset >= page["total"]:
                break
        expect(page["exit_code"] == 7, page)
        expect(text.splitlines() == [f"tick {n + 1}" for n in range(seconds)] + ["over"], text)
        await its.facts("delete_sandbox", {"sandbox_id": made["sandbox_id"]})


async def cancel(way):
    """A call that is cancelled in the middle leaves no process after one second."""
    async with connect(way) as its:
        made = await its.facts("create_sandbox", {"name": name()})
        here = {"sandbox_id": made["sandbox_id"]}
        word = f"cancel-{uuid.uuid4().hex[:8]}"
        # Children that leave the process group and the session, too.
        command = (
            f"exec -a {word} sleep 1000 & setsid bash -c 'exec -a {word} sleep 1000' & "
            f"(trap '' TERM; exec -a {word} sleep 1000) & wait"
        )
        await its.abandon("execute_shell", {"command": command, **here}, running(word))
        begun = time.monotonic()
        while count(word) > 0:
            left = "processes are left one second after the cancellation"
            expect(time.monotonic() - begun < 1, left)
            await asyncio.sleep(0.01)
        info = await its.facts("get_sandbox_info", here)
        expect(info["status"] == "running", info)
        await its.facts("delete_sandbox", here)


async def running(word):
    """Waits until all three processes of `cancel` run."""
    begun = time.monotonic()
    while count(word) < 3:
        expect(time.monotonic() - begun < 20, "the command did not begin")
        await asyncio.sleep(0.01)


def count(word):
    """How many processes have this name, as the host sees it: a look from inside would have to
    wait for a turn of its own."""
    found = 0
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                found += file.read().startswith(word.encode())
        except OSError:
            continue
    return found


async def figures(way):
    """Figures of matplotlib come as image blocks and as paths, also out of a throw-away sandbox."""
    code = "import matplotlib.pyplot as plot\nplot.plot([1, 2])\nplot.show()\nprint('drawn')"
    async with connect(way) as its:
        made = await its.facts("create_sandbox", {"name": name()})
        for here in ({"sandbox_id": made["sandbox_id"]}, {}):
            done = await its.call("execute_code", {"code": code, **here})
            facts = done["structuredContent"]
            expect(facts["exit_code"] == 0 and facts["stdout"] == "drawn\n", facts)
            image = done["content"][1]
            expect(image["type"] == "image" and image["mimeType"] == "image/png", facts)
            expect(base64.b64decode(image["data"]).startswith(b"\x89PNG"), facts)
            expect(facts["images"][0]["mime_type"] == "image/png", facts)
            if here:
                read = await its.session.read_resource(facts["images"][0]["uri"])
                expect(read.contents[0].blob == image["data"], read)
        await its.facts("delete_sandbox", {"sandbox_id": made["sandbox_id"]})


async def together(way):
    """Two clients at once: they share the sandboxes of their owner, and neither waits."""

    async def one(its, word):
        made = await its.facts("create_sandbox", {"name": name()})
        here = {"sandbox_id": made["sandbox_id"]}
        for turn in range(5):
            await its.text("file_operation", write(made, "word.txt", f"{word}{turn}"))
            done = await its.facts("execute_shell", {"command": "cat word.txt; sleep 0.2", **here})
            expect(done["stdout"] == f"{word}{turn}", done)
        return made["sandbox_id"]

    async with connect(way) as left, connect(way) as right:
        made = await asyncio.gather(one(left, "left"), one(right, "right"))
        for its in (left, right):
            listed = await its.facts("list_sandboxes", {})
            ids = [sandbox["sandbox_id"] for sandbox in listed["sandboxes"]]
            expect(set(made) <= set(ids), made, ids)
        await left.facts("delete_sandbox", {"sandbox_id": made[1]})
        gone = await right.refusal("execute_code", {"sandbox_id": made[1], "code": "1"})
        expect(made[0] in gone, gone)
        await right.facts("delete_sandbox", {"sandbox_id": made[0]})


async def restarted(way):
    """A client that starts the server anew for each call finds its sandboxes and commands."""

    async def once(tool, arguments):
        async with connect(way) as its:
            result = await its.call(tool, arguments)
            expect(not result.get("isError"), result)
            return result.get("structuredContent") or result["content"][0]["text"]

    made = await once("create_sandbox", {"name": name()})
    here = {"sandbox_id": made["sandbox_id"]}
    await once("file_operation", write(made, "kept.txt", "kept"))
    listed = await once("list_sandboxes", {})
    ids = [sandbox["sandbox_id"] for sandbox in listed["sandboxes"]]
    expect(made["sandbox_id"] in ids, listed)
    behind = {"command": "sleep 1; cat kept.txt", "background": True, **here}
    behind = await once("execute_shell", behind)
    read = {"execution_id": behind["execution_id"], "wait_seconds": 20}
    page = await once("read_output", read)
    expect(page["text"] == "kept", page)
    await once("delete_sandbox", here)


def name():
    return f"mcp-{uuid.uuid4().hex[:12]}"


def write(made, path, content):
    return {
        "sandbox_id": made["sandbox_id"],
        "operation": "write",
        "file_path": path,
        "content": content,
    }
