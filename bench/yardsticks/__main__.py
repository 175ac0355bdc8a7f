"""Serves a yardstick: `python -m bench.yardsticks naive|bare|bare_analytics <port>`.

The database is in BENCH_URL.
"""

import os
import sys

import uvicorn

from bench.yardsticks import bare, bare_analytics, naive

APPS = {
    "naive": naive.create_app,
    "bare": bare.create_app,
    "bare_analytics": bare_analytics.create_app,
}

if __name__ == "__main__":
    kind, port = sys.argv[1:]
    url = os.environ["BENCH_URL"]
    uvicorn.run(
        APPS[kind](url),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
