"""Settings of the worker and web processes that tests start: short waits, and a captioner that can hang and kill."""

from typing import Any

from ml import registry
from mmsite import env
from mmsite.settings.test import *  # noqa: F403
from mmsite.settings.test import Q_CLUSTER
from tests.mmsite.deadly import DeadlyCaptioner

STAGE_LEASE_SECONDS = 1
STAGE_RETRY_SECONDS = 1
WATCHDOG_SECONDS = env.positive("TEST_WATCHDOG_SECONDS", 4)
Q_CLUSTER: dict[str, Any] = {
    **Q_CLUSTER,
    "name": env.text("TEST_SITE", "mmsite"),
    "poll": 0.05,
    "guard_cycle": 0.1,
    "timeout": env.positive("TEST_TASK_SECONDS", 300),
}

registry.captioners = registry.Registry("captioner", named={"fake": DeadlyCaptioner}, families={})
