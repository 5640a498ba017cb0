"""A host and a server that fail, as users of the official SDK meet them."""

import os
import signal
import subprocess
import sys
import threading
import time

from common import raises, run
from daytona import Daytona, DaytonaError, DaytonaNotFoundError, FileUpload, SessionExecuteRequest


def full_disk():
    fs = Daytona().get("full").fs
    names = lambda: sorted(entry.name for entry in fs.list_files("."))
    assert names() == []
    large = b"x" * (30 << 20)
    error = raises(DaytonaError, lambda: fs.upload_file(large, "large"))
    assert "space" in str(error), error
    assert names() == []
    # What fits is written all the same.
    wishes = [FileUpload(b"a", "a"), FileUpload(large, "large"), FileUpload(b"b", "b")]
    error = raises(DaytonaError, lambda: fs.upload_files(wishes))
    assert "large" in str(error), error
    assert names() == ["a", "b"], names()
    # What was there is still what it was.
    raises(DaytonaError, lambda: fs.upload_file(large, "a"))
    assert fs.download_file("a") == b"a" and names() == ["a", "b"]
    fs.delete_file("a")
    fs.delete_file("b")


def killed():
    sandbox = Daytona().create()
    process = sandbox.process
    process.create_session("work")
    command = lambda text, **how: SessionExecuteRequest(command=text, **how)
    process.execute_session_command("work", command("cd /tmp; echo kept > file"))
    failures = []

    def wait():
        try:
            process.execute_session_command("work", command("sleep 7777"))
        except Exception as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    sleeping = lambda: sandbox.process.exec("pgrep -fc '^sleep 7777'").result.strip()
    until(lambda: sleeping() == "1")
    words = ["pgrep", "-P", os.environ["KEEPER"], "-f", "__daemon"]
    os.kill(int(subprocess.check_output(words)), signal.SIGKILL)
    waiting.join(20)
    assert len(failures) == 1 and isinstance(failures[0], DaytonaError), failures

    # The next daemon finds the sandbox, and what ran for the last one has ended.
    until(lambda: answers(sandbox.refresh_data))
    until(lambda: sleeping() == "0")
    assert process.list_sessions() == []
    raises(DaytonaNotFoundError, lambda: process.execute_session_command("work", command("pwd")))
    process.create_session("work")
    done = process.execute_session_command("work", command("pwd; cat /tmp/file"))
    assert done.stdout == f"{sandbox.get_work_dir()}\nkept\n", done
    sandbox.delete()


def answers(call):
    try:
        call()
        return True
    except DaytonaError:
        return False


def until(holds, limit=20):
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


run(*(globals()[name] for name in sys.argv[1:]))
