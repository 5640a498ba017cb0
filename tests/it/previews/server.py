import base64, hashlib, http.server, struct, time

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            return self.events()
        if self.path == "/ws":
            return self.socket()
        body = f"{self.command} {self.path}".encode()
        if self.path == "/head":
            body = str(self.headers).encode()
        if self.path == "/large":
            body = b"x" * 20_000_000
        self.answer(body)

    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(f"{self.command} {self.path} ".encode() + said)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: 1\n\n")
        self.wfile.flush()
        time.sleep(3600)

    def socket(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        while self.frame():
            pass
        self.close_connection = True

    def frame(self):
        first, second = self.rfile.read(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack(">H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        said = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
        if first & 15 == 8:
            self.wfile.write(bytes([0x88, len(said)]) + said)
            return False
        twice = said * 2
        if len(twice) < 126:
            head = bytes([0x81, len(twice)])
        else:
            head = bytes([0x81, 127]) + struct.pack(">Q", len(twice))
        self.wfile.write(head + twice)
        return True

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Pages).serve_forever()
