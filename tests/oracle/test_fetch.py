# SPDX-License-Identifier: MIT
"""fetch: which apt sources it derives, which packages it takes for a kernel, and what it refuses.

No network and no apt: the archive is a list of packages made up here.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FETCH = Path(__file__).resolve().parent / "fetch"


def load() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("rota_fetch", str(FETCH))
    spec = importlib.util.spec_from_loader("rota_fetch", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rota_fetch"] = module
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


fetch = load()

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 key
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://other.invalid/
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://off.invalid/debian bookworm main
deb-src http://mirror.invalid/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.invalid/debian bookworm main contrib
deb http://mirror.invalid/debian-security bookworm-security main
deb http://stranger.invalid/thing stable main
"""


def machine(tmp_path: Path, name: str, text: str) -> dict[str, object]:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text, encoding="utf-8")
    sources: dict[str, object] = fetch.machine_sources(tmp_path, "bookworm")
    return sources


def test_deb822_sources(tmp_path: Path) -> None:
    sources = machine(tmp_path, "debian.sources", DEB822)
    assert sources[""] == fetch.Source("http://mirror.invalid/debian", "",
                                       "/usr/share/keyrings/archive.gpg")
    entries = fetch.entries_for(sources)
    assert "Suites: trixie-backports\n" in entries
    assert "URIs: http://mirror.invalid/debian-security\nSuites: trixie-security\n" in entries
    assert "-----BEGIN PGP" in entries
    assert "other.invalid" not in entries
    assert entries.count("Suites: sid\n") == 1


def test_one_line_sources(tmp_path: Path) -> None:
    sources = machine(tmp_path, "debian.list", ONE_LINE)
    assert sources == {
        "": fetch.Source("http://mirror.invalid/debian", "", "/k.gpg"),
        "-security": fetch.Source("http://mirror.invalid/debian-security", "-security", ""),
    }


def test_no_source_of_this_release(tmp_path: Path) -> None:
    with pytest.raises(fetch.CannotFetch, match="no apt source"):
        machine(tmp_path, "debian.list", "deb http://stranger.invalid/thing stable main\n")


def test_sources_of_older_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists outlive packages: what the newest suite no longer hands out may be had of an older one."""
    asked = []

    def source(self: Any, package: str, target: Path) -> None:
        asked.append(self.source_suite)
        if self.source_suite != "bookworm":
            raise fetch.CannotFetch("gone")
        (target / "source").mkdir()

    monkeypatch.setattr(fetch.Apt, "update", lambda self, force=False: None)
    monkeypatch.setattr(fetch.Apt, "source", source)
    store = fetch.Store(tmp_path, "amd64", False)
    assert fetch.fetch_source(store, "thing").is_dir()
    assert asked == ["sid", "trixie", "bookworm"]
    monkeypatch.setattr(fetch.Apt, "source", lambda self, package, target: fail())
    with pytest.raises(fetch.CannotFetch, match="gone"):
        fetch.fetch_source(store, "another")


def fail() -> None:
    raise fetch.CannotFetch("gone")


def package(name: str, version: str) -> object:
    return fetch.Package(name, version)


ARCHIVE = [
    package("linux-image-6.12-cloud-amd64", "6.12.200-1"),  # depends on the newest, holds nothing
    package("linux-image-6.12.9+deb13-cloud-amd64", "6.12.9-1"),
    package("linux-image-6.12.94+deb13-cloud-amd64", "6.12.94-1"),
    package("linux-image-6.12.94+deb13-amd64", "6.12.94-1"),
    package("linux-image-6.12.95+deb13-amd64", "6.12.95-1"),
    package("linux-image-6.12.99+deb13-rt-amd64", "6.12.99-1"),
    package("linux-image-6.12.99+deb13-cloud-amd64-dbg", "6.12.99-1"),
    package("linux-image-6.1.0-0.deb11.52-cloud-amd64-unsigned", "6.1.170-1~deb11u1"),
    package("linux-image-7.2.9+deb13-cloud-amd64", "7.2.9-1"),  # empty: binary and modules hold it
    package("linux-binary-7.2.9+deb13-cloud-amd64", "7.2.9-1"),
    package("linux-modules-7.2.9+deb13-cloud-amd64", "7.2.9-1"),
    package("linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1"),  # its modules are gone
    package("linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1"),
    package("linux-modules-7.3.4+deb13-cloud-amd64", "7.3.4-1"),
]


@pytest.mark.parametrize("series, labels", [
    # Newest of the preferred flavour first, by version and not by letters, then the other flavour.
    ("6.12", ["6.12.94+deb13-cloud-amd64", "6.12.9+deb13-cloud-amd64", "6.12.95+deb13-amd64",
              "6.12.94+deb13-amd64"]),
    ("6.12.9", ["6.12.9+deb13-cloud-amd64"]),
    ("6.12-generic", ["6.12.95+deb13-amd64", "6.12.94+deb13-amd64"]),
    ("6.1", ["6.1.0-0.deb11.52-cloud-amd64"]),
    ("7.2", ["7.2.9+deb13-cloud-amd64", "7.2.12+deb13-cloud-amd64"]),
    ("7.3", ["7.3.4+deb13-cloud-amd64"]),
])
def test_kernels(series: str, labels: list[str]) -> None:
    candidates = [kernel for kernel in fetch.kernels(ARCHIVE)
                  if kernel.flavour in fetch.FLAVOURS["amd64"]]
    chosen = fetch.choose_kernels(candidates, series, "amd64")
    assert [kernel.label for kernel in chosen] == labels


def test_split_kernel_takes_both_packages() -> None:
    newest = fetch.choose_kernels(fetch.kernels(ARCHIVE), "7.2.9", "amd64")[0]
    assert [part.name for part in newest.packages] == [
        "linux-binary-7.2.9+deb13-cloud-amd64", "linux-modules-7.2.9+deb13-cloud-amd64"]


def test_a_series_that_is_not_there_is_named() -> None:
    with pytest.raises(fetch.CannotFetch, match="no kernel 6.3 in the archive; it has 6.12"):
        fetch.ranked([fetch.Bundle("x", (package("x", "6.12.1-1"),))], "6.3", "kernel")


def test_the_cache_answers_without_apt(tmp_path: Path) -> None:
    (tmp_path / "headers/amd64/6.12/usr/include").mkdir(parents=True)
    run = subprocess.run([sys.executable, str(FETCH), "headers", "6.12", "--arch", "amd64"],
                         env={"ROTA_CACHE": str(tmp_path), "PATH": "/nonexistent"}, text=True,
                         capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (0, f"{tmp_path}/headers/amd64/6.12/usr/include\n")


def test_what_cannot_be_had_is_a_skip(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, str(FETCH), "headers", "6.12", "--arch", "amd64"],
                         env={"ROTA_CACHE": str(tmp_path), "PATH": "/nonexistent"}, text=True,
                         capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (77, "")
    assert run.stderr == "fetch: apt-get is not installed\n"


@pytest.mark.parametrize("arguments", [["kernel"], ["list", "6.12"], ["kernel", "six"],
                                       ["kernel", "../6.12"], ["nothing"], ["headers", "6.12-generic"],
                                       ["kernel", "6.12-other"], ["root", "6.12"],
                                       ["root"]])
def test_wrong_usage(arguments: list[str]) -> None:
    run = subprocess.run([sys.executable, str(FETCH), *arguments], capture_output=True, check=False)
    assert run.returncode == 2
