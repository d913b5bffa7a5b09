"""Speaks with deluged for the end-to-end tests: Deluge's own protocol is of
Python (rencode, zlib, TLS).

deluge.py PORT USER PASSWORD

Waits until it is let in and says so by {"result": "ready"}. Takes [METHOD, ARGUMENTS, BASE64] from standard input, one a line, where BASE64 is
"" or bytes that take the place of a null among the arguments. Answers each with
{"result": …} or {"error": …}.
"""
import base64
import json
import socket
import ssl
import struct
import sys
import time
import zlib

import rencode


class Daemon:
    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.conn = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20))
        self.calls = 0

    def read(self, n):
        out = b""
        while len(out) < n:
            part = self.conn.recv(n - len(out))
            if not part:
                raise EOFError("deluged hung up")
            out += part
        return out

    def call(self, method, arguments, **named):
        self.calls += 1
        body = zlib.compress(rencode.dumps(((self.calls, method, arguments, named),)))
        self.conn.sendall(struct.pack("!BI", 1, len(body)) + body)
        while True:
            _, size = struct.unpack("!BI", self.read(5))
            kind, number, *rest = rencode.loads(zlib.decompress(self.read(size)), decode_utf8=True)
            if kind in (1, 2) and number == self.calls:  # what else comes are events
                if kind == 2:
                    raise RuntimeError(repr(rest))
                return rest[0]


def connect(port):
    """Tries for a minute: a daemon that starts refuses connections, and hangs up on some."""
    for _ in range(600):
        try:
            return Daemon(port)
        except OSError as err:  # of sockets and of TLS
            last = err
            time.sleep(0.1)
    raise last


def main(port, user, password):
    daemon = connect(int(port))
    daemon.call("daemon.login", [user, password], client_version="2.0.3")
    print(json.dumps({"result": "ready"}), flush=True)
    for line in sys.stdin:
        method, arguments, data = json.loads(line)
        arguments = [base64.b64decode(data) if a is None else a for a in arguments]
        try:
            answer = {"result": daemon.call(method, arguments)}
        except RuntimeError as err:
            answer = {"error": str(err)}
        print(json.dumps(answer, default=str), flush=True)


main(*sys.argv[1:])
