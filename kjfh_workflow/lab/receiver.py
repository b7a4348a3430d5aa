"""The far end of a webhook that remembers everything, and now and then refuses or hangs up."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: How many of a hundred letters are refused, and for how many the connection is dropped after they were taken.
_REFUSED, _DROPPED = 10, 5


class Receiver:
    """Listens on loopback.

    Args:
        chance: when it refuses.
    """

    def __init__(self, chance: random.Random) -> None:
        #: Notice id → the texts received under it, one for each time.
        self.received: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                sent = self.rfile.read(length)
                if len(sent) < length:
                    return  # the sender was killed in the middle
                data = json.loads(sent)
                with receiver._lock:
                    dice = chance.randrange(100)
                    if dice >= _REFUSED:
                        texts = data["number"], data["subject"], data["body"]
                        receiver.received[data["id"]].append(texts)
                if dice < _REFUSED:
                    self.send_error(500)
                elif dice < _REFUSED + _DROPPED:
                    self.close_connection = True  # taken, but the sender never learns of it
                else:
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/kjfh"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
