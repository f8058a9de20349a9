"""The work on many pictures: how it stands, and what may be done about it."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiView, person_of
from api.fields import read_body
from api.serializers.jobs import JobsSerializer, StepSaidSerializer, ToldSerializer
from gallery.failures import work_retry
from gallery.jobs import Scope, jobs
from gallery.pauses import work_pause, work_resume


class Jobs(ApiView):
    """The work on one's own pictures."""

    @extend_schema(operation_id="jobs_retrieve", responses=JobsSerializer)
    def get(self, request: Request) -> Response:
        """How the work on your pictures stands, step by step."""
        return Response(JobsSerializer(jobs(Scope(owner=person_of(request)))).data)


class RetryJobs(ApiView):
    """Work that failed."""

    @extend_schema(operation_id="jobs_retry", request=StepSaidSerializer, responses=ToldSerializer)
    def post(self, request: Request) -> Response:
        """Has what failed on your pictures tried again, of one step or all; how much that is."""
        person, said = person_of(request), read_body(request, StepSaidSerializer)
        return Response({"changed": work_retry(scope=Scope(owner=person, step=said["step"]), person=person)})


class _OfStaff(ApiView):
    staff_may: ClassVar[str] = "gallery.change_pause"
    scopes: ClassVar[dict[str, str]] = {"get": "admin", "post": "admin"}


class AllJobs(_OfStaff):
    """The work on everybody's pictures."""

    staff_may: ClassVar[str] = "gallery.view_stage"

    @extend_schema(operation_id="jobs_all", responses=JobsSerializer)
    def get(self, request: Request) -> Response:
        """How the work on everybody's pictures stands."""
        return Response(JobsSerializer(jobs(Scope())).data)


class Pause(_OfStaff):
    """Work that waits."""

    @extend_schema(operation_id="jobs_pause", request=StepSaidSerializer, responses=ToldSerializer)
    def post(self, request: Request) -> Response:
        """Lets a step wait, or everything; workers finish what they have begun. 0 where it waited already."""
        step = read_body(request, StepSaidSerializer)["step"]
        return Response({"changed": int(work_pause(step=step, person=person_of(request)))})


class Resume(_OfStaff):
    """Work that goes on."""

    @extend_schema(operation_id="jobs_resume", request=StepSaidSerializer, responses=ToldSerializer)
    def post(self, request: Request) -> Response:
        """Lets a step, or everything, go on. 0 where it wasn't paused."""
        step = read_body(request, StepSaidSerializer)["step"]
        return Response({"changed": int(work_resume(step=step, person=person_of(request)))})
