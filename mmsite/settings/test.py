"""For the tests: everything below a folder of this run, the fake models, quick password hashes."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "MMSITE_DATA_DIR" not in os.environ:  # the first process of a run; the others inherit its folder
    os.environ["MMSITE_DATA_DIR"] = tempfile.mkdtemp(prefix="mmsite-test-")
    atexit.register(shutil.rmtree, os.environ["MMSITE_DATA_DIR"], ignore_errors=True)
os.environ.setdefault("MMSITE_CAPTIONER", "fake")
os.environ.setdefault("MMSITE_ENCODER", "fake")
os.environ.setdefault("MMSITE_TEXT_READER", "none")

from mmsite.settings.base import *  # noqa: F403
from mmsite.settings.base import DATA_DIR, DATABASES, STATIC_ROOT, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns where it is missing
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# A file, not memory: the real worker processes of the tests open it too.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    DATABASES["default"]["TEST"] = {"NAME": str(Path(DATA_DIR) / f"test-{worker}.sqlite3")}
else:  # no test pulls the plug
    DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"
