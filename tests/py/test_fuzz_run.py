#!/usr/bin/env python3
"""What runs the fuzzers: it knows every target, the documentation names each, and none takes much longer than it may."""
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/fuzz"))
import run  # pylint: disable=wrong-import-position

# As libFuzzer is while it reads its corpus: it looks at no clock, and says how far it is when it is interrupted.
READS_FOR_EVER = """#!/bin/sh
trap 'echo "stat::number_of_executed_units: 7"; exit %d' INT
echo '#4	pulse  cov: 12 ft: 3'
while :; do sleep 0.1; done
"""


class Targets(unittest.TestCase):
    def test_each_is_run_and_documented(self):
        there = {f.stem.removeprefix("fuzz_") for f in (ROOT / "tests/fuzz").glob("fuzz_*.c")}
        self.assertEqual(there, set(run.TARGETS))
        text = (ROOT / "docs/robustness.md").read_text()
        self.assertEqual([name for name in run.TARGETS if f"`make fuzz-long/{name}`" not in text], [])


class Late(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(ROOT)

    def target(self, script):
        target = run.Target("resume", pathlib.Path(self.folder.name))
        target.program.parent.mkdir(parents=True, exist_ok=True)
        target.program.write_text(script)
        target.program.chmod(0o755)
        target.folders = list
        return target

    def ends(self, script):
        """How it ends when the time is over, which is more and more until it has begun: a busy machine may need a while."""
        for seconds in (0.5, 2, 8, 32):
            target = self.target(script)
            with mock.patch.object(run, "LATE_SECONDS", seconds):
                is_well = target.run(seconds, None)
            if target.state["edges"]:
                break
        return target, is_well

    def test_one_that_looks_at_no_clock_is_interrupted_and_counted(self):
        target, is_well = self.ends(READS_FOR_EVER % run.INTERRUPTED)
        self.assertTrue(is_well)
        self.assertEqual((target.state["executions"], target.state["edges"], target.state["crashes"]), (7, 12, 0))

    def test_what_it_ends_with_else_is_a_finding(self):
        target, is_well = self.ends(READS_FOR_EVER % 1)
        self.assertFalse(is_well)
        self.assertEqual(target.state["crashes"], 1)

# As a run of a program of libFuzzer that the address sanitizer ended.
CRASHES = """#!/bin/sh
for a; do case $a in -artifact_prefix=*) to=${a#*=}crash-1 ;; esac; done
printf '.\\377x' > "$to"
echo 'src/a.c:3:5: runtime error: applying offset'
echo '    #0 0x1 in __libc_start_main csu/libc-start.c:3'
echo '    #1 0x2 in line_of src/a.c:3:5'
echo "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior src/a.c:3:5"
echo "artifact_prefix='x'; Test unit written to $to"
echo '#4	INITED cov: 12 ft: 3'
exit 1
"""


class Found(Late):
    def test_is_told_so_that_who_only_reads_the_log_can_repeat_it(self):
        target, is_well = self.ends(CRASHES)
        self.assertFalse(is_well)
        with mock.patch("sys.stderr", io.StringIO()) as said:
            self.assertEqual(run.report([target]), 1)
        said = said.getvalue()
        for what in ("runtime error: applying offset", "in line_of src/a.c:3:5", "SUMMARY: Undefined", "resume-crash-1",
                     "echo Lv94 | base64 -d"):
            self.assertIn(what, said)
        self.assertNotIn("libc-start", said)


if __name__ == "__main__":
    unittest.main()
