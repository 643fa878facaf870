# SPDX-License-Identifier: MIT
"""One bad table for each rule: the tiny table with a piece of text replaced.

Each case states the line, the row and the message, and goes through the command line. Two tests
at the end see to it that no rule of the schema and no check is without a case.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from codegen.table import checks, load
from conftest import ROOT, TINY, Command


@dataclass(frozen=True)
class Bad:
    """`old` becomes `new`; the error must be reported where `at` stands (else where `new` does).

    `{line}` in the message is the line of `first`.
    """

    name: str
    old: str
    new: str
    label: str
    message: str
    at: str = ""
    first: str = ""


LOOK_FD = "{slot: fd, type: int, arg: fd, role: file, summary: What to look at.}"

SCHEMA = [
    Bad("unknown key", "    syscall: look(2)", "    syscal: look(2)", "LOOK",
        "unknown key 'syscal'; did you mean 'syscall'?"),
    Bad("unknown key far from any", "    syscall: look(2)", "    zzz: look(2)", "LOOK",
        "unknown key 'zzz'"),
    Bad("unknown section", 'kernel: "6.2"', 'kernel: "6.2"\nopcode: []', "",
        "unknown key 'opcode'; did you mean 'opcodes'?", at="opcode: []"),
    Bad("missing section", "scenarios:", "opcodes: []\nscenarios:", "",
        "key 'opcodes' stands twice",
        at="opcodes:\n  - name: NOP"),
    Bad("too long a list", "count: [1, 1]", "count: [1, 1, 1]", "REGISTER_TINY",
        "count: [1, 1, 1] is too long"),
    Bad("missing key", "{name: TINY_SHIFT, value: 16, ", "{name: TINY_SHIFT, ", "TINY_SHIFT",
        "key 'value' is missing"),
    Bad("missing key of a row", "    completion: {res: Always 0.}\n", "", "NOP",
        "key 'completion' is missing", at="- name: NOP"),
    Bad("version not quoted", 'name: NOP\n    number: 0\n    since: "6.0"',
        "name: NOP\n    number: 0\n    since: 6.0", "NOP",
        "since: 6.0 stands where text (in quotes) belongs", at="    since: 6.0\n"),
    Bad("version that is none", 'name: NOP\n    number: 0\n    since: "6.0"',
        'name: NOP\n    number: 0\n    since: "6.01"', "NOP",
        "since: '6.01' is not right: A kernel release, quoted, because 5.10 is not the number 5.1.",
        at='    since: "6.01"'),
    Bad("summary without full stop", "summary: Does nothing.", "summary: Does nothing", "NOP",
        "summary: 'Does nothing' is not right: One sentence, capital first, full stop last."),
    Bad("name of a constant", "name: IOSQE_FIXED_FILE", "name: fixed_file", "sqe",
        "name: 'fixed_file' is not right: The kernel's name of a constant."),
    Bad("C type", "type: size_t", "type: size-t", "LOOK",
        "type: 'size-t' is not right: A C type as it stands in a declaration."),
    Bad("error number", "- errno: EBADF", "- errno: 9", "LOOK",
        "errno: 9 stands where text (in quotes) belongs"),
    Bad("condition", "[look_flags has LOOK_TWICE]", "[look_flags contains LOOK_TWICE]", "LOOK",
        "when: 'look_flags contains LOOK_TWICE' is not right: A test on a request."),
    Bad("word out of a list", "lives: submit, optional", "lives: forever, optional", "LOOK",
        "lives: 'forever' is not one of submit, completion, notification, unregister"),
    Bad("row without a way", "    emulate: {way: now, hook: nop}\n", "", "NOP",
        "key 'emulate' is missing", at="- name: NOP"),
    Bad("unknown way", "emulate: {way: now,", "emulate: {way: never,", "NOP",
        "way: 'never' is not one of now, ready, worker, timer, ring, refused"),
    Bad("unknown hook", "via: poll_mask", "via: poll_mark", "WATCH",
        "via: 'poll_mark' is not one of poll_mask, direct_slot, zero_extend"),
    Bad("constant false", "big: true", "big: false", "WATCH",
        "big: write true or leave the key out"),
    Bad("text instead of a number", "value: 16", "value: sixteen", "TINY_SHIFT",
        "value: 'sixteen' stands where a number belongs"),
    Bad("list instead of a mapping", "completion: {res: Always 0.}", "completion: [0]", "NOP",
        "completion: a list stands where a mapping belongs"),
    Bad("mapping instead of a list", "live: [{in: ring, args: []}]\n    emulate", "live: {in: ring}\n    emulate",
        "NOP", "live: a mapping stands where a list belongs", at="live: {in: ring}\n"),
    Bad("number too great", "number: 1\n    since: \"6.0\"\n    backports",
        "number: 256\n    since: \"6.0\"\n    backports", "LOOK", "number: 256 is above 255",
        at="number: 256"),
    Bad("number too small", "{name: LOOK_TWICE, bit: 0", "{name: LOOK_TWICE, bit: -1", "look",
        "bit: -1 is below 0"),
    Bad("empty list", "union: true\n    members:\n      - {name: whole, type: __u64, summary: All "
        "of them.}\n      - {name: halves, type: __u32, count: 2, summary: Each half.}",
        "union: true\n    members: []", "tiny_words", "members: must not be empty",
        at="members: []"),
    Bad("two flags with a version each", '{LOOK_AGAIN: "6.2"}',
        '{LOOK_AGAIN: "6.2", LOOK_AWAY: "6.2"}', "LOOK",
        "takes: one name with one version belongs here"),
    Bad("no flag with a version", '{LOOK_AGAIN: "6.2"}', "{}", "LOOK",
        "takes: one name with one version belongs here"),
    Bad("member with an unknown key", "{name: halves, type: __u32, count: 2,",
        "{name: halves, type: __u32, cont: 2,", "tiny_words",
        "unknown key 'cont'; did you mean 'count'?"),
    Bad("nested member without type", "{name: column, type: __u16, ", "{name: column, ", "tiny_arg",
        "key 'type' is missing"),
    Bad("union with a note", "      - name: who\n", "      - name: who\n        note: None.\n",
        "tiny_arg", "unknown key 'note'", at="        note: None."),
    Bad("argument without slot", "{arg: pictures, slot: addr, ", "{arg: pictures, ", "LOOK",
        "key 'slot' is missing"),
    Bad("opcode that is text", "  - name: NOP\n", "  - NOP2\n  - name: NOP\n", "opcodes[0]",
        "opcodes: 'NOP2' stands where a mapping belongs", at="  - NOP2"),
    Bad("constant that is text", "  - {name: TINY_SKIP,", "  - tiny\n  - {name: TINY_SKIP,",
        "constants[3]", "constants: 'tiny' stands where a mapping belongs", at="  - tiny\n"),
    Bad("value that is a list", "set: {file_index: 0}", "set: {file_index: [0]}", "LOOK",
        "file_index: a list stands where a number belongs"),
]

YAML = [
    Bad("not YAML", "groups:", "groups: [", "", "not YAML: ", at="- group: sqe"),
    Bad("tab", "    summary: Does nothing.", "\tsummary: Does nothing.", "",
        "not YAML: found character that cannot start any token"),
    Bad("key twice", "    syscall: look(2)", "    syscall: look(2)\n    syscall: peek(2)", "LOOK",
        "key 'syscall' stands twice", at="    syscall: peek(2)"),
    Bad("key that is a list", "    syscall: look(2)", "    ? [a]\n    : look(2)", "LOOK",
        "a key is a plain word", at="    ? [a]"),
    Bad("octal number", "value: 16", "value: 010", "TINY_SHIFT",
        "'010' is no number; quote it if it is text"),
    Bad("number to the base of 60", "value: 16", "value: 1:30", "TINY_SHIFT",
        "'1:30' is no number; quote it if it is text"),
    Bad("control character", "summary: Does nothing.", "summary: Does\x01 nothing.", "",
        "not YAML: "),
]

CHECKS = [
    Bad("refused without a reason", "emulate: {way: now, hook: nop}", "emulate: {way: refused}",
        "NOP", "'because' says why it is refused, and belongs to nothing else"),
    Bad("reason without a refusal", "emulate: {way: now, hook: nop}",
        "emulate: {way: now, hook: nop, because: It is easy.}", "NOP",
        "'because' says why it is refused, and belongs to nothing else"),
    Bad("neither call nor hook", "emulate: {way: now, hook: nop}", "emulate: {way: now}", "NOP",
        "needs either 'call' or 'hook', and neither when it is refused"),
    Bad("both call and hook", "args: [fd, addr, open_flags, len]}, installs: true, waits: true, tries: true}",
        "args: [fd, addr, open_flags, len]}, hook: nop, installs: true, waits: true, tries: true}", "OPEN",
        "needs either 'call' or 'hook', and neither when it is refused"),
    Bad("waiting without a file", "emulate: {way: ready, wait: writable, hook: nop, take: nop, event: nop,",
        "emulate: {way: timer, wait: writable, hook: nop, take: nop,", "WATCH",
        "'wait' needs the way 'ready'"),
    Bad("an event without a file", "emulate: {way: ready, wait: writable, hook: nop, take: nop, event: nop,",
        "emulate: {way: timer, hook: nop, take: nop, event: nop,", "WATCH",
        "'event' needs the way 'ready'"),
    Bad("provided buffers of one that takes none", "emulate: {way: now, hook: nop}",
        "emulate: {way: now, hook: nop, buffers: {bundles: true}}", "NOP",
        "NOP takes no provided buffers"),
    Bad("waiting for others without a worker", "emulate: {way: now, hook: nop}",
        "emulate: {way: now, waits: true, hook: nop}", "NOP", "'waits' needs the way 'worker'"),
    Bad("descriptor without a slot", "emulate: {way: now, hook: nop}",
        "emulate: {way: now, hook: nop, installs: true}", "NOP", "NOP names no slot"),
    Bad("argument that is no field", "args: [fd, addr, open_flags, len]}, installs: true, waits: true, tries: true}",
        "args: [fd, addr, open_flags, splice_flags]}, installs: true, waits: true, tries: true}", "OPEN",
        "'splice_flags' is no field of OPEN"),
    Bad("register call with fields", "emulate: {way: ring, hook: register_tiny, note: The smallest "
        "ones only.}", "emulate: {way: ring, call: {name: tiny, args: [fd]}}", "REGISTER_TINY",
        "'fd' is no field of REGISTER_TINY"),
    Bad("family of no opcode", "    opcode: TELL\n    summary: What an ear", "    opcode: TALE\n    summary: What an ear",
        "ear", "opcode 'TALE' does not exist", at="    opcode: TALE"),
    Bad("device that is none", "{kind: socket, summary: a socket}",
        "{kind: socket, devices: [sock], summary: a socket}", "kind",
        "only a character device has a name in /dev"),
    Bad("payload of an unknown type", "{name: word, type: __u64, summary: The word.}\n",
        "{name: word, type: __u128, summary: The word.}\n", "ear",
        "type '__u128' is not known here", at="        members:\n          - {name: word"),
    Bad("payload that is too large", "{name: word, type: __u64, summary: The word.}\n",
        "{name: word, type: __u64, count: 9, summary: The word.}\n", "ear",
        "struct ear_say does not fit an SQE", at="      - name: ear_say\n        since"),
    Bad("payload of another family", "payload: ear_ask\n", "payload: wall_say\n", "ear",
        "struct wall_say is no structure of family ear", at="- name: EAR_ASK"),
    Bad("all bytes of a payload", "bytes: 16\n", "bytes: 24\n", "ear",
        "'bytes' is less than the structure has"),
    Bad("function of no payload", "        args: [fd, {arg: place,", "        args: [payload, {arg: place,",
        "ear", "rota_prep_ear_wait has no structure to take", at="- name: EAR_WAIT"),
    Bad("pointer of no member", "{member: ptr, length: bytes,", "{member: ptr, length: size,", "ear",
        "'size' is no member of the structure or of the SQE"),
    Bad("errno of a ring for nothing", "{kind: socket, summary: a socket}",
        "{kind: socket, summary: a socket}\n    rings: {errno: EINVAL}", "kind",
        "every ring has entries that are large enough", at="    rings: {errno: EINVAL}"),
    Bad("commands and every number", "    every_number:\n", "    commands: [{name: TINY_KIND_FILE, "
        "summary: Nothing., res: Nothing.}]\n    every_number:\n", "wall",
        "needs either 'commands' or 'every_number'", at="- family: wall"),
    Bad("number made twice", "value: 3\n", "value: 3\n        ioctl: {way: none, type: e, number: 3}\n",
        "ear", "EAR_WAIT has 'ioctl' and 'value'; one of them is enough", at="- name: EAR_WAIT"),
    Bad("command without number", "        value: 3\n        since: \"6.2\"\n", "", "ear",
        "EAR_WAIT has no number: 'ioctl', 'value' or a constant of the table",
        at="- name: EAR_WAIT"),
    Bad("age of a constant", "{name: TINY_KIND_SOCKET, summary", "{name: TINY_KIND_SOCKET, since: \"6.2\", summary",
        "kind", "'since' of TINY_KIND_SOCKET stands at the constant"),
    Bad("command of no header", "    header: linux/ear.h\n", "", "ear",
        "EAR_SAY needs the header that defines it", at="- name: EAR_SAY"),
    Bad("command without since", "        value: 3\n        since: \"6.2\"\n", "        value: 3\n", "ear",
        "EAR_WAIT: key 'since' is missing", at="- name: EAR_WAIT"),
    Bad("commands out of order", "{way: none, type: e, number: 5}", "{way: none, type: e, number: 3}",
        "ear", "EAR_STOP stands after a greater number"),
    Bad("error of a command untried", ", untried: It always listens.", "", "ear",
        "needs either 'tried' or 'untried'", at="    errors: [{errno: EBUSY"),
    Bad("command that nothing tries", "TINY_KIND_SOCKET, summary: Tells nothing., res: Always 0., untried: "
        "Nothing is told.", "TINY_KIND_SOCKET, summary: Tells nothing., res: Always 0.", "kind",
        "neither its row nor its family says what tries it, and no trial of TELL names it"),
    Bad("bytes of a number", "{arg: place, slot: addr, type: void *, summary",
        "{arg: place, slot: addr, type: int, bytes: 8, summary", "ear",
        "'place' has 'bytes' and is no pointer"),
    Bad("bytes beyond an SQE", "{arg: place, slot: addr, type: void *, summary",
        "{arg: place, slot: __pad2, type: void *, bytes: 80, summary", "ear",
        "80 bytes from __pad2 on do not fit an SQE"),
    Bad("function of a command twice", "prep: ear_stop, tried", "prep: look, tried", "ear",
        "rota_prep_look is already defined in line {line}", first="      - name: look\n"),
    Bad("large opcode that is small", "    large: WATCH\n", "    large: LOOK\n", "TELL",
        "'LOOK' is no opcode of 128 bytes"),
    Bad("constant twice", "name: TINY_SHIFT,", "name: TINY_FAR,", "TINY_FAR",
        "'TINY_FAR' is already defined in line {line}", at="{name: TINY_FAR, value: 0x8000000000",
        first="{name: TINY_FAR, value: 16"),
    Bad("newer than the table", 'suffix: ULL, since: "6.1"', 'suffix: ULL, since: "6.3"',
        "TINY_FAR",
        "since 6.3 is newer than the table's kernel 6.2"),
    Bad("backport that is none", 'since: "6.1", backports: ["5.15"], summary: An offset',
        'since: "6.1", backports: ["6.1"], summary: An offset', "TINY_FAR",
        "backport to 6.1 is not older than since 6.1"),
    Bad("group twice", "- group: setup", "- group: sqe", "sqe", "group 'sqe' stands twice",
        at="- group: sqe\n    summary: Flags of a ring."),
    Bad("bit and value", "{name: LOOK_TWICE, bit: 0,", "{name: LOOK_TWICE, bit: 0, value: 1,",
        "look", "LOOK_TWICE has a bit and a value; one of them is enough"),
    Bad("values of our own", "{name: LOOK_TWICE, bit: 0,",
        "{name: LOOK_TWICE, bit: 0, values: {usual: 1},", "look",
        "LOOK_TWICE: values are for other owners' constants, and instead of a bit or value"),
    Bad("value and values", "values: {usual: 64, old32: 0x200}",
        "value: 64, values: {usual: 64, old32: 0x200}", "tiny_open",
        "O_CREAT: values are for other owners' constants, and instead of a bit or value"),
    Bad("value of an unknown machine", "values: {usual: 64, old32", "values: {usual: 64, new32",
        "tiny_open", "'new32' is no architecture"),
    Bad("length that is no slot", "length: len, summary: Where the picture",
        "length: size, summary: Where the picture", "LOOK",
        "'size' is no member of struct io_uring_sqe"),
    Bad("length without memory", "{slot: fd, type: int, arg: fd, role: file, summary: What to look",
        "{slot: fd, type: int, arg: fd, role: file, length: len, summary: What to look", "LOOK",
        "fd: only memory has a length"),
    Bad("neither bit nor value", "{name: LOOK_TWICE, bit: 0,", "{name: LOOK_TWICE,", "look",
        "LOOK_TWICE has neither bit nor value"),
    Bad("value where bits are numbered", "{name: IOSQE_FIXED_FILE, bit: 0,",
        "{name: IOSQE_FIXED_FILE, value: 1,", "sqe",
        "IOSQE_FIXED_FILE: enum tiny_sqe_bit numbers bits, so each entry needs 'bit'"),
    Bad("flag without since", '{name: LOOK_TWICE, bit: 0, since: "6.0",',
        "{name: LOOK_TWICE, bit: 0,",
        "look", "LOOK_TWICE: key 'since' is missing"),
    Bad("flags in the wrong order", "{name: LOOK_AWAY, bit: 2,", "{name: LOOK_AWAY, bit: 0,",
        "look",
        "LOOK_AWAY stands after a greater value"),
    Bad("flag of another group", "excludes: [IORING_SETUP_SQE128]", "excludes: [LOOK_TWICE]",
        "setup", "'LOOK_TWICE' is no flag of group setup"),
    Bad("struct twice", "- name: tiny_words", "- name: tiny_arg", "tiny_arg",
        "struct tiny_arg stands twice",
        at="- name: tiny_arg\n    since: \"6.1\"\n    summary: Arg"),
    Bad("unknown type", "type: struct __kernel_timespec", "type: struct timespec", "tiny_arg",
        "when: type 'struct timespec' is not known here", at="    members:\n      - {name: when"),
    Bad("no SQE", "- name: io_uring_sqe", "- name: io_uring_sqe2", "",
        "struct io_uring_sqe is missing", at="structs:"),
    Bad("member twice", "{name: addr2, type", "{name: fd, type", "io_uring_sqe",
        "member 'fd' stands twice", at='{name: fd, type: __u64, since'),
    Bad("member that is a keyword", "{name: whole, type", "{name: class, type", "tiny_words",
        "'class' is a keyword of C or C++"),
    Bad("scenario twice", "{name: eye,", "{name: ring,", "ring", "scenario 'ring' stands twice",
        at="{name: ring, summary: A file"),
    Bad("gap in the numbers", "number: 4\n", "number: 6\n", "LATER",
        "number 6 stands where 4 belongs"),
    Bad("register out of order", "{name: REGISTER_LATER, number: 2,",
        "{name: REGISTER_LATER, number: 3,", "REGISTER_LATER", "number 3 stands where 2 belongs"),
    Bad("unknown field", LOOK_FD, LOOK_FD.replace("slot: fd", "slot: df"), "LOOK",
        "'df' is no member of struct io_uring_sqe"),
    Bad("unknown field of a condition", "[look_flags has LOOK_TWICE]", "[see_flags has LOOK_TWICE]",
        "LOOK", "'see_flags' is no member of struct io_uring_sqe"),
    Bad("unknown constant of a condition", "[look_flags has LOOK_TWICE]",
        "[look_flags has LOOK_THRICE]", "LOOK", "'LOOK_THRICE' is no constant of the table"),
    Bad("unknown constant of an assignment", "set: {look_flags: LOOK_AGAIN}",
        "set: {look_flags: LOOK_THRICE}", "LOOK", "'LOOK_THRICE' is no constant of the table"),
    Bad("unknown field of an assignment", "set: {look_flags: LOOK_AGAIN}",
        "set: {see_flags: LOOK_AGAIN}", "LOOK", "'see_flags' is no member of struct io_uring_sqe"),
    Bad("two fields in the same bytes", "{slot: len, type: size_t, liburing: unsigned long, arg: len, summary",
        "{slot: addr, type: size_t, liburing: unsigned long, arg: len, summary", "LOOK",
        "addr and addr share bytes and neither has a condition"),
    Bad("argument twice", "liburing: unsigned long, arg: len,",
        "liburing: unsigned long, arg: buf,",
        "LOOK", "argument 'buf' stands twice"),
    Bad("read and ignored", "rings: {iopoll: true}", "rings: {iopoll: true}\n    ignored: [addr]",
        "LOOK", "addr is read and ignored at once", at="    ignored: [addr]"),
    Bad("ignored field newer than the table", '{addr: "6.1", back', '{addr: "6.3", back', "NOP",
        "since 6.3 is newer than the table's kernel 6.2"),
    Bad("ignored field behind its backports", '{addr: "6.1", backports: ["5.15"]}',
        '{backports: ["5.15"], addr: "6.1"}', "NOP", "the field stands before 'backports'"),
    Bad("field older than the opcode", "type: int, arg: id, via: zero_extend,",
        'type: int, arg: id, via: zero_extend, since: "6.0",', "WATCH",
        "addr is older than the opcode itself"),
    Bad("before without since", LOOK_FD, LOOK_FD.replace("role", "before: ignored, role"), "LOOK",
        "fd: 'before' needs 'since'"),
    Bad("otherwise without when", LOOK_FD, LOOK_FD.replace("role", "otherwise: ignored, role"),
        "LOOK", "fd: 'otherwise' needs 'when'"),
    Bad("type without argument", "{slot: buf_index, role", "{slot: buf_index, type: int, role",
        "LOOK", "buf_index: 'type' and 'arg' go together"),
    Bad("argument that is a keyword", LOOK_FD, LOOK_FD.replace("arg: fd", "arg: register"), "LOOK",
        "'register' is a keyword of C or C++"),
    Bad("memory without pointer", LOOK_FD, LOOK_FD.replace("role", "memory: read, role"), "LOOK",
        "fd: only a pointer has memory behind it"),
    Bad("pointer without memory", "memory: written, lives: completion, length: len, ", "", "LOOK",
        "addr: a pointer needs 'memory' and 'lives'",
        at="{slot: addr, type: void *, arg: buf, summary: Where the picture"),
    Bad("slot that is no descriptor", "{slot: buf_index, role: buffer, ",
        "{slot: buf_index, role: buffer, slot_when: [len is 0], ", "LOOK",
        "buf_index: only a descriptor can be a slot"),
    Bad("optional number", LOOK_FD, LOOK_FD.replace("role", "optional: true, role"), "LOOK",
        "fd: 'optional' needs 'memory'"),
    Bad("look at a field that is not there", "looks: [fd is regular, ",
        "looks: [file_index is open, ", "LOOK", "'file_index' is no field of LOOK"),
    Bad("look that cannot be", "off is readable", "off is listening", "LOOK",
        "off cannot be 'listening'; that is said of a descriptor"),
    Bad("vectors behind a number", "{slot: buf_index, role: buffer, ",
        "{slot: buf_index, role: buffer, vector_when: [len is 0], ", "LOOK",
        "buf_index: only behind a pointer lie vectors"),
    Bad("sole reason among others", "      - {errno: ENXIO, cause: The eye is shut.",
        "      - {errno: EBADF, cause: The eye is shut.", "LOOK",
        "another row, or 'partial', says that EBADF has more reasons", at="        sole: true"),
    Bad("done without a remedy", "        remedy: Open it first.\n", "", "LOOK",
        "'done' needs the remedy of a request", at="        done: [fd is 0]"),
    Bad("partial without anything", "        when: [look_flags lacks LOOK_TWICE]\n"
        "        looks: [fd is regular, off is readable]\n", "", "LOOK",
        "'partial' needs 'when' or 'looks'", at="        partial: true"),
    Bad("error newer than the table", 'cause: The eye is shut., looks: [ring is not tabled], '
        'since: "6.1"', 'cause: The eye is shut., since: "6.3"', "LOOK",
        "since 6.3 is newer than the table's kernel 6.2"),
    Bad("register error on a field", "when: [ring has IORING_SETUP_SQE128, nr_args",
        "when: [fd is 0, nr_args", "REGISTER_TINY", "'fd' is no member of the argument of REGISTER_TINY"),
    Bad("register error on an unknown constant", "nr_args is 1,", "nr_args is TINY_ONE,",
        "REGISTER_TINY", "'TINY_ONE' is no constant of the table"),
    Bad("look at no member", "items is not open", "fd is not open", "REGISTER_TINY",
        "'fd' is neither 'items' nor a member of the argument of REGISTER_TINY"),
    Bad("element of no items", "    items: {of: struct tiny_words, at: ptr, count: id, inside: column, "
        "first: row, tags: ptr, descriptor: whole, part: true, written: true, "
        "must: [whole below TINY_SPOTS]}\n", "", "REGISTER_TINY", "REGISTER_TINY has no 'items'",
        at="      - {errno: EBUSY, cause: There is one., when"),
    Bad("descriptor at no member", "descriptor: whole", "descriptor: id", "REGISTER_TINY",
        "'id' is no member of an element of REGISTER_TINY"),
    Bad("must of no member", "must: [row within 3", "must: [top within 3", "REGISTER_TINY",
        "'top' is no member of the argument of REGISTER_TINY"),
    Bad("must of no member of an element", "must: [whole below", "must: [row below",
        "REGISTER_TINY", "'row' is no member of an element of REGISTER_TINY"),
    Bad("limit that is a constant", "{name: TINY_SPOTS, value", "{name: TINY_FAR, value",
        "", "'TINY_FAR' is already defined in line {line}",
        at="{name: TINY_FAR, value: 0x100000000", first="{name: TINY_FAR, value: 0x8000000000"),
    Bad("items at no member", "at: ptr", "at: top", "REGISTER_TINY",
        "'top' is no member of the argument of REGISTER_TINY"),
    Bad("count that ends before it begins", "count: [1, 1]", "count: [2, 1]", "REGISTER_TINY",
        "the least is greater than the greatest"),
    Bad("unknown group", "flags: tiny_open,", "flags: huge_open,", "OPEN",
        "group 'huge_open' does not exist"),
    Bad("flag of another group taken", "          - LOOK_TWICE\n", "          - O_CREAT\n", "LOOK",
        "'O_CREAT' is no flag of group look", at="          - O_CREAT"),
    Bad("flag taken before it existed", '{LOOK_AGAIN: "6.2"}', '{LOOK_AGAIN: "6.1"}', "LOOK",
        "'LOOK_AGAIN' is there since 6.1; a version is only for flags that came later here"),
    Bad("takes without flags", "{slot: len, type: size_t,",
        "{slot: len, takes: [LOOK_TWICE], type: "
        "size_t,", "LOOK", "len: 'takes' needs 'flags'"),
    Bad("rule that never holds", '        until: "6.2"', '        until: "6.1"', "LOOK",
        "the rule ends in 6.1, before it begins"),
    Bad("unknown CQE flag", "flags: [IORING_CQE_F_BUFFER, IORING_CQE_F_MORE]",
        "flags: [IORING_CQE_F_BUFFER, IORING_CQE_F_LESS]", "LOOK",
        "'IORING_CQE_F_LESS' is no constant of the table"),
    Bad("unknown IOSQE flag", 'iosqe_since: {IOSQE_BUFFER_SELECT:', 'iosqe_since: {IOSQE_BUFFER:',
        "LOOK", "'IOSQE_BUFFER' is no constant of the table"),
    Bad("flag that was always taken", ', IOSQE_FIXED_FILE: "6.1"}', "}", "LOOK",
        "IOSQE_FIXED_FILE: 'iosqe_before' needs 'iosqe_since'",
        at="    iosqe_before: {IOSQE_FIXED_FILE: ignored}"),
    Bad("half of a small field", LOOK_FD, LOOK_FD.replace("role: file", "role: file, bits: 32"),
        "LOOK", "fd does not have 64 bits"),
    Bad("stream for other reasons than none",
        "      when: [look_flags has LOOK_AGAIN]\n      or_when:", "      or_when:", "LOOK",
        "'or_when' needs 'when'"),
    Bad("no failure under a condition", "      short: failure\n", "", "LOOK",
        "'short_when' needs 'short'", at="      short_when:"),
    Bad("prep with an unknown argument", "args: [dfd, path, flags, mode, slot]",
        "args: [dfd, path, flags, mode, slots]", "OPEN",
        "'slots' is the argument of no field of OPEN"),
    Bad("prep with an argument twice", "args: [path, flags, mode]", "args: [path, flags, flags]",
        "OPEN", "argument 'flags' stands twice"),
    Bad("prep with two arguments for a field", "          - {arg: pictures,",
        "          - buf\n          - {arg: pictures,", "LOOK", "two arguments for addr",
        at="          - {arg: pictures,"),
    Bad("prep argument that is a keyword", "{arg: pictures,", "{arg: this,", "LOOK",
        "'this' is a keyword of C or C++"),
    Bad("pointer into a small field", "slot: addr, type: void *, liburing: char *, summary: Where the pictures go.",
        "slot: len, type: void *, liburing: char *, summary: Where the pictures go.", "LOOK",
        "a pointer does not fit len"),
    Bad("prep twice", "- name: open_direct", "- name: look", "OPEN",
        "rota_prep_look is already defined in line {line}", at="- name: look\n        args: [dfd",
        first="- name: look\n        args: [fd"),
    Bad("neither tried nor untried",
        "        live: [{in: eye, args: [path, O_CREAT, 0], res: fd}]\n",
        "", "OPEN", "needs either 'live' or 'untried'", at="- name: open\n"),
    Bad("tried and untried", "        drop_in: later\n        untried: It only amends a request.",
        "        drop_in: later\n        untried: It only amends a request.\n        live: []", "LOOK",
        "needs either 'live' or 'untried'", at="- name: look_flags"),
    Bad("error of an unknown prep", "live: {in: eye, prep: look, args: [-1,",
        "live: {in: eye, prep: peek, args: [-1,", "LOOK", "'peek' is no prep function of LOOK"),
    Bad("error of one prep of several", "live: {in: eye, prep: look, args: [-1,",
        "live: {in: eye, args: [-1,", "LOOK",
        "say which prep function: look, look_again or look_flags"),
    Bad("unknown scenario", "{in: eye, args: [fd, buf, 0, 0]", "{in: ear, args: [fd, buf, 0, 0]",
        "LOOK", "scenario 'ear' does not exist"),
    Bad("too few values", "{in: eye, args: [fd, buf, 0, 0]", "{in: eye, args: [fd, buf, 0]", "LOOK",
        "3 arguments where 4 belong"),
    Bad("value that is not offered", "{in: eye, args: [fd, buf, 0, 0]",
        "{in: eye, args: [fd, lens, 0, 0]", "LOOK", "the scenario does not offer 'lens'"),
    Bad("result that is not offered", "res: 16\n", "res: lens\n", "LOOK",
        "the scenario does not offer 'lens'", at="res: lens"),
    Bad("field of a trial", "set: {file_index: 0}", "set: {index: 0}", "LOOK",
        "'index' is no member of struct io_uring_sqe"),
    Bad("set-up flag", "rings: {needs: [IORING_SETUP_SQE128]",
        "rings: {needs: [IORING_SETUP_SQE64]",
        "REGISTER_TINY", "'IORING_SETUP_SQE64' is no constant of the table"),
    Bad("error of an unknown call", "call: register_tiny,", "call: register_huge,", "REGISTER_TINY",
        "'register_huge' is no function of REGISTER_TINY"),
    Bad("error of one call of several", "call: register_tiny, ", "", "REGISTER_TINY",
        "say which function: register_tiny or register_tiny_at",
        at="{in: eye, args: [slot, 0]}"),
    Bad("call argument that is a keyword", "{arg: id, type: unsigned", "{arg: new, type: unsigned",
        "REGISTER_TINY", "'new' is a keyword of C or C++"),
    Bad("call argument twice", "{arg: ptr, type: const void *", "{arg: id, type: const void *",
        "REGISTER_TINY", "argument 'id' stands twice"),
    Bad("unknown argument passed", "pass: arg\n", "pass: tiny\n", "REGISTER_TINY",
        "'tiny' is no argument of register_tiny_at", at="pass: tiny"),
    Bad("pass and struct", "struct: tiny_arg\n", "struct: tiny_arg\n        pass: ptr\n",
        "REGISTER_TINY", "register_tiny: either 'pass' or 'struct'", at="        pass: ptr"),
    Bad("unknown count", "nr: nr\n", "nr: count\n", "REGISTER_TINY",
        "'count' is no constant of the table", at="nr: count"),
    Bad("size of nothing", "nr: nr\n", "nr: sizeof\n", "REGISTER_TINY",
        "register_tiny_at: 'sizeof' needs 'struct'", at="nr: sizeof\n        own"),
    Bad("unknown struct of a call", "struct: tiny_arg\n", "struct: huge_arg\n", "REGISTER_TINY",
        "struct huge_arg is not in the table", at="struct: huge_arg"),
    Bad("unknown member of a call", "set: {id: id, ", "set: {number: id, ", "REGISTER_TINY",
        "'number' is no member of struct tiny_arg"),
    Bad("set without struct", "pass: arg\n", "pass: arg\n        set: {id: 1}\n", "REGISTER_TINY",
        "register_tiny_at: 'set' needs 'struct'", at="        set: {id: 1}"),
]


def line_of(text: str, needle: str) -> int:
    assert text.count(needle) == 1, f"{needle!r} stands {text.count(needle)} times"
    return text[:text.index(needle)].count("\n") + 1


def made(bad: Bad) -> tuple[str, int, str]:
    """The bad table, the line of its mistake, and the message."""
    good = TINY.read_text("utf-8")
    assert good.count(bad.old) == 1, f"{bad.old!r} stands {good.count(bad.old)} times"
    text = good.replace(bad.old, bad.new)
    message = bad.message.format(line=line_of(text, bad.first)) if bad.first else bad.message
    return text, line_of(text, bad.at or bad.new), message


@pytest.mark.parametrize("bad", [*SCHEMA, *YAML, *CHECKS], ids=lambda bad: bad.name)
def test_bad_table(bad: Bad, codegen: Command, tmp_path: Path) -> None:
    text, line, message = made(bad)
    table = tmp_path / "bad.yaml"
    table.write_text(text, "utf-8")
    done = codegen("--table", table, "--out", tmp_path / "out", "generate")
    label = f"{bad.label}: " if bad.label else ""
    wanted = f"bad.yaml:{line}: error: {label}{message}"
    assert (done.status, done.out) == (1, "")
    assert any(said.startswith(wanted) for said in done.err.splitlines()), \
        f"wanted {wanted}\ngot\n{done.err}"
    assert not (tmp_path / "out").exists(), "nothing is written"


def test_every_mistake_is_reported(codegen: Command, tmp_path: Path) -> None:
    """All of them at once, in the order of their lines, each once."""
    table = tmp_path / "bad.yaml"
    text = TINY.read_text("utf-8")
    text = text.replace("completion: {res: Always 0.}", "completion: {}")
    text = text.replace("    syscall: look(2)", "    syscal: look(2)\n    confi: X")
    text = text.replace("{name: TINY_SHIFT, value: 16, ", "{name: TINY_SHIFT, worth: 16, ")
    table.write_text(text, "utf-8")
    done = codegen("--table", table, "list")
    said = [line.split(": error: ")[1] for line in done.err.splitlines()]
    assert said == ["TINY_SHIFT: key 'value' is missing", "TINY_SHIFT: unknown key 'worth'",
                    "NOP: key 'res' is missing",
                    "LOOK: unknown key 'syscal'; did you mean 'syscall'?",
                    "LOOK: unknown key 'confi'; did you mean 'config'?"]


def test_not_utf8(codegen: Command, tmp_path: Path) -> None:
    table = tmp_path / "bad.yaml"
    table.write_bytes(b'kernel: "6.2"\n# caf\xe9\n')
    done = codegen("--table", table, "list")
    assert (done.status, done.err) == (1, "bad.yaml:2: error: not UTF-8\n")


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_empty(text: str, codegen: Command, tmp_path: Path) -> None:
    table = tmp_path / "bad.yaml"
    table.write_text(text, "utf-8")
    done = codegen("--table", table, "list")
    assert (done.status, done.err) == (1, "bad.yaml:1: error: the table is empty\n")


@pytest.mark.parametrize("text, what", [("- a\n", "a list"), ("just text\n", "'just text'")])
def test_no_mapping(text: str, what: str, codegen: Command, tmp_path: Path) -> None:
    table = tmp_path / "bad.yaml"
    table.write_text(text, "utf-8")
    done = codegen("--table", table, "list")
    assert (done.status, done.err) == (
        1, f"bad.yaml:1: error: the table: {what} stands where a mapping belongs\n")


def test_through_a_process(tmp_path: Path) -> None:
    """The exit status and the messages as a shell sees them."""
    bad = CHECKS[0]
    text, line, message = made(bad)
    table = tmp_path / "bad.yaml"
    table.write_text(text, "utf-8")
    done = subprocess.run([sys.executable, "-m", "codegen", "check", "--table", table], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"bad.yaml:{line}: error: {bad.label}: {message}\n"


# -- no rule without a case ------------------------------------------------------------

def calls_of_error(module: Any) -> set[int]:
    """The lines of the statements that report an error."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) \
                and node.func.attr == "error":
            found.add(node.lineno)
    return found


def test_every_check_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[int] = set()
    report = load.Source.error

    def spy(self: load.Source, place: load.Place, message: str) -> None:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename != checks.__file__:
            frame = frame.f_back
        if frame.f_code.co_filename == checks.__file__:
            reached.add(frame.f_lineno)
        report(self, place, message)

    monkeypatch.setattr(load.Source, "error", spy)
    for bad in CHECKS:
        with pytest.raises(load.TableError):
            checks.check(load.parse(made(bad)[0], "bad.yaml"))
    lines = Path(checks.__file__).read_text("utf-8").splitlines()
    missed = [f"checks.py:{line}: {lines[line - 1].strip()}"
              for line in sorted(calls_of_error(checks) - reached)]
    assert not missed, "\n".join(missed)


def keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key in ("properties", "$defs"):
                for each in inner.values():
                    yield from keywords(each)
            else:
                yield key
                yield from keywords(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from keywords(inner)


def test_every_kind_of_schema_rule_has_a_case() -> None:
    schema = yaml.safe_load((ROOT / "codegen" / "table" / "schema.yaml").read_text("utf-8"))
    broken = set()
    for bad in SCHEMA:
        source = load.Source("bad.yaml", made(bad)[0])
        try:
            source.read()
        except load.TableError:
            continue
        stack = list(load._validator().iter_errors(source.data))
        for error in stack:
            broken.add(error.validator)
            stack += error.context or []
    silent = {"description", "title", "$schema", "$ref", "items", "if", "then", "else"}
    wanted = {key for key in keywords(schema) if key not in silent}
    assert wanted <= broken, f"no case breaks {sorted(wanted - broken)}"


def test_every_key_is_described() -> None:
    schema = yaml.safe_load((ROOT / "codegen" / "table" / "schema.yaml").read_text("utf-8"))

    def undescribed(part: Any, place: str) -> Iterator[str]:
        if not isinstance(part, dict):
            return
        for key, inner in part.get("properties", {}).items():
            target = schema["$defs"].get(inner.get("$ref", "").rsplit("/", 1)[-1], {})
            if "description" not in inner and "description" not in target:
                yield f"{place}.{key}"
            yield from undescribed(inner, f"{place}.{key}")
        for key in ("items", "additionalProperties"):
            yield from undescribed(part.get(key), place)
        for each in [*part.get("oneOf", []), *part.get("anyOf", [])]:
            yield from undescribed(each, place)

    found = list(undescribed(schema, "table"))
    for name, part in schema["$defs"].items():
        found += undescribed(part, name)
    assert not found


def test_every_mapping_is_closed() -> None:
    schema = yaml.safe_load((ROOT / "codegen" / "table" / "schema.yaml").read_text("utf-8"))

    def opened(part: Any, place: str) -> Iterator[str]:
        if isinstance(part, dict):
            if part.get("type") == "object" and "additionalProperties" not in part:
                yield place
            for key, inner in part.items():
                yield from opened(inner, f"{place}.{key}")
        elif isinstance(part, list):
            for inner in part:
                yield from opened(inner, place)

    assert not list(opened(schema, "table"))
