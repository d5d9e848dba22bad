"""disks.py -- a disk of every size, from one that holds nothing to one that holds the recording.

A disk is a tmpfs of so many megabytes where this user may mount one, else a limit on the size of files.  On each
`trace --prompts` ends in one sentence, what it finished is readable, and when there is room --resume finishes to
the rows of a recording that had room from the beginning.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

import program
from injection import scratch
from kills import write_prompts
from program import Broken
from recording import Recording

ARGS = ["trace", "-q", "-m", "MODEL", "-j", "1", "--capture", "*", "--prompts", "../p.jsonl", "-o", "b.db"]


def limited(args, folder, bytes_of_file):
    """Run under a limit on the size of files."""
    p = subprocess.run(program.command(args), cwd=folder, env=program.environment(folder), stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=program.SECONDS,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_file, resource.RLIM_INFINITY)))
    return program.Ended(p.returncode, p.stdout, p.stderr.decode(errors="replace"))


def check(folder, ended, base, grow):
    """What is promised of a full disk; the outcome."""
    path = os.path.join(folder, "b.db")
    if ended.status == 0:
        program.check_good(ended)
    else:
        program.check_sentence(ended)
        if "disk is full" not in ended.err and "No space" not in ended.err and "may grow no larger" not in ended.err and "too large" not in ended.err:
            raise Broken(f"a full disk is called {ended.err!r}")
    left = [x for x in program.leftovers(folder) if "/home/" not in x]
    if left:
        raise Broken(f"leaves {', '.join(left)}")
    if os.path.exists(path):
        copy = tempfile.mkdtemp(dir=os.path.dirname(folder))
        for name in os.listdir(folder):
            if name.startswith("b.db") and not name.endswith("-shm"):
                subprocess.run(["cp", os.path.join(folder, name), copy], check=True)
        wrong = Recording(os.path.join(copy, "b.db")).strays(base)
        if wrong:
            raise Broken(f"b.db {wrong}")
        program.good(["query", "-t", os.path.join(copy, "b.db"), "SELECT count(*) FROM v_run"], folder)
        subprocess.run(["rm", "-r", copy], check=True)
    grow()
    program.good(ARGS + ["--resume"], folder)
    wrong = Recording(path, True).differs(base)
    if wrong:
        raise Broken(f"after --resume b.db {wrong}")
    return "sentence" if ended.status else "same"


def on_mounts(work, sizes):
    """Inside a namespace of mounts: a disk of each size; prints a line each."""
    base, disk = make_base(work), os.path.join(work, "disk")
    for kib in sizes:
        begun = time.monotonic()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", disk], check=True)
        try:
            ended = program.run(ARGS, disk)
            outcome, why = check(disk, ended, base, lambda: subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)), ""
        except Exception as e:
            outcome, why = "BROKEN", str(e).replace("\n", " ")
        finally:
            subprocess.run(["umount", disk], check=True)
        print(f"{kib}\t{outcome}\t{time.monotonic() - begun}\t{why}", flush=True)


def by_limits(work, sizes):
    base = make_base(work)
    for kib in sizes:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=work) as folder:
            try:
                outcome, why = check(folder, limited(ARGS, folder, kib * 1024), base, lambda: None), ""
            except Exception as e:
                outcome, why = "BROKEN", str(e).replace("\n", " ")
        yield f"{kib}\t{outcome}\t{time.monotonic() - begun}\t{why}"


def make_base(work):
    folder = os.path.join(work, "whole")
    os.makedirs(folder)
    os.makedirs(os.path.join(work, "disk"), exist_ok=True)
    write_prompts(work, 6)
    program.good(ARGS, folder)
    return Recording(os.path.join(folder, "b.db"), True)


def size_of_whole(work):
    with tempfile.TemporaryDirectory(dir=work) as inner:
        os.makedirs(os.path.join(inner, "x"))
        make_base(os.path.join(inner, "x"))
        return os.path.getsize(os.path.join(inner, "x/whole/b.db"))


def run_all(seconds, seed, progress, table, jobs):
    """Every half megabyte from none to twice the recording, which its log needs besides; the broken ones."""
    broken = []
    with tempfile.TemporaryDirectory(prefix="torture-disks-", dir=scratch()) as work:
        top = 2 * size_of_whole(work) // 1024
        sizes = [64, *range(512, top + 512, 512)]
        mounts = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", work], capture_output=True).returncode == 0
        what = "full disk" if mounts else "limit on files"
        if mounts:
            command = ["unshare", "-rm", sys.executable, os.path.abspath(__file__), work, *map(str, sizes)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
                lines = take(p.stdout, what, len(sizes), broken, progress, table)
            if p.returncode or lines != len(sizes):
                broken.append((f"{what}: the test itself ended with status {p.returncode}", f"  repeat:  {' '.join(command)}"))
        else:
            take(by_limits(work, sizes), what, len(sizes), broken, progress, table)
    return broken, len(sizes)


def take(lines, what, n, broken, progress, table):
    count = 0
    for line in lines:
        kib, outcome, took, why = line.rstrip("\n").split("\t", 3)
        count += 1
        table.add(what, outcome, float(took))
        if why:
            broken.append((f"{what}, {kib} KiB: {why}", "  repeat:  make torture TORTURE_ONLY=disks"))
        progress(f"disks: {count} of {n}, {len(broken)} broken")
    return count


if __name__ == "__main__":
    on_mounts(sys.argv[1], [int(x) for x in sys.argv[2:]])
