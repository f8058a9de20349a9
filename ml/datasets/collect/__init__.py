"""Pictures from the web, from lists of addresses or from search pages, into an image folder.

Each picture that is wanted ends as exactly one of two: kept, in the image folder's metadata, or dropped with a reason,
in the journal and the report. A run may be killed at any moment and started again.

| module | its part |
|---|---|
| limits | how large, how slow, how often, how many at once |
| request | one HTTP request (see `outbound`), and why nothing came of it |
| pictures | whether what came is a picture, whole and of a fit size |
| turns | which host may be asked when |
| robots | what a host's robots.txt allows |
| downloads | threads that fetch what is wanted: redirects, retries |
| journal, collection | what became of each, kept through a kill -9 |
| report | what was dropped and why |
| conceptual_captions | the list of Conceptual Captions |
| queries, sites, browser, scrape | search pages in a real browser |
"""
