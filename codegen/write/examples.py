"""The examples of the manual pages: C functions made of a row."""

from __future__ import annotations

import textwrap

from codegen.table.calls import Call
from codegen.write.subject import Subject


def _c_call(indent: str, head: str, arguments: list[str], tail: str, width: int = 72) -> str:
    """A call or a function head, wrapped below its parenthesis."""
    items = arguments or ["void"]
    pad = " " * (len(indent) + len(head) + 1)
    if len(pad) + max(map(len, items)) + len(tail) + 1 > width:
        pad = indent + " " * 8
    lines, current = [], f"{indent}{head}("
    start = current
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else f"){tail}")
        if current not in (start, pad) and len(current) + len(piece) > width:
            lines.append(current.rstrip())
            current = pad
        current += piece + " "
    lines.append(current.rstrip())
    return "\n".join(lines)


def _c_comment(indent: str, text: str) -> str:
    whole = f"{indent}/* {text} */"
    if len(whole) <= 72:
        return whole
    lines = textwrap.wrap(text, 72 - len(indent) - 3, break_long_words=False,
                          break_on_hyphens=False)
    return "\n".join([f"{indent}/*", *(f"{indent} * {line}" for line in lines), f"{indent} */"])


def prep_example(subject: Subject, streams: bool) -> str:
    """A function that sends one request and takes in what comes back."""
    op, prep = subject.op, subject.prep
    before = [] if not prep.amends else [next(item for item in op.preps if not item.amends)]
    steps = [*before, prep]
    parameters: dict[str, str] = {"ring": "struct rota_ring *ring"}
    if op.behind_link:
        parameters["before"] = "struct io_uring_sqe *before"
    for step in steps:
        parameters |= {arg.name: arg.declaration for arg in step.args}
    flags = _needed_flags(subject)
    group = "IOSQE_BUFFER_SELECT" in flags and "buf_group" not in parameters
    if group:
        parameters["buf_group"] = "unsigned short buf_group"
    select = group or subject.sets("IOSQE_BUFFER_SELECT")
    stream, notified = streams, op.completion.shape == "notification"
    headers = ["errno.h", "rota.h"]
    if stream:
        headers.append("stdio.h")
    lines = [f"#include <{name}>" for name in headers]
    lines += ["", _c_comment("", prep.summary + (
        " `before` was prepared last and is not submitted yet." if op.behind_link else ""))]
    lines += [_c_call("", f"int {prep.name}_example", list(parameters.values()), "")]
    lines += ["{", "    struct io_uring_sqe *sqe = rota_get_sqe(ring);",
              "    struct io_uring_cqe *cqe;"]
    if notified:
        lines.append("    int ret, res = 0;")
    else:
        lines.append("    int ret;")
    if op.behind_link:
        lines.append("    bool ours;")
    elif stream or notified:
        lines.append("    bool more;")
    lines += ["", "    if (!sqe)", "        return -EBUSY; /* the queue is full: submit first */"]
    if op.behind_link:
        lines.append("    before->flags |= IOSQE_IO_LINK;")
    for step in steps:
        lines.append(_c_call("    ", step.function,
                             ["sqe", *(arg.name for arg in step.args)], ";"))
    if flags:
        lines.append(f"    sqe->flags |= {' | '.join(flags)};")
    if group:
        lines.append("    sqe->buf_group = buf_group;")
    lines.append("    rota_sqe_set_data64(sqe, 1); /* comes back in cqe->user_data */")
    lines += ["", "    ret = rota_submit(ring);", "    if (ret < 0)", "        return ret;"]
    if op.behind_link:
        lines += ["    do { /* the request before it completes, too */",
                  "        ret = rota_wait_cqe(ring, &cqe);", "        if (ret < 0)",
                  "            return ret;", "        ret = cqe->res;",
                  "        ours = cqe->user_data == 1;", "        rota_cqe_seen(ring, cqe);",
                  "    } while (!ours);", "    return ret;"]
    elif stream or notified:
        wait = ["    do {", "        ret = rota_wait_cqe(ring, &cqe);", "        if (ret < 0)",
                "            return ret;"]
        if notified:
            wait += ["        if (!rota_cqe_is_notif(cqe))", "            res = cqe->res;"]
        elif select:
            wait += ['        printf("%d, buffer %d\\n", cqe->res, rota_cqe_buffer_id(cqe));']
        else:
            wait += ['        printf("%d\\n", cqe->res);']
        wait += ["        more = rota_cqe_has_more(cqe);", "        rota_cqe_seen(ring, cqe);",
                 "    } while (more);"]
        lines += wait
        lines.append("    return res; /* the memory is free again */" if notified
                     else "    return 0;")
    else:
        lines += ["    ret = rota_wait_cqe(ring, &cqe);", "    if (ret < 0)",
                  "        return ret;"]
        lines += ["    ret = cqe->res;", "    rota_cqe_seen(ring, cqe);", "    return ret;"]
    lines.append("}")
    return "\n".join(lines)


def _needed_flags(subject: Subject) -> list[str]:
    """IOSQE flags without which the kernel refuses every request of this function."""
    found: list[str] = []
    for rule in subject.op.rules:
        if rule.until or subject.all_hold(rule.when) is not True:
            continue
        for item in rule.must:
            if item.subject == "flags" and item.operator == "has" \
                    and subject.holds(item) is not True:
                found += [flag for flag in item.operands if flag not in found]
    for key, flag in (("fixed_file", "IOSQE_FIXED_FILE"),
                      ("buffer_select", "IOSQE_BUFFER_SELECT")):
        if getattr(subject.op, key) == "required" and not subject.sets(flag) \
                and flag not in found:
            found.append(flag)
    return found


def call_example(call: Call) -> str:
    parameters = [] if call.without_ring else ["struct rota_ring *ring"]
    parameters += [arg.declaration for arg in call.args]
    arguments = [] if call.without_ring else ["ring"]
    arguments += [arg.name for arg in call.args]
    return "\n".join([
        "#include <rota.h>", "#include <stdio.h>", "#include <string.h>", "",
        _c_comment("", call.summary),
        _c_call("", f"int {call.name}_example", parameters, ""), "{",
        _c_call("    ", f"int ret = {call.function}", arguments, ";").replace("(void)", "()"), "",
        "    if (ret < 0)",
        _c_call("        ", "fprintf", ["stderr", f'"{call.function}: %s\\n"',
                                        "strerror(-ret)"], ";"),
        "    return ret;", "}"])
