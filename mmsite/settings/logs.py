"""What is logged, and how. No entry has secrets: see mmsite.redaction."""

from mmsite import env

LOG_LEVEL = env.one_of("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "a level such as INFO")
LOG_FORMAT = env.one_of("LOG_FORMAT", "line", ("line", "json"), "line or json")
LOG_REQUESTS = env.boolean("LOG_REQUESTS", default=False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "mmsite.tracing.Context"}},
    "formatters": {
        "line": {
            "()": "mmsite.redaction.Formatter",
            "format": "{asctime} {levelname} {name}: {message}{context}",
            "style": "{",
        },
        "json": {"()": "mmsite.redaction.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["context"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": "INFO"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # what they say at DEBUG are whole requests, signatures and bodies included
        "botocore": {"level": "INFO"},
        "boto3": {"level": "INFO"},
        "s3transfer": {"level": "INFO"},
        "httpcore": {"level": "INFO"},
        "urllib3": {"level": "INFO"},
        "django-q": {"level": "WARNING"},
        "faiss": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
