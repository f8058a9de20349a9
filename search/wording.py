"""How models are put into words."""

from django.utils.translation import gettext_lazy as _

from search.models import ModelVersion

STATES = {
    ModelVersion.State.ADDED: _("added"),
    ModelVersion.State.BUILDING: _("building"),
    ModelVersion.State.ACTIVE: _("active"),
    ModelVersion.State.RETIRED: _("retired"),
}


def state_word(version: ModelVersion) -> str:
    """The state of a version, in a word."""
    return str(STATES[ModelVersion.State(version.state)])
