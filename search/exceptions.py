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
