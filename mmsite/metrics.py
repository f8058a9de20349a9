"""What whoever watches over the site wants to know, in Prometheus' terms, of this web process and of the database.

Counters are this process's own; with several web processes, the next reading may come from another one.
"""

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import Gauge, generate_latest

from gallery import stages
from search import index, pushing

__all__ = ["CONTENT_TYPE", "measure"]

BREAKER = Gauge("mmsite_index_breaker_open", "1 while the search server counts as down.")
LAG = Gauge("mmsite_index_lag_changes", "Changes that the search server has yet to take in.", ["version"])
STEPS = Gauge("mmsite_steps", "Steps of the work on pictures.", ["state"])


def measure() -> bytes:
    """All metrics, as of now, as text."""
    BREAKER.set(index.is_server_down())
    LAG.clear()
    for version, lag in pushing.lags().items():
        LAG.labels(version=version.key).set(lag)
    counts = stages.counts()
    for state in ("waiting", "running", "failed"):
        STEPS.labels(state=state).set(getattr(counts, state))
    return generate_latest()
