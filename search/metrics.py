"""What search counts, for whoever watches over the site (Prometheus)."""

from prometheus_client import Counter

FALLBACKS = Counter(
    "mmsite_search_fallback", "Searches that the process's own index answered in place of the server's."
)
