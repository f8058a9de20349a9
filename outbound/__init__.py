"""HTTP to machines that strangers name, so that none of ours is asked, and none can hold us up or fill us up.

A plain library: it knows of no site and no data set. A name is looked up once, every number behind it must be public,
and the connection goes to one of those very numbers: a name that leads elsewhere a moment later gains nothing. No
cookies, no proxies, no passwords. A redirect is told, never followed: whoever follows it asks anew, and all is checked
anew.

| module | its part |
|---|---|
| addresses | what an address says, and which numbers stand behind its host |
| asking | one request and its answer, under one deadline for everything |
| exceptions | why there is no answer |
"""

from outbound.addresses import Address, parse
from outbound.asking import Answer, ask
from outbound.exceptions import Kind, NoAnswer

__all__ = ["Address", "Answer", "Kind", "NoAnswer", "ask", "parse"]
