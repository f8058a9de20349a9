"""How static files are kept for browsers: under names with a fingerprint of what is in them, and compressed."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class FingerprintedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no types
    """Also those that scripts import, by rewriting the imports: else, after an update, new scripts would get old parts
    out of a browser's cache. Each name is kept for ever, since what is behind it never changes."""

    support_js_module_import_aggregation = True
