"""The DNS server: what the plan says, in the order in which it says it, and a line for each query.

A name has steps. Each look-up of it and a type takes the next one, then the first again: that is
what a name that rebinds does.
"""

import asyncio
import collections
import socket
import ssl
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

import plain

IN = dns.rdataclass.IN
SOA = "a.root. hostmaster.root. 1 60 60 60 5"


class Zone:
    def __init__(self, plan):
        self.entries = {dns.name.from_text(name): entry for name, entry in plan["names"].items()}
        self.turns = collections.Counter()

    def find(self, name):
        """The entry of a name, or of the nearest wildcard above it."""
        name = dns.name.from_text(name.to_text().lower())
        if name in self.entries:
            return self.entries[name]
        while name != dns.name.root:
            name = name.parent()
            entry = self.entries.get(dns.name.Name((b"*",) + name.labels))
            if entry:
                return entry
        return None

    def step(self, entry, name, kind):
        steps = entry["steps"]
        key = (name.to_text().lower(), kind)
        self.turns[key] += 1
        return steps[(self.turns[key] - 1) % len(steps)]

    def fill(self, answer, name, kind, depth=0):
        """Puts what there is about a name into an answer; False when there is no such name."""
        entry = self.find(name)
        if entry is None:
            return depth > 0
        found = collections.defaultdict(list)
        for word, value in self.step(entry, name, kind):
            found[word].append(value)
        word = dns.rdatatype.to_text(kind)
        if "CNAME" in found and word != "CNAME":
            target = found["CNAME"][0]
            answer.append(dns.rrset.from_text(name, entry["ttl"], IN, "CNAME", target))
            if depth < 8:
                self.fill(answer, dns.name.from_text(target), kind, depth + 1)
            return True
        for each, values in found.items():
            if each == word or word == "ANY":
                answer.append(dns.rrset.from_text(name, entry["ttl"], IN, each, *values))
        return True


class Server:
    def __init__(self, plan):
        self.zone = Zone(plan)
        self.log = plain.Log(plan["folder"] + "/queries.jsonl")

    async def answer(self, wire, about):
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            self.log.write(dict(about, name="", type="unreadable"))
            return None
        kind = question.rdtype
        options = b"".join(option.to_wire() or b"" for option in query.options).decode("latin-1")
        for each in query.question:
            name = each.name.to_text(omit_final_dot=True)
            word = dns.rdatatype.to_text(each.rdtype)
            self.log.write(dict(about, name=name, type=word, options=options))
        entry = self.zone.find(question.name)
        await asyncio.sleep(entry["delay_ms"] / 1000 if entry else 0)
        reply = dns.message.make_response(query, recursion_available=True)
        if not self.zone.fill(reply.answer, question.name, kind):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if not reply.answer:
            reply.authority.append(dns.rrset.from_text(".", 5, IN, "SOA", SOA))
        if about["via"] != "udp":
            return reply.to_wire(max_size=65535)
        room = query.payload if query.edns >= 0 else 512
        try:
            return reply.to_wire(max_size=max(room, 512))
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    async def stream(self, reader, writer, via):
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = await reader.readexactly(length)
                reply = await self.answer(wire, plain.ends(writer, via))
                if reply is None:
                    break
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server, address):
        self.server, self.address, self.tasks = server, address, set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        task = asyncio.ensure_future(self.reply(data, peer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def reply(self, data, peer):
        about = {"via": "udp", "peer": peer[0], "at": self.address}
        wire = await self.server.answer(data, about)
        if wire:
            self.transport.sendto(wire, peer)


async def start(plan):
    server = Server(plan)
    loop = asyncio.get_running_loop()
    secret = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secret.load_cert_chain(plan["certificate"], plan["key"])
    for address in plan["places"]["RESOLVER"] + plan["places"]["FOREIGN_RESOLVER"]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        await loop.create_datagram_endpoint(
            lambda address=address: Datagrams(server, address),
            local_addr=(address, 53), family=family)
        for port, via, context in [(53, "tcp", None), (853, "tls", secret)]:
            await asyncio.start_server(
                lambda reader, writer, via=via: server.stream(reader, writer, via),
                address, port, ssl=context)
