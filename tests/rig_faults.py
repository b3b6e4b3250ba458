# SPDX-License-Identifier: Apache-2.0
"""faults: what a FaultProxy does to a request; each is a function of its Exchange."""
import json
import re
import threading

from rig_fault_proxy import parsed

# Where a connection breaks: before the server has anything of the request; while it comes; after the
# server did it; in the head of its answer; and in the answer's body.
PHASES = ("before", "in request", "after", "in head", "in answer")


def resets(phase, is_reset=True):
    """The connection breaks; is_reset: by RST, else by an end in order."""
    def do(exchange):
        if phase == "in request":
            exchange.ask(share=0.5)
        elif phase != "before":
            status_line, lines, length, body = exchange.whole_answer()
            if phase == "in head":
                exchange.client.connection.sendall(status_line.encode() + b"\r\nContent-Le")
            elif phase == "in answer":
                exchange.reply(status_line, lines, length or 1, body[:len(body) // 2])
        exchange.hang_up(is_reset)
    return do


def answers(status, code="UNKNOWN", is_early=False, is_done=False, **headers):
    """An error of the proxy's own. headers: Retry_After="1". is_early: before the request's body
    was read; is_done: though the server did it."""
    def do(exchange):
        if is_done:
            exchange.whole_answer()
        elif not is_early:
            exchange.finish_body()
        body = json.dumps({"errors": [{"code": code, "message": "so it is"}]}).encode()
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if is_early:
            exchange.is_over = True
            lines.append("Connection: close")
        if exchange.request.method == "HEAD":
            body = b""
        exchange.reply(f"HTTP/1.1 {status} so it is",
                       ["Content-Type: application/json", *lines], len(body), body)
    return do


def says(status, body=b"", kind="application/octet-stream", **headers):
    """Any answer; a Content_Length may be a lie."""
    def do(exchange):
        exchange.finish_body()
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        length = None if "Content_Length" in headers else len(body)
        is_head = exchange.request.method == "HEAD"
        exchange.reply(f"HTTP/1.1 {status} so it is", [f"Content-Type: {kind}", *lines], length,
                       b"" if is_head else body)
    return do


def changes(body=None, **headers):
    """What the server says, with its body changed, or headers; a header that is None is left out."""
    own = {name.replace("_", "-").lower(): value for name, value in headers.items()}

    def do(exchange):
        status_line, lines, length, data = exchange.whole_answer()
        if body:
            data = body(data)
            length = len(data)
        lines = [line for line in lines if line.partition(":")[0].lower() not in own]
        lines += [f"{name}: {value}" for name, value in own.items() if value is not None]
        exchange.reply(status_line, lines, length, data)
    return do


def redirects(front, status=307):
    """Sends the client to another host, which is another FaultProxy."""
    def do(exchange):
        if exchange.request.front is front:
            exchange.forward()
            return
        exchange.finish_body()
        exchange.reply(f"HTTP/1.1 {status} over there",
                       [f"Location: {front.url}{exchange.request.path}"], 0, b"")
    return do


def moves(front):
    """The server does it, and its Location is on another host."""
    def do(exchange):
        if exchange.request.front is front:
            exchange.forward()
            return
        status_line, lines, length, body = exchange.whole_answer()
        lines = [re.sub(r"(?i)^location: (https?://[^/]*)?", f"Location: {front.url}", line)
                 for line in lines]
        exchange.reply(status_line, lines, length, body)
    return do


def drips(pause_s, piece=1):
    """The answer comes in small pieces, with pauses."""
    def do(exchange):
        status_line, lines, length, body = exchange.whole_answer()
        lines = [status_line, *lines] + ([] if length is None else [f"Content-Length: {length}"])
        data = "\r\n".join(lines + ["", ""]).encode() + body
        never = threading.Event()
        for i in range(0, len(data), piece):
            exchange.client.connection.sendall(data[i:i + piece])
            never.wait(pause_s)
    return do


def drinks(pause_s):
    """The request's body is taken in small pieces, with pauses."""
    def do(exchange):
        never = threading.Event()
        answer = exchange.ask(drink=lambda: never.wait(pause_s))
        exchange.client.connection.sendall("\r\n".join(answer + ["", ""]).encode())
        for part in exchange.answer_body(answer):
            exchange.client.connection.sendall(part)
        if parsed(answer).get("connection", "").lower() == "close":
            exchange.is_over = True
    return do


def stalls(exchange):
    """Nothing is answered, and no more of the request taken than its head, until the client gives
    up."""
    exchange.wait_gone()


class Gate:
    """Requests wait before it, with all that they bring, until it opens."""

    def __init__(self):
        self._comes, self._opens = threading.Event(), threading.Event()

    def __call__(self, exchange):
        self._comes.set()
        self._opens.wait(60)
        exchange.forward()

    def wait(self):
        """Until one is there."""
        assert self._comes.wait(60)

    def open(self):
        self._opens.set()
