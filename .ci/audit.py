"""Asks an advisory service whether a package in constraints.txt is known to be unsafe; exit code 1 where one is.

Where the service can't be reached, that is said and no error: a build without internet tells nothing about packages.
What is given is handed on to pip-audit, such as `--ignore-vuln ID` for what can't be mended yet.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
COMMAND = [
    *(sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--disable-pip", "--no-deps"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "10"),
]


def verdict(output: str, error: str = "") -> tuple[bool, list[str]]:
    """(whether all is well, lines for people) of what pip-audit wrote to its two streams."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        reason = (error.strip().splitlines() or ["it said nothing"])[-1]
        return True, [f"Nothing was audited, since pip-audit couldn't ask: {reason}"]
    unsafe = [
        f"{package['name']} {package['version']}: {advisory['id']}, mended in "
        f"{', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package in packages
        for advisory in package.get("vulns", [])
    ]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return True, ["Nothing was audited: the advisory service doesn't answer here, or knows none of the packages."]
    said = f"{len(asked)} of {len(packages)} packages were audited, {len(unsafe)} advisories found."
    return not unsafe, [*unsafe, said]


def main(options: Sequence[str]) -> int:
    asked = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)  # noqa: S603
    is_well, lines = verdict(asked.stdout, asked.stderr)
    print("\n".join(lines))  # noqa: T201
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
