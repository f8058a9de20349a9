"""Everything that search raises on purpose."""

from ml.errors import ModelError


class SearchError(Exception):
    """Root of the errors of search; its text is a sentence for people."""


class SearchNotReady(SearchError):
    """There is no model version or no index to search with yet."""


class ModelChanged(SearchError, ModelError):
    """The model of that name on this machine is not the one that made the version's vectors."""


class BadVector(SearchError):
    """A vector has the wrong length, has no direction, or holds values that are not finite."""


class VersionUnknown(SearchError):
    """There is no model version of that name, or more than one, or it was removed meanwhile."""


class VersionRefused(SearchError):
    """A model version can't be added, built, activated, rolled back to or removed as things are."""


class JudgementRefused(SearchError):
    """There is nothing to judge: no words or pictures were asked for, or the picture is not the person's to see."""


class SearchNotSaved(SearchError):
    """There is nothing to search for, it is too long to be kept, or as many are kept as can be."""


class NoHeat(SearchError):
    """There is no heat map of this picture for these words."""
