"""program.py -- running torchless as tests do: a limit on time, one sentence when it fails, and what it left behind."""
import functools
import json
import os
import re
import signal
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TORCHLESS = os.path.abspath(os.environ.get("TORCHLESS", os.path.join(ROOT, "build/release/torchless")))
MODEL = os.path.join(ROOT, "lessons/model")
COURSE = os.path.join(ROOT, "tests/support/course")
SECONDS = 60  # whoever takes longer hangs: the slowest takes a second


class Broken(Exception):
    """A promise that was not kept."""


class Ended:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def lines(self):
        """Of stderr, without warnings."""
        return [line for line in self.err.splitlines() if not line.startswith("torchless: warning: ")]


@functools.cache
def kernels():
    """The set of kernels that this machine takes by itself. Which is faster is measured where no cache tells, and a crowded
    machine may say another one now and then: the same bits, but another name in the recording."""
    told = subprocess.run([TORCHLESS, "info", "--json", "-m", MODEL], capture_output=True, check=True, timeout=SECONDS)
    return json.loads(told.stdout)["kernels"]


def environment(folder, extra=()):
    home = os.path.join(folder, "home")
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR", "ASAN_OPTIONS")}
    return {**kept, "HOME": home, "XDG_CACHE_HOME": home + "/cache", "XDG_STATE_HOME": home + "/state",
            # Whatever a filter of faults.so catches ends another program, which has no handler for it.
            "TORCHLESS_DOT": "/nowhere/dot", "TORCHLESS_KERNELS": kernels(), **dict(extra)}


def command(args, program=None):
    return [program or TORCHLESS, *({"MODEL": MODEL, "COURSE": COURSE}.get(a, a) for a in args)]


def run(args, folder, extra=(), program=None, stdin=None):
    """Run torchless in a folder; Broken when it hangs."""
    try:
        with open(os.path.join(folder, stdin) if stdin else os.devnull, "rb") as f:
            # Under one name, which it says in what it prints, and which lines are broken by.
            p = subprocess.run(command(args), executable=program or TORCHLESS, cwd=folder, env=environment(folder, extra), stdin=f,
                               capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f"does not end within {SECONDS} s") from None
    return Ended(p.returncode, p.stdout, p.stderr.decode(errors="replace"))


def check_sentence(ended, statuses=(3,)):
    """It failed as promised: a status, and one sentence."""
    if ended.status < 0:
        raise Broken(f"died of {signal.Signals(-ended.status).name}; stderr: {ended.err[:2000]}")
    lines = ended.lines()
    if len(lines) != 1 or not re.match(r"torchless: \S", lines[0]):
        raise Broken(f"{len(lines)} lines instead of one sentence (status {ended.status}): {ended.err[:2000]!r}")
    if ended.status not in statuses:
        raise Broken(f"status {ended.status} instead of {statuses[0]}: {lines[0]}")


def check_good(ended):
    if ended.status < 0:
        raise Broken(f"died of {signal.Signals(-ended.status).name}; stderr: {ended.err[:2000]}")
    if ended.status or ended.lines():
        raise Broken(f"status {ended.status}: {ended.err[:2000]!r}")


def good(args, folder, **more):
    """Run what has to work."""
    ended = run(args, folder, **more)
    try:
        check_good(ended)
    except Broken as b:
        raise Broken(f"afterwards `torchless {' '.join(args)}`: {b}") from None
    return ended


def leftovers(folder):
    """Temporary files, below a folder."""
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if re.search(r"\.new-|\.tmp|\.[0-9]+$", name)]
