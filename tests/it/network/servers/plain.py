"""Servers that are no more than a socket: each keeps what it got, and says that somebody got through."""

import asyncio
import json
import socket
import time

MARK = "got-through"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
GREETING = f"SSH-2.0-{MARK}\r\n".encode()
# A ServerHello that asks for another key share, P-256: RFC 8446, 4.1.4. Its random says so.
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
RETRY_EXTENSIONS = bytes.fromhex("002b00020304" "003300020017")
KEPT_BYTES = 64 << 10


class Log:
    """One line of JSON for each thing that happened."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")

    def write(self, entry):
        self.file.write(json.dumps(dict(entry, time=time.time())) + "\n")
        self.file.flush()


def ends(writer, via):
    peer, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return {"via": via, "peer": peer[0], "at": here[0], "port": here[1]}


def http_answer(writer):
    body = f"{MARK} {writer.get_extra_info('sockname')[0]}\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def retry(hello):
    """The answer to a ClientHello that wants a second one."""
    session = hello[44:44 + hello[43]] if len(hello) > 44 else b""
    body = b"\x03\x03" + RETRY_RANDOM + bytes([len(session)]) + session + b"\x13\x01\x00"
    body += len(RETRY_EXTENSIONS).to_bytes(2, "big") + RETRY_EXTENSIONS
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


class Streams:
    def __init__(self, plan, log):
        self.plan, self.log = plan, log

    def note(self, writer, kind, data):
        text = data[:KEPT_BYTES].decode("latin-1")
        self.log.write(dict(ends(writer, kind), data=text))

    async def record(self, reader, writer):
        """Takes anything as a request and answers each piece of it."""
        self.note(writer, "opened", b"")
        while data := await reader.read(KEPT_BYTES):
            self.note(writer, "bytes", data)
            if data.startswith(b"LISTEN "):
                await self.listen(writer, int(data.split()[1]))
            # One that is not a whole WebSocket handshake is answered as if it asked nothing.
            upgrade = b"sec-websocket-key" in data.lower()
            writer.write(UPGRADED if upgrade else http_answer(writer))
            await writer.drain()

    async def listen(self, writer, port):
        """Opens another port for whoever asks: behind HOST's bait on its loopback."""
        here = writer.get_extra_info("sockname")[0]
        inside = here in self.plan["bait"]
        for address in ["127.0.0.1", "::1"] if inside else self.plan["places"]["RECORDER"]:
            try:
                await self.serve(address, port, self.record)
            except OSError:
                pass

    async def ask_again(self, reader, writer):
        """Wants another ClientHello and is content with whatever comes then."""
        hello = await reader.read(KEPT_BYTES)
        self.note(writer, "bytes", hello)
        writer.write(retry(hello))
        await self.record(reader, writer)

    async def echo(self, reader, writer):
        while data := await reader.read(KEPT_BYTES):
            writer.write(data)
            await writer.drain()

    async def sink(self, reader, writer):
        while await reader.read(1 << 20):
            pass

    async def hold(self, reader, writer):
        """Stays when the other side has said all."""
        while await reader.read(1 << 20):
            pass
        await asyncio.sleep(60)

    async def source(self, reader, writer):
        piece = bytes(1 << 18)
        while True:
            writer.write(piece)
            await writer.drain()

    async def greet(self, reader, writer):
        self.note(writer, "opened", b"")
        writer.write(GREETING)
        await writer.drain()
        await self.record(reader, writer)

    async def relay(self, reader, writer):
        """A proxy that connects everybody with everything, as careless ones do."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.note(writer, "bytes", head)
        method, target, _ = head.split(b" ", 2)
        if method != b"CONNECT":
            writer.write(http_answer(writer))
            return await writer.drain()
        name, port = target.decode().rsplit(":", 1)
        known = self.plan["names"].get(name)
        address = known["steps"][0][0][1] if known else name.strip("[]")
        there, back = await asyncio.open_connection(address, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(self.pump(reader, back), self.pump(there, writer))

    async def pump(self, reader, writer):
        while data := await reader.read(KEPT_BYTES):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(self, address, port, way):
        async def one(reader, writer):
            try:
                await way(reader, writer)
            except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
                pass
            writer.close()

        await asyncio.start_server(one, address, port, backlog=4096)


class Datagrams(asyncio.DatagramProtocol):
    """Says to each datagram that it arrived."""

    def __init__(self, log, address, port):
        self.log, self.address, self.port = log, address, port

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        text = data.decode("latin-1")
        entry = {"via": "udp", "peer": peer[0], "at": self.address, "port": self.port, "data": text}
        self.log.write(entry)
        self.transport.sendto(MARK.encode() + b" " + data[:64], peer)


async def start_datagrams(log, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Datagrams(log, address, port), local_addr=(address, port), family=family)


async def start(plan):
    log = Log(plan["folder"] + "/raw.jsonl")
    streams = Streams(plan, log)
    ways = {
        "RECORDER": [(80, streams.record), (443, streams.record), (8080, streams.record),
                     (53, streams.record)],
        "RETRY": [(443, streams.ask_again)],
        "PROXY": [(80, streams.relay), (443, streams.relay), (3128, streams.relay)],
        "STREAMS": [(7, streams.echo), (8, streams.hold), (9, streams.sink), (19, streams.source),
                    (22, streams.greet), (80, streams.record)],
        "EVIL": [(22, streams.greet), (8080, streams.record)],
        "GITHUB": [(22, streams.greet)],
    }
    for place, all_of_it in ways.items():
        for address in plan["places"][place]:
            for port, way in all_of_it:
                await streams.serve(address, port, way)
    for address in plan["inner"]:
        for port in (80, 443):
            await streams.serve(address, port, streams.record)
        await start_datagrams(log, address, 7)
    for address in plan["places"]["STREAMS"] + plan["places"]["EVIL"]:
        for port in (7, 123, 443):
            await start_datagrams(log, address, port)


async def start_bait(plan):
    """What a host has open: on all its addresses, on its loopback, and without an address."""
    log = Log(plan["folder"] + "/bait.jsonl")
    streams = Streams(plan, log)
    for address in plan["bait"] + ["127.0.0.1", "::1"]:
        for port in (80, plan["bait_port"]):
            await streams.serve(address, port, streams.record)
        await start_datagrams(log, address, plan["bait_port"])

    async def greet(reader, writer):
        writer.write(MARK.encode() + b"\n")
        writer.close()

    await asyncio.start_unix_server(greet, "\0" + plan["abstract"])
