# SPDX-License-Identifier: Apache-2.0
"""piv_link: the emulated card's place in a reader of vpcd: messages of two bytes of length, and bytes."""
import contextlib
import socket
import struct
import threading

RETRY_S = 0.02
# Messages of one byte are about the reader: power off and on, reset, or this. vpcd.h.
GET_ATR = 4
IS_OF_A_KEY = 0x87  # GENERAL AUTHENTICATE


class Link:
    def __init__(self, card, port):
        self._card, self._port = card, port
        self._socket = None
        self._is_in = threading.Event()
        self._is_in.set()
        self._never = threading.Event()
        # Removal and the next connection must not pass each other.
        self._lock = threading.Lock()

    def remove(self):
        with self._lock:
            self._is_in.clear()
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def insert(self):
        self._is_in.set()

    def run(self):
        """Answer for ever; a connection that ends is made again while the card is in."""
        while True:
            self._connect()
            with contextlib.suppress(OSError, struct.error):
                while True:
                    self._serve_one()
            with self._lock:
                self._socket.close()
                self._socket = None
            self._card.reset()

    def _connect(self):
        while True:
            self._is_in.wait()
            with contextlib.suppress(OSError):
                made = socket.create_connection(("127.0.0.1", self._port))
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._socket = made
                    if self._is_in.is_set():
                        return
                    self._socket = None
                made.close()
            self._never.wait(RETRY_S)  # vpcd does not listen yet

    def _receive(self, n):
        data = b""
        while len(data) < n:
            # vpcd writes length and bytes apart and waits for the acknowledgement between them: 40 ms
            # for each command, unless it comes at once.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._socket.recv(n - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data

    def _send(self, data):
        self._socket.sendall(struct.pack(">H", len(data)) + data)

    def _serve_one(self):
        message = self._receive(struct.unpack(">H", self._receive(2))[0])
        if len(message) == 1:
            if message[0] == GET_ATR:
                self._send(self._card.atr)
            else:
                self._card.reset()
            return
        answer = self._card.answer(message)
        is_sign = message[1:2] == bytes([IS_OF_A_KEY]) and not message[0] & 0x10
        if is_sign and self._card.faults.comes_out():
            self._is_in.clear()
            raise ConnectionAbortedError
        self._send(answer)
