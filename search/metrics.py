"""What search counts, for whoever watches over the site (Prometheus)."""

from prometheus_client import Counter, Histogram

FALLBACKS = Counter(
    "mmsite_search_fallback", "Searches that the process's own index answered in place of the server's."
)
SEARCHES = Histogram("mmsite_search_seconds", "Searches, from the box's text to the pictures.")
ENCODINGS = Histogram("mmsite_encode_seconds", "Calls of the encoder, each for some texts or pictures.", ["of"])
DRIFT = Counter("mmsite_index_drift_points", "Points in which the search server differed from the table, and repaired.")
