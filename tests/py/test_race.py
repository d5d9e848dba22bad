"""Tests of scripts/race without llama.cpp: torchless against itself, and tables of given numbers.

Run with .venv/bin/python -m unittest, from anywhere.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
sys.path.insert(0, SCRIPTS)

from lib.files import BadInput, EnvironmentProblem  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("race", os.path.join(SCRIPTS, "race"))
race = importlib.util.module_from_spec(importlib.util.spec_from_loader("race", LOADER))
LOADER.exec_module(race)

# Built by whoever runs the tests, as py/test_race of the Makefile does.
TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "build", "release", "torchless"))
RACER = os.path.join(os.path.dirname(TORCHLESS), "tests", "bench", "race_torchless")

PROBE = {"read": 20.0, "fma": 300.0, "latency": 70.0}


def sample(seconds, counts=True):
    """One run as Stage.sample() tells it."""
    return {"seconds": seconds, "others": 0.0, "counts": counts, **PROBE}


def record(ours, theirs, tokens=64, counts=True, **more):
    """A record of rounds of so many seconds."""
    rounds = [{"torchless": sample(a, counts), "llama.cpp": sample(b, counts)}
              for a, b in zip(ours, theirs)]
    return {"tokens": tokens, "threads": 2, "cpu": False, "rounds": rounds, "memory": {"torchless": 1 << 20},
            "kernels": "avx2", "commit": "abc1234", "date": "2026-01-01", "llama": "1.0", **more}


class Given:
    """Results that were never measured."""

    def __init__(self, **records):
        self.records = records

    def get(self, case, shape, kind, by_cpu=False):
        name = f"{shape}_{case}_{kind}{'_cpu' if by_cpu else ''}"
        return self.records.get(name.replace("-", "_"))


class Race(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = self.folder
        self.addCleanup(self.restore)

    def restore(self):
        os.environ.pop("XDG_CACHE_HOME")
        if self.cache is not None:
            os.environ["XDG_CACHE_HOME"] = self.cache

    def test_rounds_that_count(self):
        mixed = [{"torchless": sample(1)}, {"torchless": sample(9, False)},
                 {"torchless": sample(1)}, {"torchless": sample(1)}]
        rounds, noise = race.of_counted(mixed)
        self.assertEqual((len(rounds), noise), (3, False))
        rounds, noise = race.of_counted(mixed[:3])
        self.assertEqual((len(rounds), noise), (3, True))

    def test_one_state_of_the_machine(self):
        self.assertTrue(race.same(PROBE, {**PROBE, "read": 21.9}))
        self.assertFalse(race.same(PROBE, {**PROBE, "read": 22.1}))
        self.assertFalse(race.same(PROBE, {**PROBE, "fma": 150.0}))
        self.assertFalse(race.same({**PROBE, "latency": 160.0}, PROBE))

    def test_ratios_are_of_rounds(self):
        r = record([1, 2, 4], [2, 2, 2])
        self.assertEqual(race.ratios(race.speeds(r, "torchless"), race.speeds(r, "llama.cpp")),
                         [2, 1, .5])
        self.assertEqual(race.figures([1, 2, 4]), "2.00 [1.00, 4.00]")

    def test_the_better_attention_counts(self):
        r = record([1, 1, 1], [2, 2, 2])
        for one in r["rounds"]:
            one["llama.cpp -fa off"] = sample(1.5)
        self.assertEqual(race.best_llama(r), "llama.cpp -fa off")

    def test_table(self):
        results = Given(
            smollm2_decode_f16=record([1, 1, 1], [1.25, 1.25, 1.25]),
            smollm2_decode_bf16=record([2, 2, 2], [1, 1, 1]),
            smollm2_prefill_512_q8_0=record([1, 1, 1], [2, 2, 2], 512, counts=False),
            smollm2_busy_f16=record([2, 2, 2], [4, 4, 4],
                                    quiet=record([1, 1, 1], [1, 1, 1])["rounds"]))
        text = race.table(results)
        self.assertIn("**135M, decode**", text)
        self.assertIn("| f16 | 64.0 [64.0, 64.0] (86 %) | 51.2 [51.2, 51.2] (69 %) | "
                      "1.25 [1.25, 1.25] | 3 |", text)
        # f16 64 tokens a second against bf16's 64: the best type of each.
        self.assertIn("| best 16 bits | f16: 64.0 | bf16: 64.0 | **1.00** | |", text)
        self.assertIn("| q8_0 | ~512 [512, 512]", text)
        self.assertIn("f16: torchless 50 %, llama.cpp 25 %", text)
        self.assertNotIn("1.1B", text)
        with self.assertRaisesRegex(BadInput, "nothing has been measured"):
            race.table(Given())

    def test_processor_time_stands_apart(self):
        r = record([1, 1, 1], [2, 2, 2])
        text = race.table(Given(smollm2_decode_f16_cpu=r))
        self.assertIn("| 135M | decode | f16 | 64.0 | 32.0 | 2.00 [2.00, 2.00] | 3 | abc1234 |", text)
        self.assertNotIn("of the probe", text)
        both = race.table(Given(smollm2_decode_f16_cpu=r, smollm2_decode_f16=r))
        self.assertLess(both.index("of the probe"), both.index("by turns"))

    def test_the_table_is_written_between_its_marks(self):
        page, race.PAGE = race.PAGE, os.path.join(self.folder, "page.md")
        try:
            with open(race.PAGE, "w", encoding="utf-8") as file:
                file.write(f"before\n{race.BEGIN}\nold\n{race.END}\nafter\n")
            race.write_table("new")
            race.write_table("newer")
            with open(race.PAGE, encoding="utf-8") as file:
                self.assertEqual(file.read(), f"before\n{race.BEGIN}\nnewer\n{race.END}\nafter\n")
            with open(race.PAGE, "w", encoding="utf-8") as file:
                file.write(f"{race.END}{race.BEGIN}")
            with self.assertRaises(BadInput):
                race.write_table("new")
        finally:
            race.PAGE = page
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual((text.count(race.BEGIN), text.count(race.END)), (1, 1))

    def test_rows_that_blocks_do_not_divide(self):
        self.assertFalse(race.can_be("smollm2", "q4_k"))
        self.assertTrue(race.can_be("smollm2", "q4_0"))
        self.assertTrue(race.can_be("tinyllama", "q4_k"))

    def test_torchless_against_itself(self):
        """Everything but llama.cpp: models, drivers, probes, agreement, rounds, what is kept."""
        race.SHAPES["tiny"] = {"layers": None, "decode": 8, "called": "tiny"}
        for name in ("decode", "prompt-16", "busy"):
            title, shapes, types, command = race.CASES[name]
            race.CASES[name] = (title, (*shapes, "tiny"), types, command)
        arguments = race.parse(["--rounds", "2", "--seconds", "300", "--patience", "1",
                                "--cases", "decode,prompt-16,busy", "--types", "f32,bf16",
                                "--shapes", "tiny"])

        class Alone(race.Race):
            """llama.cpp is played by torchless."""

            def __init__(self, given):
                self.arguments, self.racer = given, RACER
                self.results, self.driver = race.Results(), None
                self.about = {"date": "2026-01-01", "commit": "abc1234", "llama": "none"}

            def open(self, shape, kind, engine, flash="auto", positions=2048):
                path = race.model_of(shape, kind, "torchless", None)
                return race.Engine([self.racer, path, "2"])

        with contextlib.redirect_stderr(io.StringIO()) as said:
            Alone(arguments).run()
        self.assertIn("agree (NMSE 0)", said.getvalue())
        results = race.Results()
        self.assertEqual(len(results.all), 6)
        r = results.get("prompt-16", "tiny", "bf16")
        self.assertEqual(r["tokens"], 16)
        self.assertLessEqual(2, len(r["rounds"]))
        self.assertLessEqual(len(r["rounds"]), 4)
        for name in ("torchless", "llama.cpp"):
            self.assertTrue(all(speed > 0 for speed in race.speeds(r, name)))
            self.assertGreater(r["memory"][name], 0)
        self.assertIn("**tiny, decode beside a busy process**", race.table(results))

    def test_two_models_are_no_race(self):
        path = os.path.join(self.folder, "models")
        os.makedirs(path)
        engines = {}
        for number, name in enumerate(("torchless", "llama.cpp"), 1):
            made = os.path.join(path, str(number))
            subprocess.run([sys.executable, os.path.join(SCRIPTS, "make_model.py"), "--shape", "tiny",
                            "--seed", str(number), "-q", "-o", made], check=True)
            engines[name] = race.Engine([RACER, made, "1"])
        try:
            with self.assertRaisesRegex(BadInput, "these are two models"):
                race.agree("tiny", "bf16", engines)
            with self.assertRaisesRegex(race.CannotOpen, "no such command"):
                engines["torchless"].ask("nothing")
        finally:
            for engine in engines.values():
                engine.close()
        with self.assertRaisesRegex(race.CannotOpen, "nowhere"):
            race.Engine([RACER, os.path.join(self.folder, "nowhere"), "1"])

    def test_a_tool_that_is_missing_is_named(self):
        with self.assertRaisesRegex(EnvironmentProblem, "its output is in"):
            race.run(["false"], os.path.join(self.folder, "log"), "nothing")

    def test_arguments(self):
        for arguments, sentence in ((["--shapes", "huge"], "huge is none of smollm2"),
                                    (["--types", "q9"], "q9 is none of f32"),
                                    (["--rounds", "0"], "invalid positive value")):
            done = subprocess.run([sys.executable, os.path.join(SCRIPTS, "race"), *arguments],
                                  stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(sentence, done.stderr)
        done = subprocess.run([sys.executable, os.path.join(SCRIPTS, "race"), "--list"],
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertIn("not built yet", done.stdout)
        subprocess.run([sys.executable, os.path.join(SCRIPTS, "race"), "--clean"], check=True)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "torchless", "race")))


if __name__ == "__main__":
    unittest.main()
