"""An HTTP server behind nginx that tells its client what it got, and writes it down.

The last part of the path says how: `plain`, `chunked` (bit by bit), `gzip` (though nobody asked),
`base64`, `header`, `slow`, `long` (a megabyte, with what came at its end), `moved` (to another host), `hash`
(what a client may know without having it) and `socket` (a WebSocket that sends one frame).
"""

import base64
import gzip
import hashlib
import http.server
import json
import os
import socketserver
import threading
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def address_string(self):
        return "nginx"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def answer(self):
        body = self.body()
        got = {
            "host": self.headers.get("X-Asked", ""),
            "line": self.requestline,
            "headers": self.headers.items(),
            "body": body.decode("latin-1") if len(body) < 65536 else "",
            "length": len(body),
            "hash": hashlib.sha256(body).hexdigest(),
        }
        with self.server.lock, open(self.server.record, "a", encoding="utf-8") as file:
            file.write(json.dumps(got) + "\n")
        how = self.path.split("?")[0].rsplit("/", 1)[-1]
        shown = (json.dumps(got) + "\n").encode()
        getattr(self, "say_" + how, self.say_plain)(shown)

    do_GET = do_POST = do_PUT = do_HEAD = answer

    def say_plain(self, shown, *headers):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(shown)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(shown)

    def say_chunked(self, shown):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for place in range(0, len(shown), 7):
            piece = shown[place : place + 7]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def say_slow(self, _):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b"2\r\nx\n\r\n")
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def say_gzip(self, shown):
        self.say_plain(gzip.compress(shown), ("Content-Encoding", "gzip"))

    def say_base64(self, shown):
        self.say_plain(base64.b64encode(b"." + shown))

    def say_header(self, _):
        self.say_plain(b"", ("X-Echo", self.headers.get("Authorization", "")))

    def say_long(self, shown):
        self.say_plain(b"x" * 1_000_000 + shown)

    def say_moved(self, _):
        self.send_response(302)
        self.send_header("Location", "https://evil.example/echo/plain")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def say_hash(self, shown):
        headers = json.loads(shown)["headers"]
        key = [value for name, value in headers if name.lower() == "authorization"]
        self.say_plain(hashlib.sha256("".join(key).encode()).hexdigest().encode())

    def say_socket(self, shown):
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "upgrade")):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        for text in (b"hello", shown if "loud" in self.path else b"and bye"):
            self.wfile.write(b"\x81\x7e" + len(text).to_bytes(2, "big") + text)
            self.wfile.flush()
            time.sleep(0.05)
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that is cut is what some tests are about."""


def start(plan):
    server = Server(os.path.join(plan["folder"], "echo.sock"), Echo)
    server.lock = threading.Lock()
    server.record = os.path.join(plan["folder"], "echoes.jsonl")
    open(server.record, "a", encoding="utf-8").close()
    threading.Thread(target=server.serve_forever, daemon=True).start()
