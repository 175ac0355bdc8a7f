"""Runs an application under uvicorn, the same way everywhere."""

import uvicorn
from starlette.types import ASGIApp


def server(app: ASGIApp, *, host: str, port: int) -> uvicorn.Server:
    """Build the server; `server.run()` serves until it is told to stop."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        date_header=True,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=15,
        timeout_keep_alive=30,
        limit_concurrency=2000,
    )
    return uvicorn.Server(config)
