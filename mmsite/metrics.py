"""What whoever watches over the site wants to know, in Prometheus' terms."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gallery import stages
from gallery.storage import base_of, is_local
from mmsite import instruments, queues
from search import index, pushing

__all__ = ["CONTENT_TYPE", "measure"]


class _State(Collector):
    """What is the case, as the database, the disk and this process have it."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "mmsite_index_breaker_open", "1 while the search server counts as down.", index.is_server_down()
        )
        lags = GaugeMetricFamily(
            "mmsite_index_lag_changes", "Changes that the search server has yet to take in.", labels=["version"]
        )
        for version, lag in pushing.lags().items():
            lags.add_metric([version.key], lag)
        yield lags
        counts = stages.counts()
        steps = GaugeMetricFamily("mmsite_steps", "Steps of the work on pictures.", labels=["state"])
        for state in ("waiting", "running", "failed"):
            steps.add_metric([state], getattr(counts, state))
        yield steps
        now = timezone.now()
        oldest = GaugeMetricFamily(
            "mmsite_steps_oldest_seconds", "For how long the oldest step that is due has been so.", labels=["step"]
        )
        for step, due_at in stages.oldest_due(now=now).items():
            oldest.add_metric([step], (now - due_at).total_seconds())
        yield oldest
        age = GaugeMetricFamily("mmsite_sweep_age_seconds", "Since a worker last finished its sweep.", labels=[])
        if swept := queues.last_sweep():
            age.add_metric([], (now - swept).total_seconds())
        yield age
        yield self._room()

    def _room(self) -> Metric:
        room = GaugeMetricFamily("mmsite_disk_free_bytes", "Room on the disks of this host.", labels=["folder"])
        folders = {"data": settings.DATA_DIR} | ({"pictures": settings.MEDIA_ROOT} if is_local() else {})
        for name, folder in folders.items():
            room.add_metric([name], shutil.disk_usage(base_of(Path(folder))[0]).free)
        return room


def measure() -> bytes:
    """All metrics, as of now, as text."""
    state = CollectorRegistry(auto_describe=False)
    state.register(_State())
    return generate_latest(state) + generate_latest(instruments.counted())
