"""Listening where it is meant, and nowhere else: torch alone would on all addresses of the host."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from typing import Any

_QUEUE = 2048  # connections that wait to be accepted: all ranks of a large run come at once


def listen(address: str, port: int, timeout: timedelta = timedelta(minutes=5)) -> Any:
    """A TCPStore on this address and port alone; port 0: a free one.

    Raises:
        OSError: the address is none of this host's, or the port is taken.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    family, *_, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_QUEUE)
        port = listening.getsockname()[1]
        return TCPStore(
            address,
            port,
            is_master=True,
            wait_for_workers=False,
            timeout=timeout,
            use_libuv=True,
            master_listen_fd=listening.detach(),
        )


def loopback() -> str:
    """The name of the interface that no other host reaches: `lo`, on a Mac `lo0`."""
    return next((name for _, name in socket.if_nameindex() if re.fullmatch(r"lo[0-9]*", name)), "lo")
