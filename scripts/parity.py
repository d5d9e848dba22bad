#!/usr/bin/env python3
"""Holds a recording of torchless against Hugging Face, point by point.

    scripts/parity.py REFERENCE.db FLOOR64.db CANDIDATE.db

REFERENCE.db is written by scripts/record_hf.py, FLOOR64.db by scripts/record_hf.py --f64 --follow
REFERENCE.db (- for none), CANDIDATE.db by torchless trace --capture '*'. Prints the first point, in
order of execution, that differs by more than the tolerances of lib/compare.py, then for each kind
of point the worst NMSE and the worst difference, beside the floor: Hugging Face's own float32
against its float64. Exit status: 0 equal within tolerance, 1 not, 2 not the same thing recorded.
"""

import argparse
import json
import math
import re
import sqlite3
import sys

from lib.files import BadInput, need, run_main

need("numpy", kind="reference")

from lib import compare, terminal  # noqa: E402

COLUMNS = ("point", "values", "NMSE", "floor", "max-abs", "floor", "at", "Hugging Face",
           "torchless")
DROPS = (7, 8, 6, 5, 3)  # what a narrow terminal does without, in that order


def short(number):
    """A measure in a table."""
    return "–" if number is None else f"{number:.1e}" if math.isfinite(number) else str(number)


def exact(number):
    """A value in a table, with the digits that float32 has."""
    return f"{number:.8g}"


def place_text(measure):
    """model.layers.3... in pass 0 at its coordinates, briefly."""
    found = re.search(r"\.layers\.(\d+)", measure.place.fqn)
    layer = f"L{found[1]} " if found else ""
    return f"{layer}pass {measure.place.idx} [{measure.where()}]"


def ordered(kinds):
    """Kinds in the order of points.def."""
    order = list(compare.AXES)
    return sorted(kinds, key=lambda kind: order.index(kind.name))


def table_rows(kinds):
    """One row of COLUMNS for each compare.Kind."""
    for kind in ordered(kinds):
        worst = kind.worst("max_abs")
        yield (
            kind.name.removeprefix("model."), str(len(kind.measures)),
            short(kind.worst("nmse").nmse), short(kind.floor("nmse")),
            short(worst.max_abs), short(kind.floor("max_abs")),
            place_text(worst) if worst.max_abs else "", *(
                (exact(worst.a), exact(worst.b)) if worst.max_abs else ("", "")),
        )


def text_table(rows):
    """Aligned columns: numbers to the right."""
    rows = [COLUMNS, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    kept, dropped = list(range(len(COLUMNS))), []
    for i in DROPS if terminal.columns() else ():
        if sum(widths[k] + 2 for k in kept) - 2 > terminal.columns():
            kept.remove(i)
            dropped.append(i)
    line = lambda row: "  ".join(
        row[i].ljust(widths[i]) if i in (0, 6) else row[i].rjust(widths[i]) for i in kept
    ).rstrip()
    names = ", ".join(COLUMNS[i] for i in sorted(dropped))
    note = terminal.wrap(f"not shown at this width: {names}; wider or piped shows all",
                       terminal.columns())
    return "\n".join([*map(line, rows), *([note] if dropped else [])])


def markdown_table(rows):
    """The same for a document."""
    rule = ["---" if i in (0, 6) else "---:" for i in range(len(COLUMNS))]
    code = lambda row: [f"`{row[0]}`", *row[1:]]
    lines = [COLUMNS, rule, *map(code, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def logits_text(logits, floor):
    """One line about the distributions."""
    if not logits.rows:
        return "logits: none compared"
    noise = f" (floor {short(floor.logprob)})" if floor.rows else ""
    kl_noise = f" (floor {short(floor.kl)})" if floor.rows else ""
    return (
        f"log-softmax max-abs {short(logits.logprob)}{noise}, KL {short(logits.kl)}{kl_noise}, "
        f"top-1 equal at {logits.rows - len(logits.differ)} of {logits.rows} positions, "
        f"at least {logits.overlap} of the {compare.TOP_K} likeliest shared"
    )


def failure_text(failure):
    """A divergence in words."""
    place, problem, measure, floor = failure
    where = "" if place.idx is None else f" in pass {place.idx}"
    if measure is None:
        return f"{place.fqn}{where}: {problem}"
    noise = ""
    if floor is not None:
        noise = f"; floor NMSE {short(floor.nmse)}, max-abs {short(floor.max_abs)}"
    return (
        f"{place.fqn}{where}: {problem}; worst at [{measure.where()}]: Hugging Face has "
        f"{exact(measure.a)}, torchless {exact(measure.b)}{noise}"
    )


def report(result, table=text_table, show=3):
    """The whole report as text."""
    lines = []
    if result.first:
        lines += [f"first divergence: {failure_text(result.first)}"]
        more = len(result.failures) - 1
        lines += [f"  then: {failure_text(failure)}" for failure in result.failures[1 : 1 + show]]
        if more > show:
            lines += [f"  and {more - show} more"]
    for name in result.missing[:show]:
        lines += [f"missing: {name}"]
    if len(result.missing) > show:
        lines += [f"missing: {len(result.missing) - show} more"]
    lines += [logits_text(result.logits, result.floor_logits)]
    count = sum(len(kind.measures) for kind in result.kinds.values())
    verdict = "equal within tolerance" if result.ok else "NOT equal"
    lines += [f"{count} values compared: {verdict} (NMSE <= {compare.NMSE:.0e}, max-abs <= "
              f"{compare.MAX_ABS:.0e} * max(1, absmax / 10))"]
    lines = [terminal.wrap(line, terminal.columns()) for line in lines]
    lines[-2:-2] = ["", table(list(table_rows(result.kinds.values()))), ""]
    return "\n".join(lines).lstrip("\n")


def finite(number):
    """JSON has no infinity."""
    return number if number is None or math.isfinite(number) else str(number)


def as_json(result):
    """The report for programs."""
    def measure(m):
        return m and {
            "fqn": m.place.fqn, "pass": m.place.idx, "nmse": finite(m.nmse),
            "max_abs": finite(m.max_abs), "at": m.where(), "reference": finite(m.a),
            "candidate": finite(m.b),
        }

    failures = [
        {"fqn": place.fqn, "pass": place.idx, "problem": problem, "worst": measure(m),
         "floor": measure(floor)}
        for place, problem, m, floor in result.failures
    ]
    kinds = [
        {"point": kind.name, "values": len(kind.measures), "failed": kind.failed,
         "worst_nmse": measure(kind.worst("nmse")), "worst_max_abs": measure(kind.worst("max_abs")),
         "floor_nmse": finite(kind.floor("nmse")), "floor_max_abs": finite(kind.floor("max_abs"))}
        for kind in result.kinds.values()
    ]
    logits = {
        "positions": result.logits.rows, "log_softmax": finite(result.logits.logprob),
        "kl": finite(result.logits.kl), "top1_differs_at": result.logits.differ,
        "top10_shared": result.logits.overlap,
    }
    return {"ok": result.ok, "failures": failures, "missing": result.missing, "kinds": kinds,
            "logits": logits}


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Hold a recording of torchless against Hugging Face, point by point.",
        epilog="example: scripts/parity.py reference.db floor.db trace.db",
    )
    parser.add_argument("reference", metavar="REFERENCE.db")
    parser.add_argument("floor", metavar="FLOOR64.db", help="the same in float64, - for none")
    parser.add_argument("candidate", metavar="CANDIDATE.db")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser.parse_args(argv)


def main(argv):
    """Compare three recordings."""
    args = parse(argv)
    floor = None if args.floor == "-" else args.floor
    try:
        result = compare.compare(args.reference, floor, args.candidate)
    except compare.Gate as difference:
        raise BadInput(f"these recordings cannot be compared: {difference}") from None
    except (sqlite3.Error, ValueError, LookupError, TypeError) as error:
        raise BadInput(f"a recording is damaged: {error}") from error
    if args.json:
        print(json.dumps(as_json(result), indent=1, ensure_ascii=False))
    else:
        text = report(result, markdown_table if args.markdown else text_table)
        print(terminal.shown(text))
    return 0 if result.ok else 1


if __name__ == "__main__":
    run_main(main)
