"""The life of model versions: added, built in the shadow of the one that searches use, activated, rolled back, removed.

Whatever was asked for last counts. So at most one version that is being built takes over by itself, and none does any
more once somebody has activated another by hand or rolled back.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import stages
from gallery.models import Stage
from gallery.pipeline import get_pipeline
from gallery.wording import grouped
from ml.errors import ModelError
from ml.interfaces import ImageTextEncoder
from search import cursors, engine, factory, selectors
from search.backends.exceptions import VectorIndexError
from search.exceptions import VersionRefused, VersionUnknown
from search.models import CaptionEmbedding, Embedding, ModelVersion

State = ModelVersion.State

# Rows that are deleted in one transaction, so that nobody waits long for the end of it.
DELETED_AT_ONCE = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Added:
    """A version that somebody named, and whether it was new."""

    version: ModelVersion
    is_new: bool


# Reads


def version_named(text: str) -> ModelVersion:
    """The version of that number, key, name or beginning of a key. Raises VersionUnknown where not exactly one is."""
    everything = ModelVersion.objects.order_by("pk")
    candidates = [everything.filter(key=text), everything.filter(name=text), everything.filter(key__startswith=text)]
    if text.isascii() and text.isdigit():
        candidates.insert(0, everything.filter(pk=int(text)))
    found: list[ModelVersion] = []
    for candidate in candidates if text else []:
        found = list(candidate) or found
        if len(found) == 1:
            return found[0]
    if found:
        several = ", ".join(f"{version.pk} ({version.key})" for version in found)
        told = _("“%(name)s” can be any of %(several)s: give one's number.")
        raise VersionUnknown(told % {"name": text, "several": several})
    told = _("There is no model version “%(name)s”; `manage.py models list` shows those there are.")
    raise VersionUnknown(told % {"name": text})


def previous_version() -> ModelVersion | None:
    """The version that searches used before this one and that still has vectors: where a rollback goes."""
    has_vectors = Exists(Embedding.objects.filter(model_version=OuterRef("pk"), vector__isnull=False))
    used_before = ModelVersion.objects.exclude(state=State.ACTIVE).filter(has_vectors, activated_at__isnull=False)
    return used_before.order_by("-activated_at", "-pk").first()


def is_setting_followed() -> bool:
    """Whether the version of the encoder that the setting names is known, and searches have one to use."""
    last = _last_configured()
    return last is not None and last.name == settings.ENCODER and _active().exists()


def why_not_removed(version: ModelVersion) -> str:
    """Why a version has to stay, in a sentence; "" where it can go."""
    if version.state == State.ACTIVE:
        told = _("Searches use %(version)s: activate another version before this one is removed.")
        return told % {"version": version.key}
    if version == _last_configured() and version.name == settings.ENCODER:
        told = _("MMSITE_ENCODER names %(version)s, which would be built again: let it name another model first.")
        return told % {"version": version.key}
    return ""


def lag_of_server(version: ModelVersion) -> int:
    """How many changes the index on a server lacks; 0 where there is no server, or what it lacks is hardly noticed."""
    if not factory.is_shared():
        return 0
    current = ModelVersion.objects.select_related("cursor").get(pk=version.pk)
    return cursors.lag(current) if cursors.is_far_behind(current) else 0


# Writes


def model_version_ensure() -> ModelVersion:
    """Register the configured encoder and, each time that the setting comes to name another, have it take over.

    It becomes active at once where no version is; else it is built in the shadow of the active one, until
    `model_version_activate_when_covered` flips it. As long as the setting stays what it is, nothing changes, so that
    this undoes neither a rollback nor an activation by hand. Raises an error of ml.errors where the model can't be
    loaded.
    """
    encoder = engine.configured_encoder()
    last = _last_configured()
    if last is not None and (last.key, last.name) == (encoder.info.key, settings.ENCODER) and _active().exists():
        return last  # the usual case takes no lock
    with transaction.atomic():
        _lock()
        version = _registered(encoder, settings.ENCODER).version
        is_news = version != _last_configured()
        if is_news:
            version.configured_at = timezone.now()
            _let_none_take_over()
        if not _active().exists():
            _activate(version)
        elif is_news and version.state != State.ACTIVE:
            version.state, version.activates_itself = State.BUILDING, True
        version.save(update_fields=["state", "activates_itself", "configured_at", "activated_at"])
    return version


def model_version_activate_when_covered() -> ModelVersion | None:
    """Let searches use the version that was built to take over, if it has its vectors by now; returns it if so.

    The one that was active is retired; its vectors stay, so that a rollback flips back.
    """
    waiting = ModelVersion.objects.filter(state=State.BUILDING, activates_itself=True).order_by("pk").first()
    if waiting is None or not selectors.coverage(version=waiting).is_complete or lag_of_server(waiting):
        return None
    if waiting.awaits_captions:  # not for long: they are next
        return None
    try:
        _check_usable(waiting)
    except VersionRefused as problem:
        logger.warning("%s has its vectors, but does not take over: %s", waiting, problem)
        return None
    with transaction.atomic():
        _lock()
        version = ModelVersion.objects.filter(pk=waiting.pk, state=State.BUILDING, activates_itself=True).first()
        return version and _switch_to(version)


def model_version_add(*, name: str) -> Added:
    """Register the encoder of that name (a hub id, a folder, `builtin`); nothing is embedded with it yet.

    Raises VersionRefused, or an error of ml.errors where it can't be loaded.
    """
    encoder = engine.encoder_named(name)
    if encoder.info.revision == "local":  # a folder; other processes may run elsewhere
        name = str(Path(name).expanduser().absolute())
    if len(name) > (longest := ModelVersion._meta.get_field("name").max_length or 0):
        told = _("The name %(name)s is too long: %(longest)s letters are allowed.")
        raise VersionRefused(told % {"name": name, "longest": longest})
    with transaction.atomic():
        _lock()
        return _registered(encoder, name)


def model_version_build(*, version: ModelVersion, activates_itself: bool = False) -> ModelVersion:
    """Have the worker embed every picture with this version, after whatever people wait for; goes on after any stop.

    `activates_itself`: searches use it once it has its vectors, and no other that is being built takes over. Raises
    VersionRefused where it is active or its model can't be loaded, VersionUnknown where it is gone.
    """
    _check_usable(version)
    with transaction.atomic():
        version = _locked(version)
        if version.state == State.ACTIVE:
            told = _("Searches use %(version)s already, and its pictures are embedded as they come.")
            raise VersionRefused(told % {"version": version.key})
        if activates_itself:
            _stop_taking_over()
        is_going_on = version.state == State.BUILDING and version.activates_itself
        version.state, version.activates_itself = State.BUILDING, activates_itself or is_going_on
        version.save(update_fields=["state", "activates_itself"])
    _start_work()
    return version


def model_version_activate(*, version: ModelVersion, force: bool = False) -> ModelVersion:
    """Let searches use this version from now on; the one that was active is retired, with its vectors.

    Raises VersionRefused where it is active, lacks vectors (unless forced), or its model can't be loaded (forced or
    not: there would be no search), VersionUnknown where it is gone.
    """
    if version.state == State.ACTIVE:
        raise VersionRefused(_("Searches use %(version)s already.") % {"version": version.key})
    if not force and (problem := _why_not_covered(version)):
        raise VersionRefused(problem)
    return _switch_by_hand(version)


def model_version_roll_back() -> ModelVersion:
    """Let searches use the version again that they used before; the next rollback flips forth.

    Pictures that came since are embedded from now on. Raises VersionRefused where there is no such version or its
    model can't be loaded, VersionUnknown where it was removed meanwhile.
    """
    version = previous_version()
    if version is None:
        raise VersionRefused(_("There is nothing to roll back to: no other version that searches used has vectors."))
    return _switch_by_hand(version)


def model_version_remove(*, version: ModelVersion) -> None:
    """Delete a version with its vectors, piece by piece; one that is being built stops. Interrupted, it goes on when
    it is called again. Raises VersionRefused, see `why_not_removed` (or where it was activated or built meanwhile), or
    VersionUnknown where it is gone."""
    with transaction.atomic():
        version = _locked(version)
        if problem := why_not_removed(version):
            raise VersionRefused(problem)
        # From here on nobody embeds with it, and a rollback doesn't end on half of it.
        version.state, version.activates_itself, version.activated_at = State.RETIRED, False, None
        version.save(update_fields=["state", "activates_itself", "activated_at"])
    _delete_in_pieces(Embedding.objects.filter(model_version=version))
    _delete_in_pieces(CaptionEmbedding.objects.filter(model_version=version))
    # A step that is done for it would not be done again, should the model come back.
    _delete_in_pieces(Stage.objects.filter(step=selectors.EMBEDDING_STEP, model=version.key))
    _drop_index(version)
    with transaction.atomic():
        if _locked(version).state != State.RETIRED:
            told = _("Version %(version)s was taken up again meanwhile; the vectors that it had are gone.")
            raise VersionRefused(told % {"version": version.key})
        ModelVersion.objects.filter(pk=version.pk).delete()  # with what a worker that was at it has written since


# Parts of these


def _active() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(state=State.ACTIVE)


def _last_configured() -> ModelVersion | None:
    configured = ModelVersion.objects.filter(configured_at__isnull=False)
    return configured.order_by("-configured_at", "-pk").first()


def _lock() -> None:
    """Whoever changes the state of any version waits for whoever else does."""
    list(ModelVersion.objects.select_for_update().order_by("pk").values_list("pk", flat=True))


def _locked(version: ModelVersion) -> ModelVersion:
    """The version as it is now. Raises VersionUnknown."""
    _lock()
    found = ModelVersion.objects.filter(pk=version.pk).first()
    if found is None:
        raise VersionUnknown(_("Version %(version)s was removed meanwhile.") % {"version": version.key})
    return found


def _registered(encoder: ImageTextEncoder, name: str) -> Added:
    """The version of an encoder, which `name` loads from now on."""
    info = encoder.info
    version, is_new = ModelVersion.objects.get_or_create(
        key=info.key,
        defaults={
            "name": name,
            "revision": info.revision,
            "weights_hash": info.weights_hash,
            "preprocessing": info.preprocessing,
            "dimension": encoder.dimension,
            "state": State.ADDED,
        },
    )
    if version.name != name:  # a folder that was moved, say
        version.name = name
        version.save(update_fields=["name"])
    return Added(version, is_new)


def _let_none_take_over() -> None:
    """Whoever configured another encoder no longer wants the one that was to take over before."""
    taking_over = ModelVersion.objects.filter(state=State.BUILDING, activates_itself=True)
    taking_over.update(state=State.RETIRED, activates_itself=False)


def _stop_taking_over() -> None:
    ModelVersion.objects.filter(activates_itself=True).update(activates_itself=False)


def _activate(version: ModelVersion) -> None:
    version.state, version.activates_itself, version.activated_at = State.ACTIVE, False, timezone.now()


def _switch_to(version: ModelVersion) -> ModelVersion:
    """Within a transaction, so that whoever asks which version is active is told the one or the other."""
    if version.state != State.ACTIVE:
        _active().update(state=State.RETIRED)
        _activate(version)
        version.save(update_fields=["state", "activates_itself", "activated_at"])
    return version


def _switch_by_hand(version: ModelVersion) -> ModelVersion:
    """What somebody asked for now outlives every build that was to take over. Raises VersionRefused where its model
    can't be loaded, VersionUnknown where it is gone."""
    _check_usable(version)
    with transaction.atomic():
        version = _switch_to(_locked(version))
        _stop_taking_over()
    _start_work()
    return version


def _check_usable(version: ModelVersion) -> None:
    """Raises VersionRefused where this machine can't turn words into the version's vectors."""
    try:
        engine.warm(version)
    except ModelError as error:
        told = _("Version %(version)s can't be used on this machine: %(error)s")
        raise VersionRefused(told % {"version": version.key, "error": error}) from error


def _why_not_covered(version: ModelVersion) -> str:
    """Why searches would not find every picture by this version, in a sentence; "" where they would."""
    coverage = selectors.coverage(version=version)
    if not coverage.is_complete:
        told = _("Version %(version)s has the vectors of %(embedded)s of %(pictures)s pictures.")
        if coverage.given_up:
            told = _("Version %(version)s has the vectors of %(embedded)s of %(pictures)s pictures; %(failed)s failed.")
        numbers = {"embedded": coverage.embedded, "pictures": coverage.pictures, "failed": coverage.given_up}
    elif lag := lag_of_server(version):
        told, numbers = _("The search server lacks %(lag)s changes of version %(version)s."), {"lag": lag}
    else:
        return ""
    advice = _("Build it first, or force it, and searches won't find the others for a while.")
    if version.state == State.BUILDING:
        advice = _("Wait until it is built, or force it, and searches won't find the others for a while.")
    words = {name: grouped(number) for name, number in numbers.items()}
    return f"{told % {'version': version.key, **words}} {advice}"


def _start_work() -> None:
    """Open what the pictures lack now, rather than with the next sweep, and have the server's index brought level."""
    stages.sweep()
    get_pipeline().wake()


def _delete_in_pieces(rows: "QuerySet[Embedding] | QuerySet[CaptionEmbedding] | QuerySet[Stage]") -> None:
    while ids := list(rows.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        rows.filter(pk__in=ids).delete()


def _drop_index(version: ModelVersion) -> None:
    """An index on a server would stay behind; those in memory and their snapshots go by themselves."""
    if not factory.is_shared():
        return
    try:
        factory.create(version).drop()
    except VectorIndexError as error:
        logger.warning("The index of %s stays on the server, where it can be removed by hand: %s", version, error)
