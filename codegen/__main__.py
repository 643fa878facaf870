"""Finds a Python that has the generator's packages, then runs the command line."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

CANDIDATES = ("/usr/bin/python3", shutil.which("python3"), "/usr/local/bin/python3")
PACKAGES = {"jinja2": "python3-jinja2", "yaml": "python3-yaml", "jsonschema": "python3-jsonschema"}


def missing() -> list[str]:
    return [deb for name, deb in PACKAGES.items() if importlib.util.find_spec(name) is None]


def other_interpreter() -> str | None:
    """A Python beside this one that has every package, if the machine has one."""
    check = "import " + ", ".join(PACKAGES)
    for candidate in CANDIDATES:
        if candidate and os.access(candidate, os.X_OK) \
                and os.path.realpath(candidate) != os.path.realpath(sys.executable):
            found = subprocess.run([candidate, "-c", check], capture_output=True, check=False)
            if found.returncode == 0:
                return candidate
    return None


def main() -> int:
    lacking = missing()
    if lacking:
        candidate = other_interpreter()
        if candidate is None:
            print(f"codegen: {sys.executable} lacks Python packages; "
                  f"install {' '.join(lacking)} and run again", file=sys.stderr)
            return 2
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        os.execve(candidate, [candidate, "-m", "codegen", *sys.argv[1:]],
                  {**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    from codegen import cli
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
