# SPDX-License-Identifier: MIT
"""One guest: its initramfs, its qemu process and the records that its init sends."""

from __future__ import annotations

import lzma
import os
import re
import selectors
import shutil
import stat
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from results import LAST_LINES, Guest, Program

# Sizes of the disks, by which init tells them apart.
RAW_MIB, EXT4_MIB, BTRFS_MIB, TOOLS_MIB = 64, 96, 128, 256
STALL_MARGIN = 60  # seconds without a record beyond a program's own limit
BOOT_TRIES = 3  # emulated processors at times crash a kernel before it has started init


@dataclass(frozen=True)
class Machine:
    """How qemu emulates an architecture."""

    qemu: str
    package: str
    arguments: tuple[str, ...]
    console: str
    kernel_arguments: str = ""
    nvme: bool = True  # else the file system is on a virtio disk, and there is no raw one
    boot_limit: int = 120  # seconds until init must have spoken


MACHINES = {
    "amd64": Machine("qemu-system-x86_64", "qemu-system-x86",
                     ("-machine", "q35", "-cpu", "max"), "ttyS0",
                     "ia32_emulation=1 no_timer_check"),
    # The default pointer authentication cipher is the slowest instruction of an emulated arm64.
    "arm64": Machine("qemu-system-aarch64", "qemu-system-arm",
                     ("-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"), "ttyAMA0"),
    # Without vectors, because qemu 7.2 computes wrong checksums with them, and packets get lost.
    "s390x": Machine("qemu-system-s390x", "qemu-system-misc",
                     ("-machine", "s390-ccw-virtio", "-cpu", "max,vx=off"), "ttysclp0", nvme=False),
}

KERNEL_ARGUMENTS = ("rdinit=/init loglevel=4 panic=-1 nokaslr mitigations=off cryptomgr.notests "
                    "random.trust_cpu=on random.trust_bootloader=on "
                    "nvme.poll_queues=2")  # for IORING_SETUP_IOPOLL

# Modules to load in this order, where the kernel does not have them built in.
MODULES = (("nvme", "poll_queues=2"), ("virtio_blk", ""), ("crc32c_generic", ""), ("ext4", ""),
           ("loop", ""), ("fuse", ""), ("ublk_drv", ""))

# What only one program needs is loaded before it.
PROGRAM_MODULES = {
    "driver-commands": (
        ("null_blk", "gb=1 memory_backed=1 zoned=1 zone_size=4 zone_nr_conv=2"),
        ("btrfs", ""), ("scsi_debug", "dev_size_mb=8")),
    "driver-disk": (("null_blk", "nr_devices=0"), ("nbd", "nbds_max=1")),
    "driver-mock": (("mock_file", ""),),  # which tests/vm/mock builds
}

# Programs that may take so many times longer than the others.
PATIENCE = {"driver-disk": 4}

# Disks that only some programs want: one of btrfs, and one with programs of the host.
BTRFS, TOOLS = "btrfs", "tools"
HOST_TOOLS = ("fio", "mkfs.ext4", "e2fsck")
TOOL_DIRECTORIES = ("bin", "lib", "lib64", "usr")


@dataclass(frozen=True)
class Settings:
    """What all boots have in common."""

    init: Path
    limit: int  # seconds for one program
    guest_limit: int  # seconds for one boot
    accelerator: str = "tcg"


# ---- the initramfs -----------------------------------------------------------------------------

class Archive:
    """A cpio archive in the "newc" format, the kernel's for an initramfs."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def _add(self, name: str, mode: int, data: bytes = b"",
             device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08x" % value for value in fields)
        for part in (header + path, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))

    def directory(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, data: bytes, executable: bool = False) -> None:
        self._add(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int) -> None:
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self) -> bytes:
        self._add("TRAILER!!!", 0)
        return b"".join(self._parts)


def module_name(path: Path) -> str:
    return path.name.partition(".ko")[0].replace("-", "_")


def module_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        command = ["zstd", "-dcq", str(path)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return data


def dependencies(module: bytes) -> list[str]:
    """What a module says in its .modinfo section, a sequence of KEY=VALUE strings."""
    match = re.search(rb"\0depends=([^\0]*)\0", module)
    names = match[1].decode().split(",") if match else []
    return [name.replace("-", "_") for name in names if name]


def needed_modules(directory: Path, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The wanted modules after those they depend on; one that is not there is built in."""
    files = {module_name(path): path for path in directory.rglob("*.ko*")}
    seen: set[str] = set()

    def visit(name: str) -> Iterator[tuple[str, bytes]]:
        if name in seen or name not in files:
            return
        seen.add(name)
        data = module_bytes(files[name])
        for dependency in dependencies(data):
            yield from visit(dependency)
        yield name, data

    for name in wanted:
        yield from visit(name)


def module_lines(names: Sequence[str], parameters: dict[str, str]) -> list[str]:
    return [f"module /modules/{name}.ko {parameters.get(name, '')}".rstrip() for name in names]


def make_plan(machine: Machine, modules: Sequence[str], programs: dict[str, Sequence[str]],
              limit: int, extra: Sequence[str]) -> str:
    """What init does: programs stand with the modules that are loaded before them."""
    lines = ["write /proc/sys/vm/nr_hugepages 16", "set ROTA_KNOWN_KERNEL 1"]
    lines += module_lines(modules, dict(MODULES))
    lines.append("write /sys/module/fuse/parameters/enable_uring Y")
    if machine.nvme:
        lines.append(f"disk {RAW_MIB} ROTA_NVME")
    if TOOLS in extra:
        lines.append(f"filesystem {TOOLS_MIB} ext4 /tools ROTA_TOOLS")
    if BTRFS in extra:
        lines.append(f"disk {BTRFS_MIB} ROTA_BTRFS")
    lines.append(f"filesystem {EXT4_MIB} ext4 /scratch TMPDIR")
    for name, before in programs.items():
        lines += module_lines(before, dict(PROGRAM_MODULES.get(name, ())))
        lines.append(f"timeout {limit * PATIENCE.get(name, 1)}")
        lines.append(f"run /programs/{name}")
    return "\n".join(lines) + "\n"


def make_initramfs(machine: Machine, kernel: Path, programs: Sequence[Path],
                   settings: Settings) -> bytes:
    archive = Archive()
    for name in ("dev etc modules proc programs root run scratch sys tmp tools").split():
        archive.directory(name)
    archive.character_device("dev/console", 5, 1)
    archive.file("init", settings.init.read_bytes(), executable=True)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
                               b"nobody:x:65534:65534:nobody:/:/bin/false\n")
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
    loaded: list[str] = []

    def add_modules(wanted: Sequence[tuple[str, str]]) -> list[str]:
        """Those that were not there before."""
        new = []
        for name, data in needed_modules(kernel / "modules", [name for name, _ in wanted]):
            if name not in loaded:
                archive.file(f"modules/{name}.ko", data)
                new.append(name)
        loaded.extend(new)
        return new

    modules = add_modules(MODULES)
    before = {}
    for program in programs:
        archive.file(f"programs/{program.name}", program.read_bytes(), executable=True)
        before[program.name] = add_modules(PROGRAM_MODULES.get(program.name, ()))
    extra = extra_disks(machine, programs)
    if TOOLS in extra:
        for name in TOOL_DIRECTORIES:
            archive.link(name, f"/tools/{name}")
    plan = make_plan(machine, modules, before, settings.limit, extra)
    archive.file("plan", plan.encode())
    return archive.bytes()


def sparse_file(path: Path, mebibytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    return path


def extra_disks(machine: Machine, programs: Sequence[Path]) -> list[str]:
    """What some programs want beside the usual disks, and can have here."""
    if not machine.nvme:
        return []
    names = {program.name for program in programs}
    host = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "")
    wanted = {BTRFS: "driver-commands" in names and bool(tool("mkfs.btrfs")),
              TOOLS: "driver-disk" in names and machine is MACHINES.get(host)}
    return [name for name, there in wanted.items() if there]


def copy_tools(names: Sequence[str], directory: Path) -> None:
    """Programs of this machine into DIRECTORY/bin, and what they are linked with into its place."""
    (directory / "bin").mkdir(parents=True)
    for path in filter(None, map(tool, names)):
        shutil.copy(path, directory / "bin")
        done = subprocess.run(["ldd", path], text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        for library in re.findall(r"/(\S+) \(0x", done.stdout):
            target = directory / library
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(f"/{library}", target)


def make_disks(machine: Machine, extra: Sequence[str], directory: Path) -> list[Path]:
    """The disks for one boot: those with a file system, and where it can be polled a raw one."""
    disks = [sparse_file(directory / "ext4.img", EXT4_MIB)]
    commands = [[tool("mke2fs"), "-q", "-F", "-t", "ext4", str(disks[0])]]
    if machine.nvme:
        disks.insert(0, sparse_file(directory / "raw.img", RAW_MIB))
    if BTRFS in extra:
        disks.append(sparse_file(directory / "btrfs.img", BTRFS_MIB))
        commands.append([tool("mkfs.btrfs"), "-q", "-m", "single", str(disks[-1])])
    if TOOLS in extra:
        copy_tools(HOST_TOOLS, directory / "tools")
        disks.append(sparse_file(directory / "tools.img", TOOLS_MIB))
        commands.append([tool("mke2fs"), "-q", "-F", "-t", "ext4", "-d", str(directory / "tools"),
                         str(disks[-1])])
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return disks


def tool(name: str) -> str:
    """The path of a program that is not for every user's PATH; empty when it is missing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return shutil.which(name, path=path) or ""


# ---- the records -------------------------------------------------------------------------------

RECORD = re.compile(r"@rota:(\d+):([A-Z]):(\d+):(.*)")


def unescape(text: str) -> str:
    """Undo init's escapes: \\xNN for each byte that is not printable ASCII."""
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()),
                 text.encode("ascii", "replace"))
    return raw.decode("utf-8", "replace")


class Transcript:
    """The console of one boot, line by line: records become programs, the rest is kept as it is."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.current: Program | None = None
        self.notes: list[str] = []
        self.release = ""
        self.complete = False
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._expected = 0
        self._partial = ""

    def line(self, text: str) -> bool:
        """Take a line; true when it was a record, which shows that the guest lives."""
        text = text.rstrip("\r")
        match = RECORD.search(text)
        if match is None or len(match[4]) != int(match[3]):
            if text.strip():
                self.last_lines.append(text)
            return False
        if int(match[1]) != self._expected:
            self._damaged()
        self._expected = int(match[1]) + 1
        content = unescape(match[4])
        if match[2] not in "BE":
            self.last_lines.append(content)
        self._record(match[2], content)
        return True

    def _damaged(self) -> None:
        """Records are missing: what they belonged to cannot be trusted."""
        self.notes.append("console records were lost or damaged")
        for program in self.programs[-1:]:
            program.damaged = True

    def _record(self, kind: str, text: str) -> None:
        if kind == "H":
            self.release = text.split(" ", 1)[0]
        elif kind == "B":
            self.current = Program(text)
            self.programs.append(self.current)
            self.last_lines.append(f"[program {text}]")
        elif kind == "Z":
            self.complete = True
        elif kind == "P":
            self._partial += text
        elif kind == "N" and self.current is None:
            self.notes.append(text)
        elif self.current is not None:
            self._of_program(self.current, kind, text)

    def _of_program(self, program: Program, kind: str, text: str) -> None:
        if kind == "L":
            program.output.append(self._partial + text)
            self._partial = ""
        elif kind == "K":
            program.kernel_log.append(text)
        elif kind == "N":
            program.notes.append(text)
        elif kind == "E":
            program.ended, _, milliseconds = text.rpartition(" ")
            program.milliseconds = int(milliseconds)
            self.current = None
            self._partial = ""


# ---- qemu --------------------------------------------------------------------------------------

def disk_arguments(machine: Machine, disks: Sequence[Path]) -> list[str]:
    arguments = ["-device", "nvme,id=nvme,serial=rota"] if machine.nvme else []
    for number, disk in enumerate(disks, start=1):
        device = f"nvme-ns,bus=nvme,nsid={number}" if machine.nvme else "virtio-blk"
        arguments += ["-drive", f"file={disk},if=none,id=disk{number},format=raw,cache=unsafe,"
                      "discard=unmap",
                      "-device", f"{device},drive=disk{number}"]
    return arguments


def qemu_command(machine: Machine, kernel: Path, programs: Sequence[Path], directory: Path,
                 accelerator: str) -> list[str]:
    arguments = f"console={machine.console} {KERNEL_ARGUMENTS} {machine.kernel_arguments}".rstrip()
    disks = make_disks(machine, extra_disks(machine, programs), directory)
    serial = (["-device", "sclpconsole,chardev=console"] if machine.console == "ttysclp0"
              else ["-serial", "chardev:console"])
    return [machine.qemu, *machine.arguments, "-accel", accelerator, "-smp", "2", "-m", "1024",
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-chardev", "stdio,id=console,signal=off", *serial,
            "-kernel", str(kernel / "vmlinuz"), "-initrd", str(directory / "initramfs"),
            "-append", arguments, *disk_arguments(machine, disks)]


class Boot:
    """One run of qemu, followed until it ends, hangs or exceeds its time."""

    def __init__(self, machine: Machine, kernel: Path, programs: Sequence[Path], directory: Path,
                 settings: Settings) -> None:
        self.transcript = Transcript()
        self.failure = ""
        self.boot_seconds = 0.0
        self._machine = machine
        self._settings = settings
        self._start = time.monotonic()
        self._alive = self._start
        self._buffer = b""
        command = qemu_command(machine, kernel, programs, directory, settings.accelerator)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)

    def follow(self) -> Transcript:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not self.failure:
                if selector.select(timeout=1):
                    data = os.read(descriptor, 65536)
                    if not data:
                        break
                    self._take(data)
                self.failure = self._overdue()
        self._finish()
        return self.transcript

    def _take(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if self.transcript.line(line.decode("ascii", "replace")):
                self._alive = time.monotonic()
                if not self.boot_seconds:
                    self.boot_seconds = self._alive - self._start

    def _overdue(self) -> str:
        now = time.monotonic()
        if not self.boot_seconds and now - self._start > self._machine.boot_limit:
            return f"no sign of life {self._machine.boot_limit} s after the start"
        running = self.transcript.current
        limit = self._settings.limit * (PATIENCE.get(running.name, 1) if running else 1)
        if now - self._alive > max(limit + STALL_MARGIN, self._machine.boot_limit):
            return f"silent for {now - self._alive:.0f} s"
        if now - self._start > self._settings.guest_limit:
            return f"not done after {self._settings.guest_limit} s"
        return ""

    def _finish(self) -> None:
        if self.failure:
            self._process.kill()
        code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._take(b"\n")
        if not self.failure and not self.transcript.complete:
            self.failure = f"the guest went down (qemu exit {code})"


def run_boot(guest: Guest, kernel: Path, programs: Sequence[Path], directory: Path,
             settings: Settings) -> list[Path]:
    """Boot once, add what ran to the guest, and return the programs that never began."""
    machine = MACHINES["amd64" if guest.arch == "i386" else guest.arch]
    initramfs = make_initramfs(machine, kernel, programs, settings)
    (directory / "initramfs").write_bytes(initramfs)
    boot = Boot(machine, kernel, programs, directory, settings)
    transcript = boot.follow()
    guest.boots += 1
    guest.boot_seconds = guest.boot_seconds or boot.boot_seconds
    guest.release = guest.release or transcript.release
    guest.notes += [note for note in transcript.notes if note not in guest.notes]
    guest.programs += transcript.programs
    if boot.failure:
        guest.reason = boot.failure
        guest.last_lines = list(transcript.last_lines)
        if transcript.current is not None:
            transcript.current.notes.append(boot.failure)
        else:  # no program can be blamed
            guest.state = "went down"
    begun = {program.name for program in transcript.programs}
    return [program for program in programs if program.name not in begun]


def run_guest(guest: Guest, kernel: Path, programs: Sequence[Path], directory: Path,
              settings: Settings) -> None:
    """Run every program on a kernel; after a crash, boot again for those that have not begun."""
    start = time.monotonic()
    remaining = list(programs)
    tries = 0
    while remaining:
        before = len(remaining)
        remaining = run_boot(guest, kernel, remaining, directory, settings)
        tries += 1
        if not guest.release and tries < BOOT_TRIES:
            guest.notes.append(f"did not start init and was booted again: {guest.reason}")
            guest.state, guest.reason, guest.last_lines = "ran", "", []
        elif len(remaining) == before:
            break
    for program in guest.programs:
        program.judge()
    guest.programs += [Program(path.name, reason="the guest went down before it")
                       for path in remaining]
    guest.seconds = time.monotonic() - start
