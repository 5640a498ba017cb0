"""What LangSwarm's remote client does with a server: it finds the tools, and calls them."""

import sys

import requests
from langswarm.tools.mcp.remote.main import RemoteMCPTool

url, key = sys.argv[1:]
authorized = {"Authorization": f"Bearer {key}"}


def remote(headers):
    # It stumbles over an attribute of its own at the end of its first conversation, and goes on.
    return RemoteMCPTool("sandbox", mcp_url=url, headers=headers)


tool = remote(authorized)
assert tool.check_connection()["connected"] is True
listed = tool.run({"method": "list_tools"})
assert {"create_sandbox", "execute_code", "git_operation"} <= set(listed["tools"]), listed


def call(which, **arguments):
    answer = tool.run({"tool_name": which, "arguments": arguments})
    assert answer["success"] is True and not answer["result"].get("isError"), answer
    return answer["result"].get("structuredContent")


made = call("create_sandbox", name="swarm", language="python")
assert made["name"] == "swarm" and made["sandbox_id"].startswith("sbx-"), made
ran = call("execute_code", sandbox_id="swarm", code="print(6 * 7)")
assert (ran["exit_code"], ran["stdout"]) == (0, "42\n"), ran
call("file_operation", sandbox_id="swarm", operation="write", file_path="note", content="kept")

# The other ways in which it is asked for a call.
for message in (
    {"name": "execute_shell", "arguments": {"sandbox_id": "swarm", "command": "cat note"}},
    {
        "method": "call_tool",
        "params": {
            "tool_name": "execute_shell",
            "arguments": {"sandbox_id": "swarm", "command": "cat note"},
        },
    },
):
    answer = tool.run(message)
    assert answer["result"]["structuredContent"]["stdout"] == "kept", answer
missing = tool.run({"tool_name": "execute_shell", "arguments": {"sandbox_id": "none", "command": "x"}})
assert missing["result"]["isError"] is True and "swarm" in str(missing["result"]), missing
assert "not available" in tool.run({"tool_name": "none"})["error"]


# The older client posts a call alone, and takes the body of the answer for the result.
def bare(message):
    answer = requests.post(url, headers=authorized, json=message, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


assert bare({"name": "list_sandboxes", "arguments": {}})["count"] == 1
assert bare({"method": "execute_shell", "params": {"sandbox_id": "swarm", "command": "cat note"}})[
    "stdout"
] == "kept"
assert "no tool" in bare({"name": "none", "arguments": {}})["error"]
assert "no sandbox" in bare({"name": "get_sandbox_info", "arguments": {"sandbox_id": "none"}})["error"]
assert "names no tool" in bare({})["error"]["message"]
# In plain language: asked back, planned, done.
asked = bare({"intent": "is it safe to delete swarm?", "context": "working in swarm"})
assert asked["success"] is False and asked["needs"]["parameter"] == "sandbox_id", asked
done = bare({"intent": "run `cat note`", "context": "we work in swarm"})
assert done["results"][0]["result"]["stdout"] == "kept", done
schema = requests.get(f"{url}/schema", headers=authorized, timeout=60).json()
assert {one["name"] for one in schema["tools"]} == set(listed["tools"]), schema

# Nobody is let in without a key, and the client says so in its own words.
assert requests.post(url, json={"method": "tools/list"}, timeout=60).status_code == 401
stranger = remote({"Authorization": "Bearer inf_wrong"})
assert "Authentication failed" in stranger.check_connection()["error"]

assert call("delete_sandbox", sandbox_id="swarm")["success"] is True
assert bare({"name": "list_sandboxes"})["count"] == 0
