"""Serves a yardstick: `python -m bench.yardsticks naive|bare <port>`, the database in BENCH_URL."""

import os
import sys

import uvicorn

from bench.yardsticks import bare, naive

if __name__ == "__main__":
    kind, port = sys.argv[1:]
    url = os.environ["BENCH_URL"]
    uvicorn.run(
        naive.create_app(url) if kind == "naive" else bare.create_app(url),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
