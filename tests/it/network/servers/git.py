"""Git over smart HTTP: `git http-backend` as a CGI program on a socket that nginx asks."""

import http.server
import os
import socketserver
import subprocess
import threading


class Repositories(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def answer(self):
        path, _, query = self.path.partition("?")
        length = self.headers.get("Content-Length", "0")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.server.root,
            "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "CONTENT_LENGTH": length,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            # The folder belongs to root, who runs this; git asks who owns a repository.
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, check=False,
                              input=self.rfile.read(int(length)), stdout=subprocess.PIPE)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = dict(fields).pop("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def start(plan):
    server = Server(plan["folder"] + "/git.sock", Repositories)
    server.root = plan["folder"] + "/git"
    threading.Thread(target=server.serve_forever, daemon=True).start()
