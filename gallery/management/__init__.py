"""Commands of the gallery, and what the commands of all apps share."""

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C: 128 + SIGINT
