"""How the work on many pictures is put into words."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from gallery.jobs import Jobs, StepJobs
from gallery.models import Pause
from gallery.pauses import EVERYTHING, pauses
from gallery.wording import grouped, step_name

register = template.Library()


register.filter(step_name)


@register.filter
def step_numbers(step: StepJobs) -> str:
    """ "3 waiting, 1 running, 5 done, 0 failed"; "10,000+ done" where nobody counted further."""
    return _("%(waiting)s waiting, %(running)s running, %(done)s done, %(failed)s failed") % {
        "waiting": grouped(step.waiting),
        "running": grouped(step.running),
        "done": grouped(step.done, is_exact=step.is_done_exact),
        "failed": grouped(step.failed),
    }


@register.filter
def step_pace(step: StepJobs) -> str:
    """How fast it goes and how long it takes; "" where nothing moves."""
    if step.rate is None:
        return ""
    digits = 0 if step.rate >= 1 else 1
    rate = number_format(round(step.rate, digits), decimal_pos=digits, force_grouping=True)
    if step.time_left:
        return _("%(rate)s a minute, %(time)s left") % {"rate": rate, "time": step.time_left}
    return _("%(rate)s a minute") % {"rate": rate}


@register.filter
def work_summary(jobs: Jobs) -> str:
    """How the work stands, in a sentence."""
    if not (jobs.waiting or jobs.running):
        if jobs.failed:
            return _("Nothing is waiting; %(failed)s failed.") % {"failed": grouped(jobs.failed)}
        return _("All is done.")
    numbers = {"waiting": grouped(jobs.waiting), "running": grouped(jobs.running), "failed": grouped(jobs.failed)}
    if jobs.time_left:
        return _("%(waiting)s waiting, %(running)s running, %(failed)s failed; %(time)s left.") % {
            **numbers,
            "time": jobs.time_left,
        }
    return _("%(waiting)s waiting, %(running)s running, %(failed)s failed.") % numbers


@register.simple_tag
def paused_work() -> list[Pause]:
    """What is paused; one SQL statement."""
    return pauses()


@register.filter
def is_everything(pause: Pause) -> bool:
    return pause.step == EVERYTHING
