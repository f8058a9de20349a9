#!/usr/bin/env python
"""Django's command line for mmsite."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.prod")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"The settings are wrong. {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # as shells say of a program that Ctrl-C ended
