"""What every installation shares. The environment is read here and in what this imports, and nowhere else."""

import os
import zoneinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from mmsite import env
from mmsite.secret_key import read_or_create_secret_key
from mmsite.settings.api import *  # noqa: F403
from mmsite.settings.logs import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# Everything that this installation keeps lies below one folder, unless set otherwise.
DATA_DIR = env.path("DATA_DIR", BASE_DIR / "var")
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = False
SECRET_KEY = env.text("SECRET_KEY") or read_or_create_secret_key(DATA_DIR / "secret_key")
WEB_ADDRESS = env.address("ADDRESS", "127.0.0.1:8000")
# The supervisor and people at this machine call the site by these, whatever its public names are.
ALLOWED_HOSTS = [*env.items("HOSTS", []), "localhost", "127.0.0.1", "[::1]", WEB_ADDRESS.rpartition(":")[0]]
HTTPS = env.boolean("HTTPS", default=False)
# `.example.com` stands for all names below it here, `*.example.com` there
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' * host.startswith('.')}{host}" for host in ALLOWED_HOSTS if HTTPS and host != "*"
]
# How the site calls itself where no browser asks for it by name, as in mail.
SITE_URL = env.url("SITE_URL", ("http", "https"), "https://gallery.example.com").rstrip("/")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# At home the site speaks plain http, and nobody is sent to where nothing listens.
SECURE_SSL_REDIRECT = env.boolean("HTTPS_REDIRECT", default=HTTPS)
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # which machines ask for from within
SECURE_HSTS_SECONDS = env.whole("HSTS_SECONDS", 3_600 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_SUBDOMAINS", default=False)
# Whether names below the site's own speak https too, and whether browsers are told so for good, isn't ours to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
PROXIES = env.whole("PROXIES", default=1 if HTTPS else 0)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "mmsite.errors.csrf_failure"

INSTALLED_APPS = [
    "mmsite",
    "api",
    "gallery",
    "captioning",
    "reading",
    "search",
    "django_q",
    "mmsite.admin_app.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "mmsite.frames.in_one_piece",
    "mmsite.middleware.head_alone",
    "mmsite.tracing.traced",
    "mmsite.middleware.CompressedPages",
    "django.middleware.security.SecurityMiddleware",
    "mmsite.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mmsite.middleware.kept_private",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gallery.sessions.seen_now_and_then",
    "gallery.sign_in.browsers_known",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mmsite.middleware.not_allowed",
    "mmsite.middleware.KnownErrors",
]

ROOT_URLCONF = "mmsite.urls"
WSGI_APPLICATION = "mmsite.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.i18n",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gallery.context_processors.site",
            ],
        },
    },
]


LOCK_SECONDS = 20  # for which one waits until others have written; then it is a 503


def database(url: str) -> dict[str, Any]:
    """Connection settings for a URL. SQLite gets WAL and IMMEDIATE transactions, so that several processes can write:
    with DEFERRED ones, six writers fail at once with "database is locked" (docs/why.md)."""
    try:
        config: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)}
    except ValueError as error:  # not shown: it may hold a password
        raise ImproperlyConfigured("MMSITE_DATABASE_URL is not such as postgres://user@host:5432/name.") from error
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": LOCK_SECONDS,
            # 64 MB of pages instead of 2, and the file mapped: rows of many pictures are read at random.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456;",
        }
    elif config["ENGINE"] == "django.db.backends.postgresql":
        options = config.setdefault("OPTIONS", {})
        options["options"] = f"-c lock_timeout={LOCK_SECONDS}s {options.get('options', '')}".strip()
    return config


DATABASES = {"default": database(env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "gallery.User"
AUTHENTICATION_BACKENDS = ["gallery.sign_in.PasswordBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "library"
LOGOUT_REDIRECT_URL = "library"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = env.one_of("TIME_ZONE", "UTC", zoneinfo.available_timezones(), "a time zone such as Europe/Berlin")
# What the site speaks: as the browser prefers, unless somebody chooses. Words of English are the keys of the others.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["mmsite.formats"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 31_536_000  # seconds: a year
LANGUAGE_COOKIE_SECURE = HTTPS
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = env.path("MEDIA_DIR", DATA_DIR / "media")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "gallery.storage.DurableFileSystemStorage"},
    "staticfiles": {"BACKEND": "mmsite.static_files.FingerprintedStorage"},
}
# Originals and renditions in a bucket instead of a folder; boto3 itself reads AWS_ACCESS_KEY_ID and the like.
if S3_BUCKET := env.text("S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "gallery.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.url("S3_ENDPOINT", ("http", "https"), "https://s3.example.com") or None,
            "region_name": env.text("S3_REGION") or None,
            "addressing_style": env.one_of(
                "S3_ADDRESSING", "auto", ("auto", "path", "virtual"), "auto, path or virtual"
            ),
            "location": env.text("S3_PREFIX"),
        },
    }
# Where files lie that come piece by piece, until they are pictures; a shared folder where several hosts serve the site.
UPLOADS_DIR = env.path("UPLOADS_DIR", DATA_DIR / "uploads")
UPLOAD_HOURS = env.positive("UPLOAD_HOURS", 24)  # one that doesn't go on for so long is thrown away
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_TEMP_DIR = None
FILE_UPLOAD_HANDLERS = [
    "gallery.upload_handlers.LimitUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# A form may carry a folder of pictures; each file still passes GALLERY_LIMITS.
DATA_UPLOAD_MAX_NUMBER_FILES = 1_000

# The wake-up calls of the worker. They carry no truth (gallery.Stage does), so losing or doubling one is harmless.
Q_CLUSTER: dict[str, Any] = {
    "name": "mmsite",
    "orm": "default",
    "workers": 1,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.2,
    "timeout": 300,
    "retry": 1_000,
    "max_attempts": 3,
    "ack_failures": True,
    "recycle": 1_000_000,
    "save_limit": 20,
    "save_limit_per": "func",  # else the last sweep, the worker's proof of life, is soon forgotten among many uploads
    "catch_up": False,
    "label": "Wake-ups",
}
# In the database unless there is a Redis server.
if REDIS_URL := env.url("REDIS_URL", ("redis", "rediss"), "redis://redis:6379/0"):
    del Q_CLUSTER["orm"]
    Q_CLUSTER["broker_class"] = "mmsite.broker.RedisBroker"

# What is counted and forgotten: in each process unless there is a Redis server.
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "mmsite",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }

# Whether captions and vectors have a queue of their own, and which queues have a worker on this machine.
GPU_QUEUE = env.boolean("GPU_QUEUE", default=False)
ALL_QUEUES = ["default", "models"] if GPU_QUEUE else ["default"]
QUEUES = env.some_of("QUEUES", ALL_QUEUES)

# How workers claim the work on pictures (gallery.stages), and who watches them (mmsite.supervisor).
STAGE_BATCH = 16  # pictures decoded at once
STAGE_ATTEMPTS = 3
STAGE_LEASE_SECONDS = 15  # a dead process is noticed after so long at the latest
STAGE_RETRY_SECONDS = 5  # wait after the first failed attempt; four times as long after each further one
STAGE_POSTPONE_SECONDS = 60  # until a model that is missing is looked for again
WORK_SLICE_SECONDS = 60  # one wake-up works no longer than so, since the sweep waits in the same queue
WATCHDOG_SECONDS = 60  # work that is due and hasn't moved for so long: the worker is restarted

# What `manage.py setup` gives to a fresh installation. Without a password, one is made up and printed.
ADMIN_NAME = env.text("ADMIN_NAME", "admin")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")
SAMPLES = env.boolean("SAMPLES", default=True)

# Days until what was deleted goes for good; 0: when its owner empties the trash.
TRASH_DAYS = env.days("TRASH_DAYS", 30)

# Who may make an account: everybody, whoever has an invitation, or the administrators alone.
SIGN_UP = env.one_of_or_switch(
    "SIGN_UP", "open", ("open", "invited", "closed"), on="open", off="closed", expected="open, invited or closed"
)
INVITATIONS_BY = env.one_of("INVITATIONS_BY", "staff", ("staff", "everybody"), "staff or everybody")
# What each person's originals may take, unless the admin says otherwise of somebody; 0: as much as there is room for.
QUOTA_BYTES = env.whole("QUOTA_MEGABYTES", 0) * 1_000_000

# Without a server for mail the site sends none, and says so.
_email = env.email("EMAIL_URL")
SENDS_MAIL = _email is not None
EMAIL_BACKEND = _email.backend if _email else "django.core.mail.backends.dummy.EmailBackend"
EMAIL_TIMEOUT = 10
if _email:
    EMAIL_HOST, EMAIL_PORT = _email.host, _email.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email.user, _email.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _email.starttls, _email.tls
    EMAIL_FILE_PATH = _email.folder or None
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", f"mmsite@{ALLOWED_HOSTS[0].lstrip('*.') or 'localhost'}")
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60  # seconds for which a link for a new password holds

# What is refused at the door.
GALLERY_LIMITS = {
    "bytes": env.positive("MAX_MEGABYTES", 100) * 1_000_000,
    "pixels": env.positive("MAX_MEGAPIXELS", 120) * 1_000_000,
    "side": env.positive("MAX_SIDE", 30_000),
    "request": env.positive("MAX_REQUEST_MEGABYTES", 4_000) * 1_000_000,
    "frames": env.positive("MAX_FRAMES", 1_000),
    "animation_pixels": env.positive("MAX_ANIMATION_MEGAPIXELS", 600) * 1_000_000,
    "decode_bytes": env.positive("MAX_DECODE_MEGABYTES", 640) * 1_000_000,  # of memory, for one picture
    "decode_seconds": env.positive("MAX_DECODE_SECONDS", 8),  # of processor time, for one picture
    "archive": env.positive("MAX_ARCHIVE_MEGABYTES", 4_000) * 1_000_000,
    "entries": env.positive("MAX_ARCHIVE_FILES", 10_000),
    "table_captions": env.positive("MAX_TABLE_CAPTIONS", 1_000),  # that one request writes
    "open_uploads": 200,  # of one person at once
    "open_bytes": env.positive("MAX_OPEN_UPLOAD_MEGABYTES", 20_000) * 1_000_000,  # of all of those
}
# Pictures from addresses on the web: the site then calls machines that strangers name, so somebody must want it.
URL_IMPORT = env.boolean("URL_IMPORT", default=False)
# Folders of this machine whose new pictures are taken in for somebody: `ada:/photos/ada,grace:/photos/grace`.
WATCH = env.pairs("WATCH", "a list such as ada:/photos/ada,grace:/photos/grace")
# The module that knows the order of the work: see gallery.pipeline.Pipeline.
GALLERY_PIPELINE = "mmsite.pipeline"

CAPTIONER = env.text("CAPTIONER", "builtin")
OTHER_CAPTIONERS = env.items("OTHER_CAPTIONERS", [])  # that people may ask to describe a picture again
ENCODER = env.text("ENCODER", "builtin")
# What reads text in pictures: the extra `text` where it is installed, or "none".
TEXT_READER = env.text("TEXT_READER", "rapidocr" if find_spec("rapidocr") else "none")
DEVICE = env.text("DEVICE", "auto")  # where models run; ml says which there are
RUNTIME = env.text("RUNTIME", "auto")  # what computes them on a CPU, likewise
# Where vectors are searched: in each process, or on a Qdrant server with the former to fall back on.
VECTOR_INDEX: dict[str, Any] = {"BACKEND": "search.backends.faiss.FaissIndex", "OPTIONS": {}}
VECTOR_FALLBACK: dict[str, Any] | None = None
# What people wrote is searched in each process: there is far less of it than pictures.
CAPTION_INDEX = VECTOR_INDEX
if QDRANT_URL := env.url("QDRANT_URL", ("http", "https"), "http://qdrant:6333"):
    VECTOR_FALLBACK = VECTOR_INDEX if env.boolean("QDRANT_FALLBACK", default=True) else None
    VECTOR_INDEX = {
        "BACKEND": "search.backends.qdrant.QdrantIndex",
        "OPTIONS": {
            "url": QDRANT_URL,
            "api_key": env.text("QDRANT_API_KEY"),
            "prefer_grpc": env.boolean("QDRANT_GRPC", default=False),
            "grpc_port": env.positive("QDRANT_GRPC_PORT", 6_334),
            "timeout": env.seconds("QDRANT_TIMEOUT", 10),
            "search_timeout": env.seconds("QDRANT_SEARCH_TIMEOUT", 1),
            "verify": env.text("QDRANT_CA_FILE") or True,
            "prefix": env.text("QDRANT_PREFIX", "mmsite"),
            "quantization": env.one_of(
                "QDRANT_QUANTIZATION", "auto", ("auto", "none", "scalar", "binary"), "auto, none, scalar or binary"
            ),
            # None: by the number of vectors, or as the server has it
            "on_disk": env.boolean("QDRANT_ON_DISK", default=False) if env.text("QDRANT_ON_DISK") else None,
            "shards": env.positive("QDRANT_SHARDS", 0) or None,
            "replicas": env.positive("QDRANT_REPLICAS", 0) or None,
            "write_consistency": env.positive("QDRANT_WRITE_CONSISTENCY", 0) or None,
        },
    }
INDEX_DIR = DATA_DIR / "index"
COMPILED_DIR = DATA_DIR / "compiled"  # networks, as their runtime wants them; made again where it is missing

WEB_WORKERS = env.positive("WEB_WORKERS", 1)
WEB_THREADS = env.positive("WEB_THREADS", 8)
MODEL_THREADS = env.positive("MODEL_THREADS", os.cpu_count() or 1)

# Whether webhooks may be sent to private addresses, by http and to any port, as at home.
WEBHOOKS_PRIVATE = env.boolean("WEBHOOKS_PRIVATE", default=False)

# How often something may be tried or done in how many seconds: gallery.tries.
RATES: dict[str, tuple[int, int] | None] = env.rates(
    "RATES",
    {
        "sign-in": (10, 900),  # wrong passwords for one name from one address, or in a browser that is known
        "sign-in-address": (100, 900),  # from one address, whatever the name
        "sign-in-name": (300, 86_400),  # for one name, in all browsers that aren't known
        "sign-up": (30, 3_600),  # by one address
        "password-reset": (30, 3_600),  # asked for by one address
        "upload": (20_000, 3_600),  # files by one person
        "fetch": (600, 3_600),  # of them, from addresses on the web
    },
)
# How many requests of one caller the API answers in how many seconds: of all kinds, of those who have signed in or
# haven't, and of kinds that cost more.
API_RATES: dict[str, tuple[int, int] | None] = env.rates(
    "API_RATES",
    {
        "burst": (40, 1),
        "anon": (120, 60),
        "user": (1_200, 60),
        "upload": (600, 60),
        "search": (120, 60),
        "caption": (60, 60),
    },
)
# Those who collect /metrics show it; "" leaves the page closed.
METRICS_TOKEN = env.text("METRICS_TOKEN")
WORKER_METRICS_ADDRESS = env.address("WORKER_METRICS_ADDRESS", "")
