#!/usr/bin/env python3
"""Does a recording of Hugging Face answer what one of torchless answers?

The model that comes with torchless is recorded by both; every saved query is asked of both, and what
does not hang on a clock or a machine is the same answer. Run with .venv/bin/python: it needs torch and
transformers (scripts/venv reference), and ./torchless.
"""

import contextlib
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import record_hf  # noqa: E402

TORCHLESS = os.path.abspath(os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless")))
MODEL = os.path.join(ROOT, "lessons", "model")
# It repeats a token, so that induction has something to say.
PROMPT = "Lily put the ball in the box. Tom put the ball"

UNTOLD = {"merges": "tokenize --steps", "cost": "operations and bytes", "roofline": "operations and bytes"}
# Facts of the engine, the machine, or the moment.
OF_ITS_OWN = {"time", "slow", "slow-layers", "passes", "runs", "config", "size"}
# Whose rows one engine has more of, or in another order.
ROWS = {
    "explain-token": lambda row: row["stage"] in ("candidate", "pick"),
    "big-values": lambda row: not re.search(r":scores$", row["fqn"]),
    "dumps": lambda row: "rotary" not in row["fqn"],
}


def setUpModule():
    global folder
    folder = tempfile.mkdtemp(prefix="torchless-reference-")
    arguments = ["-n", "3", PROMPT]
    with contextlib.redirect_stderr(io.StringIO()):
        record_hf.main(["-m", MODEL, "-o", os.path.join(folder, "reference.db"), "-j", "1", *arguments])
    with contextlib.redirect_stderr(io.StringIO()):
        record_hf.main(["-m", MODEL, "-o", os.path.join(folder, "wide.db"), "-j", "1", "--f64", "--follow", os.path.join(folder, "reference.db"), *arguments])
    run("trace", "-q", "-m", MODEL, "-o", "engine.db", "--capture", "*", *arguments)


def tearDownModule():
    shutil.rmtree(folder)


def run(*args, status=0):
    """stdout, or stderr where it is to fail."""
    done = subprocess.run([TORCHLESS, *args], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise AssertionError(f"{args}: exit status {done.returncode}: {done.stderr}")
    return done.stderr if status else done.stdout


def ask(db, *question):
    return [json.loads(line) for line in run("query", "-t", db, "--json", *question).splitlines()]


def alike(a, b):
    """The same, or two numbers that differ by less than both print or f32 tells apart."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=2e-3, abs_tol=0.02)
    return a == b


class SavedQueries(unittest.TestCase):
    def test_a_reference_answers_as_an_engine_does(self):
        names = [line.split("\t")[0] for line in run("query", "-t", "engine.db", "--list").splitlines()]
        self.assertEqual(names, [line.split("\t")[0] for line in run("query", "-t", "reference.db", "--list").splitlines()])
        self.assertGreater(len(names), 40)
        for name in names:
            with self.subTest(name):
                if name in UNTOLD:
                    self.assertIn(UNTOLD[name], run("query", "-t", "reference.db", name, status=2))
                    continue
                told, true = (list(filter(ROWS.get(name, lambda row: True), ask(db, name))) for db in ("reference.db", "engine.db"))
                self.assertEqual(bool(told), bool(true))
                if name in OF_ITS_OWN:
                    self.assertEqual([list(row) for row in told[:1]], [list(row) for row in true[:1]])
                    continue
                self.assertEqual(len(told), len(true))
                for ours, theirs in zip(true, told):
                    for column, value in ours.items():
                        self.assertTrue(alike(value, theirs[column]), (column, ours, theirs))

    def test_parameters_are_checked(self):
        self.assertIn("pos takes a position that was read", run("query", "-t", "reference.db", "next", "pos=99", status=2))
        self.assertIn("run takes a run", run("query", "-t", "reference.db", "merges", "run=7", status=2))

    def test_no_fact_is_missing(self):
        for row in ask("reference.db", "config"):
            self.assertTrue(row["value"], row["fact"])
        command = ask("reference.db", "config")[-1]["value"]
        self.assertRegex(command, r"-m .*lessons/model -o .*reference.db -j 1 -n 3 'Lily put")
        for name in "time", "slow", "passes":
            for row in ask("reference.db", name):
                self.assertGreater(row["ms"], 0, name)

    def test_one_row_a_pass_and_the_parts_are_within_it(self):
        rows = ask("reference.db", "passes")
        self.assertEqual([row["pass"] for row in rows], [0, 1, 2])
        parts = {row["part"]: row for row in ask("reference.db", "time")}
        self.assertEqual(parts["all"]["calls"], 3)
        for part, row in parts.items():
            self.assertLessEqual(row["ms"], parts["all"]["ms"] + 0.001, part)

    def test_the_clock_does_not_count_the_recorder(self):
        """A pass took no longer than what its modules did; statistics take most of the time otherwise."""
        spans = ask("reference.db", "SELECT sum(dur) FILTER (WHERE depth = 0) roots, (SELECT sum(dur) FROM pass) passes FROM v_span")
        self.assertLessEqual(spans[0]["roots"], spans[0]["passes"])

    def test_a_reference_in_f64_is_read(self):
        """Its dumps are rounded to f32: within the tolerance of both, and as near as f32 comes."""
        for db in "reference.db", "engine.db":
            (row,) = ask(db, "first-divergence", "reference=wide.db")
            self.assertEqual((row["point"], row["unknown"]), ("no divergence", 0), row)
        self.assertEqual(len(ask("wide.db", "lens")), 6)
        (row,) = ask("wide.db", "SELECT t_nmse('L3.resid_post', t_npy('L3.resid_post')) same, t_max('L3.attn.pattern') p")
        self.assertEqual((row["same"], row["p"] <= 1), (0, True))

    def test_columns_are_described(self):
        self.assertGreater(ask("reference.db", "SELECT count(*) n FROM schema_doc")[0]["n"], 400)


class OtherCommands(unittest.TestCase):
    """graph, show, report, export and the debugger over a reference."""

    def test_graph(self):
        told, true = (json.loads(run("graph", "-t", db, "--color-by", "l2", "--json")) for db in ("reference.db", "engine.db"))
        self.assertEqual(set(told), set(true))
        self.assertEqual(len(told["nodes"]), len(true["nodes"]))

    def test_graph_of_the_difference(self):
        self.assertIn("digraph", run("graph", "--diff", "reference.db", "engine.db"))

    def test_show(self):
        for name in "L3.attn.pattern[head=2]", "L0.attn.q_rot", "logits[pos=-1]":
            self.assertTrue(run("show", "-t", "reference.db", name), name)
        self.assertTrue(run("show", "-t", "engine.db", "L3.attn.z", "--vs", "reference.db"))

    def test_report(self):
        told, true = (json.loads(run("report", "-t", db, "--json")) for db in ("reference.db", "engine.db"))
        self.assertEqual(set(told), set(true))

    def test_export_and_debug(self):
        run("export", "-t", "reference.db", "--perfetto", "timeline.pftrace")
        self.assertIn("2.", run("debug", "--batch", "-t", "reference.db", "-ex", "run"))


if __name__ == "__main__":
    unittest.main()
