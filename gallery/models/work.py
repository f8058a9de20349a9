"""The state of the work on each picture."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models.images import Image
from gallery.models.people import User
from gallery.wording import step_name


class Stage(models.Model):
    """One step of the work on one picture, by one model: the durable queue that workers claim from.

    See gallery.stages for every transition.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        SKIPPED = "skipped"

    class Priority(models.IntegerChoices):
        INTERACTIVE = 0
        BACKFILL = 1
        LATER = 2

    OPEN = (State.PENDING, State.RUNNING)
    UNDONE = (*OPEN, State.FAILED)

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="stages")
    step = models.CharField(max_length=20)
    model = models.CharField(
        max_length=300, blank=True, help_text=_("The model (version) that does it, where one does.")
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.INTERACTIVE)
    due_at = models.DateTimeField(default=timezone.now, help_text=_("Not to be tried before."))
    attempts = models.PositiveSmallIntegerField(default=0, help_text=_("Counted before the work."))
    claimed_by = models.CharField(max_length=100, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True, help_text=_("The claim is void after this."))
    error = models.TextField(blank=True, help_text=_("Why the last attempt failed, for people."))
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["image", "step", "model"], name="stage_once_per_image_and_model"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "priority", "due_at", "id"], name="stage_next"),
            models.Index(fields=["step", "state", "priority", "due_at", "id"], name="stage_next_of_step"),
            models.Index(fields=["state", "-finished_at"], name="stage_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.image}, {step_name(self.step)}: {self.get_state_display()}"


class Pause(models.Model):
    """A step that workers leave alone until somebody resumes it; "" for all steps. See gallery.pauses."""

    step = models.CharField(max_length=20, unique=True, blank=True)
    paused_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    paused_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        """What is paused, as people call it."""
        return step_name(self.step) if self.step else str(_("everything"))
