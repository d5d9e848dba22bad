"""kills.py -- `kill -9` at any moment of `trace --prompts`, and of going on with it.

After each the recording opens, with finished passes only; at last --resume finishes to the rows of a recording
that nobody killed.
"""
import os
import random
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import program
from injection import scratch
from program import Broken
from recording import Recording

LINES = ("The model", "A text is read", "Tom has", "Once", "The", "A word and another word", "No", "They read it")
MANY = ["trace", "-q", "-m", "MODEL", "-j", "1", "--capture", "L0.attn.*", "--prompts", "p.jsonl", "-o", "b.db", "--resume"]
state = {}


def write_prompts(folder, n=3):
    with open(os.path.join(folder, "p.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(f'{{"prompt": "{text}", "n": {n}}}\n' for text in LINES)


def begin_worker(base, seconds):
    state.update(base=base, seconds=seconds)


def kill_once(folder, delay):
    """Start, wait, kill; None when it was still there, else the seconds that it took."""
    begun = time.monotonic()
    p = subprocess.Popen(program.command(MANY), cwd=folder, env=program.environment(folder), stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        p.wait(delay)
    except subprocess.TimeoutExpired:
        p.kill()
    err = p.communicate()[1].decode(errors="replace")
    if p.returncode not in (0, -9):
        raise Broken(f"status {p.returncode}: {err}")
    return None if p.returncode == -9 else time.monotonic() - begun


def look(folder):
    path = os.path.join(folder, "b.db")
    if not os.path.exists(path):
        return
    wrong = Recording(path).strays(state["base"])
    if wrong:
        raise Broken(f"b.db {wrong}")
    program.good(["query", "-t", "b.db", "SELECT count(*) FROM v_run"], folder)


def one(seed):
    """(outcome, what is broken) of one to three kills of one recording."""
    luck = random.Random(seed)
    folder, begun, killed = tempfile.mkdtemp(prefix="torture-kill-", dir=scratch()), time.monotonic(), False
    try:
        write_prompts(folder)
        kills = luck.choice((1, 1, 2, 3))
        while kills:
            took = kill_once(folder, luck.uniform(0, state["seconds"]))
            look(folder)
            if took is None:
                kills, killed = kills - 1, True
            elif killed:
                break  # there was little left to do
            else:
                # The machine is faster than it was: from the beginning, and sooner.
                state["seconds"] = took
                os.unlink(os.path.join(folder, "b.db"))
        program.good(MANY, folder)
        wrong = Recording(os.path.join(folder, "b.db"), True).differs(state["base"])
        if wrong:
            raise Broken(f"after --resume b.db {wrong}")
        left = [name for name in os.listdir(folder) if name not in ("b.db", "p.jsonl", "home")]
        if left:
            raise Broken(f"after --resume {', '.join(left)} is left")
        return "killed", None, time.monotonic() - begun
    except Exception as e:  # whatever SQLite says of the file counts too
        return "BROKEN", str(e), time.monotonic() - begun
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_all(seconds, seed, progress, table, jobs, n=None):
    """200 of them, and more where there is time; the broken ones."""
    with tempfile.TemporaryDirectory(prefix="torture-kills-", dir=scratch()) as folder:
        write_prompts(folder)
        program.good(MANY, folder)
        base = Recording(os.path.join(folder, "b.db"), True)
        os.unlink(os.path.join(folder, "b.db"))
        begun = time.monotonic()
        program.good(MANY, folder)
        alone = time.monotonic() - begun
    broken, begun = [], time.monotonic()
    n = int(n or max(200, int(seconds / alone / 4)))
    with ProcessPoolExecutor(jobs, initializer=begin_worker, initargs=(base, alone)) as pool:
        seeds = [f"{seed}/{i}" for i in range(n)]
        for i, future in enumerate([pool.submit(one, s) for s in seeds]):
            # A machine that is busy with other things does fewer.
            if time.monotonic() - begun > 8 * seconds:
                pool.shutdown(cancel_futures=True)
                break
            outcome, why, took = future.result()
            table.add("random kill -9", outcome, took)
            if why:
                broken.append((f"random kill -9, {seeds[i]}: {why}",
                               f"  repeat:  make torture TORTURE_ONLY=kills TORTURE_SEED={seed} (a matter of time: several times)"))
            progress(f"kills: {i + 1} of {n}, {len(broken)} broken")
    return broken, n
