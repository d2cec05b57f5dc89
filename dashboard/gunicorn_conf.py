"""How gunicorn serves the dashboard: `gunicorn -c python:dashboard.gunicorn_conf dashboard.wsgi:application`.

One process, because all it shows is in the store and what plays runs is a thread of it; threads, because most requests
wait for something. Never with `--preload`, for event loops and connections do not survive a fork, nor with
`max_requests`, which would end runs in the middle.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from dashboard.config import Settings

wsgi_app = "dashboard.wsgi:application"
worker_class = "gthread"
workers = 1
threads = 16
worker_connections = 1000  # kept-alive browsers; requests beyond `threads` wait their turn
keepalive = 30
timeout = 60  # of the process's heartbeat, not of requests
graceful_timeout = 5
control_socket_disable = True
loglevel = "warning"
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"  # a heartbeat through a busy disk would come late


def on_starting(server: Any) -> None:
    """Bring the store up to date once, before any worker lives."""
    from dashboard.store import StoreDown
    from dashboard.store import migrate

    url = Settings.from_env().store_url
    if url is None:
        sys.exit("There is no store: set INTERLOCK_STORE_URL, or start with `interlock serve`, which brings one.")
    try:
        migrate(url)
    except StoreDown as error:
        sys.exit(f"The store cannot be used: {error}")


def post_worker_init(worker: Any) -> None:
    """Start what plays runs, unless that is done elsewhere."""
    if os.environ.get("INTERLOCK_WORKER") != "elsewhere":
        from dashboard.work.worker import start_in_thread

        worker.interlock_worker = start_in_thread(Settings.from_env())


def worker_exit(server: Any, worker: Any) -> None:
    """End it in order: its runs are noted as interrupted, its children go."""
    if hasattr(worker, "interlock_worker") and not worker.interlock_worker.stop():
        worker.log.warning("The worker did not stop in time; its runs are marked as interrupted at the next start.")
