"""injection.py -- every command through every call that can go wrong: the preloaded library faults.c does it.

A surface is a command with the files it finds.  Its calls are counted in a run without faults; then it is run
again with the N-th call of a kind failing, cut short, or ending the process, for every N, and what it says and
leaves behind is checked.  Which fault meets which N is a matter of luck with a seed where there is no time for all.
"""
import collections
import contextlib
import glob
import os
import random
import re
import shlex
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, wait, FIRST_COMPLETED

import learner
import program
from program import Broken
from recording import Recording

LIBRARY = os.path.abspath(os.environ.get("FAULTS", os.path.join(program.ROOT, "build/tests/faults.so")))
ASAN = os.environ.get("TORCHLESS_ASAN") and os.path.abspath(os.environ["TORCHLESS_ASAN"])

# kind of call: what may happen to it.  "+": to every call from there on.
ACTIONS = {
    "read": ["EIO", "EIO+", "short", "short+", "EINTR"],
    "write": ["ENOSPC", "ENOSPC+", "EIO", "short", "short+", "EINTR"],
    "sync": ["EIO", "EIO+", "ENOSPC"],
    "open": ["EMFILE", "EMFILE+", "EACCES", "EIO"],
    "map": ["ENOMEM", "EACCES"],
    "anon": ["ENOMEM", "ENOMEM+"],
    "rename": ["EIO", "EACCES"],
    "link": ["EIO", "EPERM"],
    "unlink": ["EACCES", "EIO+"],
    "stat": ["EIO", "EACCES", "EIO+"],
    "truncate": ["EIO", "ENOSPC"],
    "lock": ["EIO", "ENOLCK", "EIO+", "EAGAIN"],
    "close": ["EIO", "EIO+"],
    "folder": ["EACCES", "EIO"],
    "alloc": ["ENOMEM", "ENOMEM+"],
    "change": ["kill", "killed"],
}
PNG_END = b"IEND\xaeB`\x82"
# What dies of no memory inside of these is told as that, and not ours to mend.
OF_LIBRARY = re.compile(r"ERROR: AddressSanitizer: (?:SEGV|BUS|FPE).*?#0 0x\w+ [^\n]*/lib(?:cairo|fontconfig|freetype|pixman|png|expat)[^\n]*\.so", re.S)
SHORT_OF_MEMORY = re.compile("out of memory|annot allocate memory|cannot start thread")
PROMPTS = ["--prompts", "p.jsonl"]
STEPS = ["-ex", "break layers.1.mlp", "-ex", "run", "-ex", "tokens", "-ex", "finish", "-ex", "reverse-step", "-ex", "continue"]
TRACE = ["trace", "-q", "-m", "MODEL", "-j", "1", "--capture", "L0.attn.*", "-n", "2"]

TALKS = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
TEMPLATE = """{%- macro turn(role, text) %}{{ '<|' ~ role ~ '|>\\n' ~ text | trim ~ '\\n' }}{% endmacro %}
{%- set ns = namespace(n=0) %}
{%- for m in messages %}{% set ns.n = ns.n + loop.index %}{{ turn(m['role'], m.content) }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\\n' ~ ns.n }}{% endif %}"""


class Surface:
    """files: {name here: name among the seeds}; o: the recording it makes; again: what must work afterwards;
    silent: it says nothing on stderr, and of its lines only those that it can; partial: it may stop inside a pass;
    writes: files that are as without a fault, or as they were before; a PNG may be another whole one;
    learns: a learner's home, and what comes of it."""

    def __init__(self, name, args, files=(), o=None, old=None, again=None, stdin=None, kills=False, silent=False, partial=False, writes=(),
                 learns=False):
        self.name, self.args, self.o, self.old, self.again, self.stdin = name, args, o, old, again, stdin
        self.files, self.kills, self.silent, self.partial, self.writes = dict(files), kills, silent, partial, writes
        self.learns = learns


def surfaces():
    p, half = {"p.jsonl": "p.jsonl"}, {"b.db": "half.db", "b.db-wal": "half.db-wal"}
    one, many = TRACE + ["-o", "a.db", "The model"], TRACE + PROMPTS + ["-o", "b.db"]
    query = ["query", "-m", "MODEL", "-t", "q.db"]
    debug = ["debug", "--batch", "-m", "MODEL", "-j", "1", "-n", "2"]
    record = debug + ["-ex", "record on a.db"] + STEPS + ["The model"]
    repeat = TRACE + ["--repeat", "2", "-o", "a.db", "The model"]
    q = {"q.db": "one.db"}
    chat = ["tokenize", "-m", ".", "--chat", "--system", "Be brief."]
    talks = {name: name for name in TALKS}
    graph, show = ["graph", "-t", "q.db"], ["show", "-m", "MODEL", "-t", "q.db", "L0.attn.pattern"]
    return [
        Surface("run", ["run", "-q", "-m", "MODEL", "-n", "4", "-j", "1", "The model"]),
        Surface("run -j 2", ["run", "-q", "-m", "MODEL", "-n", "2", "-j", "2", "--json", "The model"]),
        Surface("trace", one, o="a.db", again=one, kills=True),
        Surface("trace onto a file", one, {"a.db": "old.db"}, o="a.db", old="a.db", again=one, kills=True),
        Surface("trace onto a log", one, {"a.db": "half.db", "a.db-wal": "half.db-wal"}, o="a.db", old="a.db", again=one, kills=True),
        Surface("trace --repeat", repeat, o="a.db", again=repeat, kills=True),
        Surface("trace --prompts", many, p, o="b.db", again=many + ["--resume"], kills=True),
        Surface("trace --prompts --resume", many + ["--resume"], {**p, **half}, o="b.db", again=many + ["--resume"], kills=True),
        Surface("query SQL", query + ["SELECT fqn, mean, l2 FROM v_value WHERE layer = 0 ORDER BY id"], q),
        Surface("query with a log", query + ["SELECT status FROM v_run"], {"q.db": "half.db", "q.db-wal": "half.db-wal"}),
        Surface("query NAME", query + ["tokens"], q),
        Surface("query --list", query + ["--list"], q),
        Surface("query functions", query + ["SELECT t_absmax('L0.attn.z'), t_shape('L0.attn.pattern'), t_json('L0.attn.z[head=0]')"], q),
        Surface("query --param", query + ["--param", "t=@x.npy", "SELECT t_shape(:t), t_absmax(:t), t_json(t_slice(:t, '[0, 0]'))"], {**q, "x.npy": "x.npy"}),
        Surface("query first-divergence", query + ["first-divergence", "reference=r.db"], {**q, "r.db": "zero.db"}),
        Surface("query lens", query + ["SELECT pos, layer, rank, token_id, piece FROM lens WHERE rank < 3 ORDER BY 1, 2, 3"], q),
        Surface("query --json < SQL", query + ["--json"], {**q, "sql": "sql"}, stdin="sql"),
        Surface("tokenize", ["tokenize", "-m", "MODEL", "The model reads"]),
        Surface("tokenize --chat", chat + ["The model reads"], talks),
        Surface("tokenize --chat --text", chat + ["--text", "The model reads"], talks),
        Surface("info", ["info", "-m", "MODEL"]),
        Surface("info --points", ["info", "-m", "MODEL", "--points"]),
        Surface("completion", ["completion", "bash"]),
        Surface("completion queries", ["completion", "queries", "--", "q.db"], q, silent=True),
        Surface("completion parameters", ["completion", "parameters", "--", "q.db", "residual"], q, silent=True),
        Surface("completion points", ["completion", "points", "--", "MODEL"], silent=True),
        Surface("debug", debug + STEPS + ["The model"]),
        Surface("debug record", record, o="a.db", again=record, partial=True),
        Surface("debug -t", ["debug", "--batch", "-t", "q.db", *STEPS, "-ex", "sql SELECT count(*) FROM v_value"], q),
        Surface("graph", graph, q),
        Surface("graph --json", graph + ["--json", "--level", "op", "--color-by", "l2"], q),
        Surface("graph -o", graph + ["-o", "g.dot"], {**q, "g.dot": "sql"}, writes=["g.dot"]),
        Surface("graph --diff", ["graph", "--diff", "q.db", "r.db"], {**q, "r.db": "old.db"}),
        Surface("show", show, q),
        Surface("show --vs", ["show", "-m", "MODEL", "-t", "q.db", "L0.attn.z", "--vs", "L0.attn.q_rot", "--json"], q),
        Surface("show files", show + ["--npy", "a.npy", "--csv", "a.csv", "--png", "a.png"], {**q, "a.csv": "sql"}, writes=["a.npy", "a.csv", "a.png"]),
        Surface("report", ["report", "-q", "-m", "MODEL", "-t", "q.db", "-o", "r.html"], {**q, "r.html": "sql"}, writes=["r.html"]),
        Surface("export", ["export", "-q", "-t", "q.db", "--perfetto", "a.pftrace", "--chrome", "a.json"], {**q, "a.json": "sql"},
                writes=["a.pftrace", "a.json"], kills=True),
        Surface("help", ["help", "trace"]),
        *lessons(),
    ]


def lessons():
    """What a learner does.  Not of kernels: a compiler has no handler for what the filter of faults.so catches, and the child
    that runs a learner's code takes it for what that code did."""
    def lesson(*args, files=()):
        return Surface(f"lesson {' '.join(args)}", ["lesson", *args, *learner.HOME], files, kills=True, learns=True)

    return [lesson("start", "01"), lesson("check", "positions"), lesson("answer", "heads-guess", "b"), lesson("answer", "calls", "5"),
            lesson("hint", "positions"), lesson("reset", "positions"), lesson("progress"),
            lesson("progress", "--import", "other.log", files={"other.log": "other.log"})]


def make_model(folder):
    """What a model with a chat template has beside its weights."""
    for name in TALKS[:2]:
        shutil.copyfile(os.path.join(program.MODEL, name), os.path.join(folder, name))
    with open(os.path.join(folder, TALKS[2]), "w", encoding="utf-8") as f:
        f.write(TEMPLATE)


def make_seeds(folder):
    """The files that surfaces find: a model's, finished recordings, and one whose writer was killed in its second run."""
    make_model(folder)
    with open(os.path.join(folder, "p.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(f'{{"prompt": "{text}", "n": 2}}\n' for text in ("The model", "A text is read", "Tom has"))
    with open(os.path.join(folder, "sql"), "w", encoding="utf-8") as f:
        f.write("SELECT token_id, piece FROM v_token;\n.set n=3\nnext\n")
    program.good(TRACE + ["-o", "one.db", "The model"], folder)
    program.good(TRACE[:-1] + ["1", "-o", "old.db", "Another text"], folder)
    program.good(TRACE + ["--zero", "L0.attn.z[head=1]", "-o", "zero.db", "The model"], folder)
    program.good(["show", "-q", "-m", "MODEL", "-t", "one.db", "L0.attn.z", "--npy", "x.npy"], folder)
    learner.make_seeds(folder, ASAN)
    many = TRACE + PROMPTS + ["-o", "half.db"]
    n = count(many, folder)["write"]
    for part in range(60, 100):
        for name in os.listdir(folder):
            if name.startswith("half.db"):
                os.unlink(os.path.join(folder, name))
        program.run(many, folder, fault("write", n * part // 100, "kill"))
        if os.path.exists(os.path.join(folder, "half.db-wal")):
            half = Recording(os.path.join(folder, "half.db"))
            if len(half.ok) >= 1 and len(half.prompts) > len(half.ok):
                return
    raise Broken("no kill leaves a recording with a finished and an unfinished run")


def fault(kind, at, action, file=None):
    pairs = {"LD_PRELOAD": LIBRARY, "FAULT_CALL": kind, "FAULT_AT": str(at), "FAULT_DO": action.rstrip("+")}
    if action.endswith("+"):
        pairs["FAULT_ON"] = "1"
    if file:
        pairs["FAULT_FILE"] = file
    return pairs


def count(args, folder, stdin=None, prog=None):
    """{kind: how many calls of it a run without faults makes}."""
    file = os.path.join(folder, "count")
    ended = program.run(args, folder, {**fault("every", 0, "EIO", file), **sanitizer(prog)}, prog, stdin)
    program.check_good(ended)
    with open(file, encoding="utf-8") as f:
        counts = {kind: int(n) for n, kind in re.findall(r"^(\d+) calls: (\w+)$", f.read(), re.M)}
    os.unlink(file)
    return counts


def sanitizer(prog, slowly=False, log=None):
    # The library stands before the sanitizer's, on purpose.  Through libraries without frame pointers it sees slowly only.
    options = f"verify_asan_link_order=0:detect_leaks=1:abort_on_error=0:exitcode=99:allocator_may_return_null=1:fast_unwind_on_malloc={int(not slowly)}"
    if log:
        options += f":log_path={log}"
    known = f"suppressions={os.path.join(program.HERE, 'leaks.supp')}:print_suppressions=0"
    return {"ASAN_OPTIONS": options, "LSAN_OPTIONS": known, "UBSAN_OPTIONS": "print_stacktrace=1"} if prog else {}


# ---- one fault ----------------------------------------------------------------------------------

Case = collections.namedtuple("Case", "surface kind at action asan")
# Of a run without faults; finds: what was there before; written: bytes by the name of a file.
Base = collections.namedtuple("Base", "out made old finds written learned")
state = {}  # of a worker: seeds, surfaces by name, bases


def begin_worker(seeds, bases):
    state.update(seeds=seeds, bases=bases, surfaces={s.name: s for s in surfaces()})


def lay_out(surface, folder, seeds):
    for name, seed in surface.files.items():
        shutil.copyfile(os.path.join(seeds, seed), os.path.join(folder, name))
    if surface.learns:
        shutil.copytree(os.path.join(seeds, "class"), os.path.join(folder, "class"))


def scratch():
    # A disk in memory, where there is one: millions of small files are not what is tested here.
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) and "TMPDIR" not in os.environ else None


def check_files(case, surface, base, folder, ended):
    """What a recording's command left: what it recorded, what was there before, and no more."""
    killed = case.action.startswith("kill")
    path = os.path.join(folder, surface.o)
    left = program.leftovers(folder)
    # Without memory for a name the program ends where it is; the next one clears up.
    if left and not killed and case.kind not in ("unlink", "alloc"):
        raise Broken(f"leaves {', '.join(os.path.relpath(x, folder) for x in left)}")
    made = None
    if os.path.exists(path):
        made = open_made(path, ended.status == 0)
        if killed or case.at % 3 == 0:
            program.good(["query", "-t", surface.o, "SELECT count(*) FROM v_run"], folder)
    if ended.status == 0:
        different = made.differs(base.made) if made else "is not there"
        if different:
            raise Broken(f"status 0, but {surface.o} {different}")
    if base.old:
        check_old(path, made, base)
    elif base.finds and not (made and base.finds.ok.items() <= made.ok.items()):
        raise Broken("finished runs are lost")
    if made and not (base.old and made.uuids == base.old.uuids):
        wrong = made.strays(base.made, surface.partial)
        if wrong:
            raise Broken(f"{surface.o} {wrong}")


def contents(folder, names):
    """The bytes of those files that are there."""
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name), "rb") as f:
            found[name] = f.read()
    return found


def check_written(case, surface, base, folder, ended):
    """Each file is whole or what it was before, and nothing lies beside it."""
    found, before = contents(folder, surface.writes), contents(state["seeds"], surface.files.values())
    for name in surface.writes:
        old = before.get(surface.files.get(name))
        # fontconfig takes another face when it cannot read its files, and tells nobody.
        if ended.status == 0 and name.endswith(".png") and found.get(name, b"").endswith(PNG_END):
            continue
        if ended.status == 0 and found.get(name) != base.written[name]:
            raise Broken(f"status 0, but {name} is {'another one' if name in found else 'not there'}")
        if found.get(name) not in (base.written[name], old):
            raise Broken(f"{name} is neither whole nor what it was")
    strays = set(os.listdir(folder)) - {*surface.files, *surface.writes, "home"}
    if strays and not case.action.startswith("kill") and case.kind not in ("unlink", "alloc"):
        raise Broken(f"leaves {', '.join(sorted(strays))}")


def open_made(path, whole=False):
    try:
        return Recording(path, whole)
    except Exception as e:  # whatever SQLite says: it should have been readable
        raise Broken(f"{os.path.basename(path)} cannot be read: {e}") from None


def check_old(path, made, base):
    """What was there before is there still, under its name or as .old."""
    old = open_made(path + ".old") if os.path.exists(path + ".old") else None
    for found in (made, old):
        if found and found.uuids == base.old.uuids and not found.strays(base.old) and found.passes == base.old.passes:
            return
    raise Broken("the recording that was there before is lost")


def check_again(surface, base, folder):
    """The same, or its --resume, works now, to the same rows, and nothing is left."""
    program.good(surface.again, folder)
    different = open_made(os.path.join(folder, surface.o), True).differs(base.made)
    if different:
        raise Broken(f"afterwards `torchless {' '.join(surface.again)}`: {surface.o} {different}")
    left = [x for x in program.leftovers(folder) if "/home/" not in x]
    if left:
        raise Broken(f"afterwards {', '.join(os.path.relpath(x, folder) for x in left)} is left")


def steady(out):
    """What a command prints, without times, the memory that is free at the moment, and in which folder it is."""
    return re.sub(rb'(_ns": |memory_available\t)-?\d+|/\S+/(?=class/)', b"", out)


def first_difference(out, wanted):
    pairs = zip(out.splitlines() + [b""], wanted.splitlines() + [b""])
    return next((f"{a[:200]!r} is not {b[:200]!r}" for a, b in pairs if a != b), "the end is missing")


def check_silent(case, ended, base):
    """Nobody reads a sentence while Tab is pressed: names that are missing, and none that is wrong."""
    early = case.kind == "alloc" and SHORT_OF_MEMORY.search(ended.err)  # before it knows what it is asked for
    if ended.status not in (0, 3) or ended.err and not early:
        raise Broken(f"status {ended.status}, and says {ended.err[:2000]!r}")
    whole = ended.out[:ended.out.rfind(b"\n") + 1]  # the last line may be cut
    wrong = set(whole.splitlines()) - set(base.out.splitlines())
    if wrong:
        raise Broken(f"a name that is none: {min(wrong)!r}")
    return "same" if ended.out == base.out else "fewer"


def run_case(case, surface, folder, file, prog, slowly=False):
    """It, and what the sanitizers wrote, that of a process which it copied itself into too, whose stderr nobody sees."""
    log = folder + ".sanitizer"
    ended = program.run(surface.args, folder, {**fault(case.kind, case.at, case.action, file), **sanitizer(prog, slowly, log)}, prog, surface.stdin)
    for name in glob.glob(glob.escape(log) + ".*"):
        with open(name, encoding="utf-8", errors="replace") as f:
            text = f.read()
        os.unlink(name)
        # Without memory for its frames nobody knows where; of the program itself its end tells.
        nowhere = case.kind == "alloc" and "AddressSanitizer: SEGV" in text and "#0 " not in text
        if not nowhere and not OF_LIBRARY.search(text):
            ended.err += text
    return ended


def check_case(case, surface, base, folder, file):
    prog = ASAN if case.asan else None
    ended = run_case(case, surface, folder, file, prog)
    if "LeakSanitizer: detected" in ended.err:
        # Once more, for the frames that tell whose leak it is.
        shutil.rmtree(folder)
        os.makedirs(folder)
        lay_out(surface, folder, state["seeds"])
        ended = run_case(case, surface, folder, file, prog, True)
    if "AddressSanitizer: CHECK failed" in ended.err:
        return "not reached"  # the sanitizer itself had no memory
    killed = case.action.startswith("kill")
    for word in ("Sanitizer", "runtime error", "Assertion"):
        if word in ended.err:
            raise Broken(f"{word}: {ended.err[:6000]}")
    if surface.silent:
        outcome = check_silent(case, ended, base)
    elif ended.status == 0:
        program.check_good(ended)
        if steady(ended.out) != steady(base.out):
            raise Broken(f"status 0, but prints other things: {first_difference(steady(ended.out), steady(base.out))}")
        outcome = "same"
    elif killed and ended.status == -9:
        outcome = "killed"
    else:
        # SQLite says of a disk that cannot be read that what is on it is damaged.
        damaged = case.kind == "read" and case.action.startswith("short") and re.search("damaged|malformed", ended.err)
        program.check_sentence(ended, (3, 2) if damaged else (3,))
        if case.kind == "alloc" and not SHORT_OF_MEMORY.search(ended.err):
            raise Broken(f"out of memory is called {ended.err!r}")
        outcome = "sentence"
    if surface.learns:
        learner.Learner(folder).check(learner.Learner(state["seeds"]), base.learned, ended, killed or case.kind in ("unlink", "alloc"))
        if killed or case.kind in ("unlink", "alloc") and case.at % 2:
            learner.check_again(folder)
    if surface.writes:
        check_written(case, surface, base, folder, ended)
    if surface.o:
        check_files(case, surface, base, folder, ended)
        # Half of the others too: that takes as long as the case itself.
        if surface.again and (killed or case.at % 2 or program.leftovers(folder)):
            check_again(surface, base, folder)
    return outcome


def try_case(case, keep=None):
    """(case, outcome or None, what is broken)."""
    surface, base = state["surfaces"][case.surface], state["bases"][case.surface]
    folder = keep or tempfile.mkdtemp(prefix="torture-", dir=scratch())
    file = folder + ".fault"
    try:
        lay_out(surface, folder, state["seeds"])
        outcome = check_case(case, surface, base, folder, file)
        if outcome != "killed" and not fired(file):
            outcome = "not reached"
        return case, outcome, None
    except Broken as b:
        return case, None, f"{b}   [{fired(file)}]"
    finally:
        if os.path.exists(file):
            os.unlink(file)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def fired(file):
    if not os.path.exists(file):
        return ""
    with open(file, encoding="utf-8") as f:
        found = re.search(r"^fault at \d+: (\w+)$", f.read(), re.M)
    return found[1] if found else ""


def repeat(case):
    """How to meet this case again: by this test, and by hand."""
    surface = state["surfaces"][case.surface]
    copies = [f"cp SEEDS/{seed} {name}" for name, seed in surface.files.items()]
    prog = ASAN if case.asan else None
    pairs = {**fault(case.kind, case.at, case.action), **sanitizer(prog)}
    settings = " ".join(f"{k}={shlex.quote(v)}" for k, v in pairs.items())
    args = shlex.join(program.command(surface.args, prog)) + (f" < {surface.stdin}" if surface.stdin else "")
    return (f"  repeat:  make torture REPEAT={shlex.quote('/'.join([case.surface, case.kind, str(case.at), case.action] + (['asan'] if case.asan else [])))}\n"
            f"  which is {'; '.join(copies + [f'{settings} {args}'])}")


# ---- all of them --------------------------------------------------------------------------------

def base_of(surface, seeds):
    """What happens without a fault, and how often each kind of call is made."""
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        lay_out(surface, folder, seeds)
        finds = Recording(os.path.join(folder, surface.o)) if surface.o and surface.o in surface.files else None
        ended = program.run(surface.args, folder, stdin=surface.stdin)
        program.check_good(ended)
        made = Recording(os.path.join(folder, surface.o), True) if surface.o else None
        written = contents(folder, surface.writes)
        learned = learner.Learner(folder) if surface.learns else None
    return Base(ended.out, made, finds if surface.old else None, finds, written, learned)


def counts_of(surface, seeds, prog):
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        lay_out(surface, folder, seeds)
        try:
            return count(surface.args, folder, surface.stdin, prog)
        except Broken as b:
            raise Broken(f"{surface.name}, its calls counted{' (sanitized)' if prog else ''}: {b}") from None


def places(n, luck):
    """All N; of many the first and last hundred and as many between."""
    if n <= 800:
        return list(range(1, n + 1))
    return [*range(1, 101), *sorted(luck.sample(range(101, n - 99), 100)), *range(n - 99, n + 1)]


def plan(surface, counts, luck, asan):
    """Cases in the order of their worth: each N once with some fault, then with another, and so on: [[case]]."""
    rounds = [[] for _ in range(2 * max(map(len, ACTIONS.values())))]
    for kind, actions in ACTIONS.items():
        if kind == "change" and (not surface.kills or asan) or kind == "anon" and asan:
            continue  # a killed program has no leaks, and that memory is the sanitizer's own
        for at in places(counts[kind], luck):
            order = actions if kind == "change" else luck.sample(actions, len(actions))
            # Allocations first meet one of the two programs, other calls the one that is shipped.
            late = at % 2 != asan if kind == "alloc" else 2 * asan
            for i, action in enumerate(order):
                rounds[i + late].append(Case(surface.name, kind, at, action, asan))
    return rounds


class Table:
    def __init__(self):
        self.rows = collections.defaultdict(collections.Counter)
        self.seconds = collections.Counter()

    def add(self, row, outcome, seconds=0.0):
        self.rows[row][outcome] += 1
        self.seconds[row] += seconds


def share(queue, budget, pool, progress, table):
    """Run cases until they or the time are at an end; the broken ones."""
    broken, begun, running = [], time.monotonic(), {}
    n, last, total = 0, 0.0, len(queue)
    queue = iter(queue)
    while True:
        while len(running) < 6 and time.monotonic() - begun < budget and (case := next(queue, None)):
            running[pool.submit(timed_case, case)] = True
        if not running:
            return broken, total
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            del running[future]
            (case, outcome, why), seconds = future.result()
            n += 1
            table.add(f"`{case.surface}`" + (" (sanitized)" if case.asan else ""), outcome or "BROKEN", seconds)
            if why:
                broken.append((case, why))
            if seconds > 10:
                print(f"\nslow: {case} took {seconds:.0f} s", flush=True)
        if time.monotonic() - last > 1:
            last = time.monotonic()
            progress(f"faults: {n} of {total}, {len(broken)} broken")


def timed_case(case):
    begun = time.monotonic()
    return try_case(case), time.monotonic() - begun


def run_all(seconds, seed, progress, table, jobs, only=None, most=None):
    """Inject faults for so long; the broken cases."""
    luck = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="torture-seeds-", dir=scratch()) as seeds:
        make_seeds(seeds)
        chosen = [s for s in surfaces() if not only or only in s.name]
        bases = {s.name: base_of(s, seeds) for s in chosen}
        begin_worker(seeds, bases)
        with ProcessPoolExecutor(jobs, initializer=begin_worker, initargs=(seeds, bases)) as pool:
            progress("faults: counting calls")
            rounds = []
            for asan in ([False, True] if ASAN else [False]):
                counts = list(pool.map(counts_of, chosen, [seeds] * len(chosen), [ASAN if asan else None] * len(chosen)))
                for surface, c in zip(chosen, counts):
                    rounds += enumerate(plan(surface, c, luck, asan))
            # What is first of every surface comes before what is second of any.
            queue = []
            for i in sorted({r for r, _ in rounds}):
                part = [case for r, cases in rounds if r == i for case in cases]
                luck.shuffle(part)
                queue += part
            broken, total = share(queue[:most], seconds, pool, progress, table)
        return [(f"{c.surface}: {c.kind} {c.at} {c.action}{' (sanitized)' if c.asan else ''}: {why}", repeat(c)) for c, why in broken], total


def run_one(which, keep):
    """One case again, in a folder that stays: SURFACE/KIND/N/ACTION[/asan]."""
    parts = which.split("/")
    case = Case(parts[0], parts[1], int(parts[2]), parts[3], len(parts) > 4)
    seeds = os.path.join(keep, "seeds")
    os.makedirs(seeds)
    make_seeds(seeds)
    surface = next(s for s in surfaces() if s.name == case.surface)
    begin_worker(seeds, {surface.name: base_of(surface, seeds)})
    folder = os.path.join(keep, "case")
    os.makedirs(folder)
    _, outcome, why = try_case(case, folder)
    print(f"{outcome or 'BROKEN: ' + why}\n  files:   {folder}\n{repeat(case).replace('SEEDS', seeds)}")
    return 1 if why else 0
