"""How the work on many pictures is put into words."""

from django import template

from gallery.jobs import Jobs, StepJobs
from gallery.models import Pause
from gallery.pauses import EVERYTHING, pauses
from gallery.templatetags.gallery import STEP_LABELS

register = template.Library()


@register.filter
def step_name(step: str) -> str:
    """What people call a step: "Caption"."""
    return STEP_LABELS.get(step, step.capitalize())


@register.filter
def step_numbers(step: StepJobs) -> str:
    """ "3 waiting, 1 running, 5 done, 0 failed"."""
    return f"{step.waiting:,} waiting, {step.running:,} running, {step.done:,} done, {step.failed:,} failed"


@register.filter
def step_pace(step: StepJobs) -> str:
    """How fast it goes and how long it takes; "" where nothing moves."""
    if step.rate is None:
        return ""
    rate = f"{step.rate:,.0f}" if step.rate >= 1 else f"{step.rate:.1f}"
    return f"{rate} a minute, {step.time_left} left" if step.time_left else f"{rate} a minute"


@register.filter
def work_summary(jobs: Jobs) -> str:
    """How the work stands, in a sentence."""
    if not (jobs.waiting or jobs.running):
        if jobs.failed:
            return f"Nothing is waiting; {jobs.failed:,} failed."
        return "All is done."
    numbers = f"{jobs.waiting:,} waiting, {jobs.running:,} running, {jobs.failed:,} failed"
    return f"{numbers}; {jobs.time_left} left." if jobs.time_left else f"{numbers}."


@register.simple_tag
def paused_work() -> list[Pause]:
    """What is paused; one SQL statement."""
    return pauses()


@register.filter
def is_everything(pause: Pause) -> bool:
    return pause.step == EVERYTHING
