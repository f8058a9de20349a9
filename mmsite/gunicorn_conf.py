"""How gunicorn serves the site: `gunicorn -c python:mmsite.gunicorn_conf mmsite.wsgi`.

One process unless told otherwise, since each holds the text tower and the index in memory; threads, since requests
wait for disk and database, and torch and FAISS release the lock. Nothing is loaded before the fork (no preload): torch
hangs after one.
"""

import gc
import logging
from typing import Any

from django.conf import settings
from gunicorn.glogging import Logger

from mmsite import allocator, lifeline
from mmsite.redaction import Formatter, JsonFormatter


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own, without secrets: it names the address of a request that fails, and each where there is an access
    log (GUNICORN_CMD_ARGS="--access-logfile -")."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in [*self.error_log.handlers, *self.access_log.handlers]:
            before = handler.formatter
            is_json = settings.LOG_FORMAT == "json"
            handler.setFormatter(JsonFormatter() if is_json else Formatter(before._fmt, before.datefmt))


bind = settings.WEB_ADDRESS
workers = settings.WEB_WORKERS
worker_class = "gthread"
threads = settings.WEB_THREADS
timeout = 120
graceful_timeout = 5
# Longer than people read and a proxy keeps a connection (nginx: 60 s): whoever asks on one that is just being closed
# gets no answer.
keepalive = 75
preload_app = False
accesslog = None
logger_class = Log
loglevel = "warning"
control_socket_disable = True


def on_starting(server: Any) -> None:
    """In the master, before anything else."""
    lifeline.follow()


def post_worker_init(worker: Any) -> None:
    """In the worker, before its first request: whoever searches first waits no longer than others."""
    from django.db import DatabaseError, connections

    from ml.errors import ModelError
    from mmsite import warming

    log = logging.getLogger(__name__)
    try:
        warming.warm()
    except (ModelError, DatabaseError) as error:
        log.warning("Search is not ready: %s", error)
    except Exception:  # the site is more than its search, and what is wrong with that shows when somebody searches
        log.exception("Search is not ready")
    connections.close_all()  # requests have other threads, each with its own
    # What is loaded by now stays for good. Else each full collection walks through all of torch: 130 ms in some search.
    gc.collect()
    gc.freeze()
    allocator.trim()
