"""The servers of the world's INTERNET, or with the word `bait` those of its HOST.

    internet.py PLAN [bait]

PLAN is JSON that `world/plan.rs` writes. Everything runs until standard input ends, which it does
when the test process is gone, however it went.
"""

import asyncio
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading

import echo
import git
import names
import plain

PR_SET_PDEATHSIG = 1


def follow_us():
    """Ends nginx with us, even when nobody can tell it to. See prctl(2)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start_web(plan):
    words = [plan["nginx"], "-e", "stderr", "-c", plan["folder"] + "/nginx.conf"]
    return subprocess.Popen(words + ["-g", "daemon off;"], preexec_fn=follow_us)


async def wait_for_web(plan):
    """Waits until nginx takes connections; the test process gives up before we do."""
    while True:
        try:
            _, writer = await asyncio.open_connection(plan["places"]["CDN"][0], 80)
            return writer.close()
        except OSError:
            await asyncio.sleep(0.01)


async def serve(plan, bait):
    if bait:
        await plain.start_bait(plan)
    else:
        echo.start(plan)
        git.start(plan)
        await names.start(plan)
        await plain.start(plan)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch():
        os.read(0, 1)
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=watch, daemon=True).start()
    web = None if bait else start_web(plan)
    if web:
        await wait_for_web(plan)
    print("ready", flush=True)
    await over.wait()
    if web:
        web.terminate()
        web.wait()


def main():
    # Thousands of connections are what some tests are about. nginx inherits it.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    asyncio.run(serve(plan, sys.argv[2:] == ["bait"]))
    # Threads that still carry bytes have nobody left to carry them for.
    os._exit(0)


main()
