"""How gunicorn serves the site: `gunicorn -c python:mmsite.gunicorn_conf mmsite.wsgi`.

One process unless told otherwise, since each holds the text tower and the index in memory; threads, since requests
wait for disk and database, and torch and FAISS release the lock. Nothing is loaded before the fork (no preload): torch
hangs after one.
"""

import gc
import logging
from typing import Any

from django.conf import settings

from mmsite import lifeline

bind = settings.WEB_ADDRESS
workers = settings.WEB_WORKERS
worker_class = "gthread"
threads = settings.WEB_THREADS
timeout = 120
graceful_timeout = 5
preload_app = False
accesslog = None
loglevel = "warning"
control_socket_disable = True


def on_starting(server: Any) -> None:
    """In the master, before anything else."""
    lifeline.follow()


def post_worker_init(worker: Any) -> None:
    """In the worker, before its first request: the first query must not wait for the model."""
    from django.db import DatabaseError

    from ml.errors import ModelError
    from search import engine, index

    try:
        engine.warm()
        index.get_indexes()
    except (ModelError, DatabaseError) as error:
        logging.getLogger(__name__).warning("Search is not ready: %s", error)
    # What is loaded by now stays for good. Else each full collection walks through all of torch: 130 ms in some search.
    gc.collect()
    gc.freeze()
