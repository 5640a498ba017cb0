"""A git server over smart HTTP that wants a name and a password, for the inside of a sandbox."""

import base64
import http.server
import os
import subprocess

ROOT = "/workspace/forge"
WANTED = "Basic " + base64.b64encode(b"ann:pass-word").decode()


class Forge(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def answer(self):
        length = self.headers.get("Content-Length", "0")
        sent = self.rfile.read(int(length))
        if self.headers.get("Authorization") != WANTED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ, "GIT_PROJECT_ROOT": ROOT, "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_LENGTH": length, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=sent,
                              check=False, stdout=subprocess.PIPE)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer


repository = f"{ROOT}/repo.git"
subprocess.run(["git", "init", "--bare", "--initial-branch=main", repository], check=True)
subprocess.run(["git", "-C", repository, "config", "http.receivepack", "true"], check=True)
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Forge).serve_forever()
