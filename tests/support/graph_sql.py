#!/usr/bin/env python3
"""Holds what `torchless graph --json -t FILE` says against SQL over the same file.

    torchless graph --json -t FILE --color-by l2 | graph_sql.py FILE [PASS]

Prints what differs, and at the end how many numbers were compared. Points are in the graph by their names, a
range of layers as [a-b]; so every number of a node is one question to the views of the recording.
"""

import json
import re
import sqlite3
import sys

compared = 0


def same(what, shown, asked):
    global compared
    compared += 1
    if shown is None or asked is None:
        if shown is not asked:
            print(f"{what}: the graph has {shown}, SQL {asked}")
    elif abs(shown - asked) > 1e-9 * max(abs(shown), abs(asked)):
        print(f"{what}: the graph has {shown}, SQL {asked}")


def names(node):
    """The node's point in each of its layers."""
    if not node["layers"]:
        return [node["point"]]
    first, last = node["layers"]
    return [re.sub(r"\.\[\d+-\d+\]", f".{n}", node["point"]) if first < last else node["point"]
            for n in range(first, last + 1)]


class Recording:
    def __init__(self, path, number):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.run = self.db.execute("SELECT max(id) FROM run").fetchone()[0]
        self.passes = f"run_id = {self.run} AND pass IS NOT NULL" + (f" AND pass = {number}" if number else "")
        self.total = self.one("SELECT sum(own) FROM (%s)" % self.own("dur", "1"))

    def one(self, sql, *args):
        return self.db.execute(sql, args).fetchone()[0]

    def own(self, what, where):
        """What calls took without their children."""
        return (f"SELECT coalesce(s.{what}, 0) - coalesce((SELECT sum(c.{what}) FROM v_span c JOIN span x ON x.id = c.id "
                f"WHERE x.parent_id = s.id), 0) own FROM v_span s WHERE {self.passes} AND s.dur IS NOT NULL AND {where}")

    def newest(self, name):
        row = self.db.execute("SELECT pass, shape, l2, absmax, n_nan, iif(role LIKE 'scores%', 0, n_inf) FROM v_value "
                              f"WHERE fqn = ? AND {self.passes} ORDER BY id DESC LIMIT 1", (name,)).fetchone()
        return row

    def module(self, what, path):
        """Of a leaf module, whose calls are all of what its op is."""
        return self.one("SELECT sum(own) FROM (%s)" % self.own(what, "module = ?"), path)


def largest(numbers):
    numbers = [x for x in numbers if x is not None]
    return max(numbers) if numbers else None


def check_node(rec, node, by):
    m = node["measures"]
    values = [v for v in map(rec.newest, names(node)) if v]
    if not values:
        return
    last = max(values, key=lambda v: v[0])
    same(f"{node['id']} pass", m["pass"], last[0])
    if m["shape"] != last[1]:
        print(f"{node['id']}: the graph has the shape {m['shape']}, SQL {last[1]}")
    for key, column in ("l2", 2), ("absmax", 3):
        same(f"{node['id']} {key}", m[key], largest(v[column] for v in values))
    for key, column in ("nan", 4), ("inf", 5):
        same(f"{node['id']} {key}", m[key], sum(v[column] for v in values))
    if m["series"] and by in ("l2", "absmax"):
        for layer, (x, v) in enumerate(zip(m["series"], values)):
            same(f"{node['id']} layer {layer}", x, v[2 if by == "l2" else 3])
        if not any(v[4] or v[5] for v in values):
            same(f"{node['id']} worst", m["series"][m["worst"] - node["layers"][0]], largest(m["series"]))


def check_time(rec, node):
    """Of what is the whole of a module."""
    m = node["measures"]
    if m["estimate"] or node["kind"] == "layers" or not node["ops"] or not node["point"].endswith(":out"):
        return
    paths = [n.removesuffix(":out") for n in names(node)]
    calls = rec.one(f"SELECT count(*) FROM v_span WHERE {rec.passes} AND dur IS NOT NULL AND module = ?", paths[0])
    if paths == ["lm_head"] and len(node["ops"]) == 2:
        paths.append("")  # what the model does itself: the last rows, which the head reads
    spent = [rec.module("dur", p) for p in paths]
    if None in spent:
        return
    same(f"{node['id']} share", m["share"], sum(spent) / rec.total)
    same(f"{node['id']} bytes", m["bytes"], sum(rec.module("bytes", p) for p in paths) / calls)


def main(argv):
    graph = json.load(sys.stdin)
    rec = Recording(argv[1], argv[2] if len(argv) > 2 else None)
    by = graph["series"]
    measured = [n for n in graph["nodes"] if "measures" in n]
    shares = [n["measures"]["share"] for n in measured if n["measures"]["share"] is not None]
    if abs(sum(shares) - 1) > 1e-9:
        print(f"shares add up to {sum(shares)}")
    for node in measured:
        if node["point"]:
            check_node(rec, node, "absmax" if by == "largest magnitude" else by)
            check_time(rec, node)
    print(compared)


if __name__ == "__main__":
    main(sys.argv)
