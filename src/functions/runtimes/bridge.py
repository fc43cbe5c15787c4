"""Runs a Python event handler behind the custom-runtime contract: POST /initialize and /invoke on port FC_SERVER_PORT."""
import importlib
import json
import logging
import os
import socket
import sys
import traceback


class Bag:
    """The context object and its parts."""

    def __init__(self, **members):
        self.__dict__.update(members)


class Lines(logging.StreamHandler):
    """Log lines as the vendor writes them: time, request id, level, message."""

    def __init__(self):
        super().__init__(sys.stdout)
        self.request_id = ""
        self.setFormatter(logging.Formatter("%(asctime)s %(request_id)s [%(levelname)s] %(message)s"))

    def emit(self, record):
        record.request_id = self.request_id
        super().emit(record)


def number(text):
    return int(text) if text.isdigit() else 0


def make_context(headers):
    def get(name):
        return headers.get("x-fc-" + name, "")

    version, qualifier = get("version-id"), get("qualifier")
    return Bag(
        request_id=get("request-id"),
        credentials=Bag(access_key_id=get("access-key-id"), access_key_secret=get("access-key-secret"),
                        security_token=get("security-token")),
        function=Bag(name=get("function-name"), handler=get("function-handler"),
                     memory=number(get("function-memory")), timeout=number(get("function-timeout")),
                     version_id=version, qualifier=qualifier),
        service=Bag(name=get("service-name"), log_project="", log_store="", qualifier=qualifier,
                    version_id=version),
        region=get("region"), account_id=get("account-id"), log_project="", log_store="",
        logger=logging.getLogger(), requestId=get("request-id"))


def load(handler):
    module, _, function = handler.rpartition(".")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module.replace("/", ".")), function)


def failure(error):
    body = {"errorMessage": str(error), "errorType": type(error).__name__,
            "stackTrace": traceback.format_exception(type(error), error, error.__traceback__)}
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stdout)
    return 404, json.dumps(body).encode()


def answer_of(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value).encode()


class Runtime:
    def __init__(self):
        self.lines = Lines()
        root = logging.getLogger()
        root.handlers[:] = [self.lines]
        root.setLevel(logging.INFO)
        self.handler, self.broken = None, None
        try:
            self.handler = load(os.environ.get("_HANDLER", "index.handler"))
        except BaseException as error:  # the module may do anything, also raise SystemExit
            self.broken = error

    def initialize(self, headers):
        if self.broken is not None:
            return failure(self.broken)
        self.prepare(headers)
        try:
            load(os.environ.get("_INITIALIZER", ""))(make_context(headers))
            return 200, b""
        except BaseException as error:  # also SystemExit: the server ends the instance
            return failure(error)

    def invoke(self, headers, event):
        if self.broken is not None:
            return failure(self.broken)
        self.prepare(headers)
        try:
            return 200, answer_of(self.handler(event, make_context(headers)))
        except Exception as error:
            return failure(error)

    def prepare(self, headers):
        self.lines.request_id = headers.get("x-fc-request-id", "")
        for name, header in (("ALIBABA_CLOUD_ACCESS_KEY_ID", "x-fc-access-key-id"),
                             ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "x-fc-access-key-secret"),
                             ("ALIBABA_CLOUD_SECURITY_TOKEN", "x-fc-security-token")):
            os.environ[name] = headers.get(header, "")

    def serve(self, connection):
        stream = connection.makefile("rb", 1 << 16)
        while True:
            line = stream.readline(65536)
            if not line:
                return
            headers = {}
            while True:
                header = stream.readline(65536).decode("latin-1")
                if header in ("\r\n", "\n", ""):
                    break
                name, _, value = header.partition(":")
                headers[name.strip().lower()] = value.strip()
            event = stream.read(int(headers.get("content-length", "0")))
            path = line.split()[1] if len(line.split()) > 1 else b""
            if path == b"/initialize":
                status, body = self.initialize(headers)
            else:
                status, body = self.invoke(headers, event) if path == b"/invoke" else (404, b"")
            sys.stdout.flush()
            head = "HTTP/1.1 200 OK\r\nx-fc-status: %d\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
            connection.sendall((head % (status, len(body))).encode() + body)


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", int(os.environ.get("FC_SERVER_PORT", "9000"))))
    runtime = Runtime()
    listener.listen(8)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                runtime.serve(connection)
            except OSError:
                pass


main()
