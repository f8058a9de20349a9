"""Redis as the broker of wake-ups, with an end to its patience.

django-q2's own class waits for Redis for as long as the operating system does, and its worker gives up when Redis is
down at its start. Here a page waits for four seconds at most, and a worker until Redis is back.
"""

import logging
import time
from functools import cache
from typing import Any

from django.conf import settings
from django_q.brokers.redis_broker import Redis
from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from mmsite.queues import BrokerUnavailable

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0  # longer than the second for which `dequeue` lets Redis wait for a task
AGAIN_SECONDS = 1.0


class RedisBroker(Redis):  # type: ignore[misc]  # django_q has no types
    """A list for each queue. What a worker took and didn't finish is lost: its stages are found by the sweep."""

    _is_down = False

    @staticmethod
    def get_connection(list_key: str | None = None) -> Client:
        return client()

    def enqueue(self, task: str) -> Any:
        """Raises BrokerUnavailable."""
        try:
            return super().enqueue(task)
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error

    def queue_size(self) -> int:
        """Raises BrokerUnavailable."""
        try:
            size: int = super().queue_size()
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error
        return size

    def dequeue(self) -> list[tuple[None, bytes]] | None:
        """In the worker. Waits a while where Redis is down, and says so once."""
        try:
            tasks: list[tuple[None, bytes]] | None = super().dequeue()
        except RedisError as error:
            if not self._is_down:
                logger.warning("Redis doesn't answer (%s); the worker waits for it.", error)
            self._is_down = True
            time.sleep(AGAIN_SECONDS)
            return None
        if self._is_down:
            logger.warning("Redis answers again.")
        self._is_down = False
        return tasks

    def ping(self) -> bool:
        """A worker may start before Redis does: True, whatever it says."""
        return True

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """What `manage.py qmonitor` shows; not worth a line in the log twice a second where Redis is down."""
        try:
            super().set_stat(key, value, timeout)
        except RedisError:
            logger.debug("Redis took no heartbeat", exc_info=True)


@cache
def client() -> Client:
    """This process's connections. No second attempts: the pool itself replaces those that Redis has closed."""
    return Client.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
