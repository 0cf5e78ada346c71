"""The demo's stand-in broker: `python -m kiosk.demo.amqtt_broker FOLDER PORT`. Loopback and demo only; see `broker`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

# amqtt has no type information
from amqtt.broker import Broker  # type: ignore[import-untyped]


async def serve(folder: Path, port: int) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = Broker(
        {
            "listeners": {
                "default": {
                    "type": "tcp",
                    "bind": f"127.0.0.1:{port}",
                    "ssl": True,
                    "cafile": str(folder / "ca.pem"),
                    "certfile": str(folder / "server.pem"),
                    "keyfile": str(folder / "server.key"),
                }
            },
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
