"""Says whether this installation is well, and what to do where it is not."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from mmsite import checkup


class Command(BaseCommand):
    """`manage.py doctor`"""

    help = "Checks database, pictures, models, worker, work and index. Exit code 1 when something is wrong."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        is_well = True
        for finding in checkup.examine():
            is_well &= finding.is_well
            mark = self.style.SUCCESS("ok   ") if finding.is_well else self.style.ERROR("wrong")
            self.stdout.write(f"{mark} {finding.subject}: {finding.sentence}")
            if finding.advice:
                self.stdout.write(f"      -> {finding.advice}")
        if not is_well:
            sys.exit(1)
