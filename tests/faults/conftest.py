"""Pictures that have been embedded, as the tests of search have them."""

from tests.search.conftest import _fresh, embed, embedded, version

__all__ = ["_fresh", "embed", "embedded", "version"]
