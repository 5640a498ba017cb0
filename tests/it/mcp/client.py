"""Drives infield with the official MCP Python client; version 1.x and 2.x have the same face here.

    client.py SCENARIO MODE stdio COMMAND...      MODE: legacy, or modern (2.x only)
    client.py SCENARIO MODE http URL KEY

Leaves with 0 when every expectation held, and prints the first that did not.
"""

import asyncio
import contextlib
import datetime
import importlib.metadata
import json
import sys

OLD = importlib.metadata.version("mcp").startswith("1.")


class Connection:
    """One MCP conversation, whichever version of the client has it."""

    def __init__(self, session, mode):
        self.session = session
        self.mode = mode

    async def call(self, tool, arguments=None, timeout=None, progress=None):
        """The result of a tool call, as the wire has it."""
        options = {}
        if timeout is not None:
            limit = datetime.timedelta(seconds=timeout) if OLD else timeout
            options["read_timeout_seconds"] = limit
        if progress is not None:
            options["progress_callback"] = progress
        result = await self.session.call_tool(tool, arguments or {}, **options)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def facts(self, tool, arguments=None, **options):
        """The structured half of a success, which must say the same as the text half."""
        result = await self.call(tool, arguments, **options)
        assert not result.get("isError"), f"{tool} {arguments}: {result}"
        structured = result["structuredContent"]
        assert json.loads(result["content"][0]["text"]) == structured, result
        assert None not in structured.values(), structured
        return structured

    async def text(self, tool, arguments=None):
        """The text of a success."""
        result = await self.call(tool, arguments)
        assert not result.get("isError"), f"{tool} {arguments}: {result}"
        return result["content"][0]["text"]

    async def refusal(self, tool, arguments=None):
        """The text of a tool error."""
        result = await self.call(tool, arguments)
        assert result.get("isError"), f"{tool} {arguments} should fail: {result}"
        return result["content"][0]["text"]

    async def abandon(self, tool, arguments, after):
        """Makes a call and cancels it once `after` is over."""
        call = asyncio.create_task(self.call(tool, arguments))
        await after
        if OLD:
            # Version 1 leaves cancelling to its caller.
            import mcp.types as types

            number = self.session._request_id - 1
            note = types.CancelledNotification(
                method="notifications/cancelled",
                params=types.CancelledNotificationParams(requestId=number, reason="enough"),
            )
            await self.session.send_notification(types.ClientNotification(note))
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await call


@contextlib.asynccontextmanager
async def connect(way):
    """Opens a conversation; `way` is the command line after the scenario."""
    mode, transport, *rest = way
    async with contextlib.AsyncExitStack() as stack:
        opener = old_session if OLD else new_session
        yield Connection(await opener(stack, mode, transport, rest), mode)


async def old_session(stack, mode, transport, rest):
    from mcp import ClientSession, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamablehttp_client

    assert mode == "legacy", "version 1 of the client speaks the older revisions only"
    if transport == "stdio":
        pipes = stdio_client(StdioServerParameters(command=rest[0], args=rest[1:]))
    else:
        pipes = streamablehttp_client(rest[0], headers={"Authorization": f"Bearer {rest[1]}"})
    reader, writer, *_ = await stack.enter_async_context(pipes)
    session = await stack.enter_async_context(ClientSession(reader, writer))
    session.opened = await session.initialize()
    return session


async def new_session(stack, mode, transport, rest):
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    if transport == "stdio":
        server = StdioServerParameters(command=rest[0], args=rest[1:])
    else:
        import httpx2

        headers = {"Authorization": f"Bearer {rest[1]}"}
        http = httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300))
        server = streamable_http_client(rest[0], http_client=await stack.enter_async_context(http))
    wanted = "auto" if mode == "modern" else "legacy"
    client = await stack.enter_async_context(Client(server, mode=wanted))
    modern = client.protocol_version >= "2026-07-28"
    assert modern == (mode == "modern"), f"negotiated {client.protocol_version}"
    return client


async def main():
    import scenarios

    name, *way = sys.argv[1:]
    await getattr(scenarios, name)(way)


if __name__ == "__main__":
    asyncio.run(main())
