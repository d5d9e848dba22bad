#!/bin/sh
# control_bytes.sh -- whatever a recording, a checkpoint, a prompt or a name holds, a terminal is not made to obey it.
#
# Everything is hostile at once, and every command runs on a pseudo-terminal in every form; into a pipe the bytes stay.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
cd "$work" || exit 2
python3 - "$T" "$root/build/test-models/window" <<'PY' || failures=1
import json, os, re, shutil, sqlite3, struct, subprocess, sys

from terminal import BRIEF, HOSTILE, RAW, harm, on_terminal

torchless, model = sys.argv[1:]
failures = 0
n_checked = 0

def fail(what, shown):
    global failures
    failures += 1
    print(f"control_bytes.sh: {what}: {shown!r}"[:700])

def is_status(status, expected):
    return expected is None or (status in expected if isinstance(expected, tuple) else status == expected)

def quiet(what, *args, status=0, typed=b"", also=rb"(?!)", **rest):
    """Run torchless on a terminal; what it sent."""
    global n_checked
    n_checked += 1
    out, got = on_terminal([torchless, *args], typed=typed, **rest)
    found = harm(out, also)
    if found:
        fail(f"{what} sends", found[:3])
    if not is_status(got, status):
        fail(f"{what} exits with {got}", out[-400:])
    return out

def piped(*args, given=b""):
    return subprocess.run([torchless, *args], input=given, capture_output=True, timeout=60)

# ---- a checkpoint: its folder, its config, its tokens, its tensors -----------------------------------

folder = "model-" + BRIEF.replace("/", "")
shutil.copytree(model, folder)
with open(f"{folder}/tokenizer.json", encoding="utf-8") as f:
    tokenizer = json.loads(f.read().replace('"<unk>"', json.dumps(HOSTILE)).replace('"</s>"', json.dumps(BRIEF)))
with open(f"{folder}/tokenizer.json", "w", encoding="utf-8") as f:
    json.dump(tokenizer, f)
for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
    try:
        with open(f"{folder}/{name}", encoding="utf-8") as f:
            content = json.load(f)
    except OSError:
        continue
    content["_name_or_path"] = HOSTILE
    content = {key: BRIEF if value == "</s>" else HOSTILE if value == "<unk>" else value for key, value in content.items()}
    if name == "tokenizer_config.json":
        content["chat_template"] = HOSTILE + "{% bad %}"
    with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
        json.dump(content, f)

def broken(name, file, content):
    """The hostile folder with one file more hostile than can be opened."""
    path = f"{name}-{BRIEF}"
    shutil.copytree(folder, path)
    with open(f"{path}/{file}", "wb") as f:
        f.write(content)
    return path

config = json.load(open(f"{folder}/config.json", encoding="utf-8"))
header = json.dumps({HOSTILE: {"dtype": HOSTILE, "shape": [1], "data_offsets": [0, 4]}}).encode()
merges = json.loads(json.dumps(tokenizer))
merges["model"]["merges"] = [HOSTILE + " " + HOSTILE]
bad_models = [
    broken("arch", "config.json", json.dumps({**config, "architectures": [HOSTILE]}).encode()),
    broken("type", "config.json", json.dumps({**config, "hidden_size": HOSTILE}).encode()),
    broken("act", "config.json", json.dumps({**config, "hidden_act": HOSTILE}).encode()),
    broken("rope", "config.json", json.dumps({**config, "rope_scaling": {"rope_type": HOSTILE}}).encode()),
    broken("json", "config.json", b'{"a": "' + RAW),
    broken("tensor", "model.safetensors", struct.pack("<Q", len(header)) + header + b"1234"),
    broken("merges", "tokenizer.json", json.dumps(merges).encode()),
    broken("pre", "tokenizer.json", json.dumps({**tokenizer, "pre_tokenizer": {"type": HOSTILE}}).encode()),
    broken("kind", "tokenizer.json", json.dumps({**tokenizer, "model": {"type": HOSTILE}}).encode()),
    "missing-" + BRIEF,
]
for path in bad_models:
    for command in (["info"], ["info", "--tensors"], ["run", "-n", "1", "x"], ["tokenize", "x"], ["trace", "-n", "1", "x"]):
        quiet(f"{command} of {path[:6]}", *command, "-m", path, status=None)

m = ("-m", folder)
for option in ([], ["--config"], ["--tensors"], ["--tensors", "--stats"], ["--points"], ["--program"]):
    quiet(f"info {option}", "info", *m, *option)
    quiet(f"info --json {option}", "info", "--json", *m, *option)
quiet("info -v", "info", "-v", *m)

# ---- tokenize, run, trace: the prompt and what comes out ---------------------------------------------

prompt = HOSTILE
for option in ([], ["--ids"], ["--json"], ["--steps"], ["--no-bos"]):
    quiet(f"tokenize {option}", "tokenize", *m, *option, prompt)
quiet("tokenize --decode", "tokenize", *m, "--decode", " ".join(map(str, range(300))))
quiet("tokenize of raw bytes", "tokenize", *m, RAW.decode("utf-8", "surrogateescape"), status=None)
document = piped("tokenize", *m, "--json", prompt).stdout
if re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c", document):
    fail("tokenize --json in a pipe has control characters", document[:300])
if "".join(t["piece"] for t in json.loads(document)).encode("utf-8", "surrogatepass").count(b"evil") < 1:
    fail("tokenize --json lost the text", document[:300])

for option in ([], ["--echo"], ["--json"], ["-v"], ["--stop", BRIEF]):
    quiet(f"run {option}", "run", *m, "-n", "12", *option, prompt)
quiet("run at a temperature", "run", *m, "-n", "200", "--temp", "3", "--seed", "1", "x")
quiet("run --chat", "run", *m, "--chat", "-n", "3", "x", status=2)
exact = piped("run", "-q", *m, "-n", "60", "--temp", "3", "--seed", "1", "--echo", prompt).stdout
if not exact.startswith(prompt.encode()):
    fail("run --echo in a pipe is not exact", exact[:200])

out_file = "out-" + BRIEF + ".db"
for option in ([], ["--json"], ["-v"], ["--estimate"], ["--estimate", "--json"], ["--capture", "attention"]):
    quiet(f"trace {option}", "trace", *m, "-n", "2", "-o", out_file, *option, prompt)
for option, status in ((["--capture", BRIEF], 2), (["--capture", "*@" + BRIEF], 2), (["--zero", BRIEF], 2), (["--budget", BRIEF], 2),
                       (["-o", "missing/" + BRIEF], 3), (["--prompts", BRIEF], (2, 3))):
    quiet(f"trace refuses {option[0]}", "trace", *m, *option, *([] if option[0] == "--prompts" else ["x"]), status=status)
lines = "lines-" + BRIEF + ".jsonl"
with open(lines, "w", encoding="utf-8") as f:
    for i in range(3):
        f.write(json.dumps({"prompt": HOSTILE, "id": f"{HOSTILE}{i}", "n": 1}) + "\n")
for option in ([], ["--json"], ["--resume"], ["--estimate"]):
    quiet(f"trace --prompts {option}", "trace", *m, "-o", "many-" + out_file, "--prompts", lines, *option)
with open(lines, "w", encoding="utf-8") as f:
    f.write(json.dumps({"prompt": HOSTILE, "n": HOSTILE}) + "\n")
quiet("trace --prompts refuses a number", "trace", *m, "-o", "refused.db", "--prompts", lines, status=2)

# ---- words of the command line ------------------------------------------------------------------------

for words in ([BRIEF], ["--" + BRIEF], ["run", "--" + BRIEF], ["run", "-n", BRIEF, "x"], ["query", "-t", BRIEF, "SELECT 1"], ["help", BRIEF],
              ["completion", BRIEF], ["run", *m, "--prompt-ids", BRIEF], ["tokenize", *m, "--decode", BRIEF], ["run", "--color", BRIEF, "x"],
              ["tokenize", *m, "x", BRIEF]):
    quiet(f"{words[:2]} is refused", *words, status=(2, 3))
quiet("a raw byte of C1 is refused", "run", "--" + RAW.decode("utf-8", "surrogateescape"), status=2)
quiet("help", "help")
quiet("help of a command", "query", "--help")

# ---- a recording: names, texts, questions ---------------------------------------------------------------

recording = "recording-" + BRIEF + ".db"
done = piped("trace", "-q", *m, "-n", "2", "-o", recording, "-m", model, "--capture", "attention", "The model reads")
assert done.returncode == 0, done.stderr
db = sqlite3.connect(recording)
sound = db.execute("SELECT config FROM model").fetchone()
both = HOSTILE.encode() + RAW
db.execute("UPDATE model SET name = ?, arch = ?, file = ?, config = ?", (HOSTILE, HOSTILE, HOSTILE, json.dumps(HOSTILE, ensure_ascii=False)))
db.execute("UPDATE run SET prompt = ?, engine = ?", (HOSTILE, HOSTILE))
db.execute("UPDATE token SET piece = CAST(? || pos AS BLOB)", (both,))
db.execute("UPDATE cand SET piece = CAST(? AS BLOB)", (both,))
db.execute("UPDATE tok_step SET left_piece = ?, rule = ?", (both, HOSTILE))
db.execute("UPDATE point SET tl_name = ? || id, role = ?", (HOSTILE, HOSTILE))
db.execute("UPDATE point SET fqn = fqn || ? WHERE id > 20", (HOSTILE,))
db.execute("INSERT INTO point_alias SELECT ? || id, id FROM point LIMIT 5", (BRIEF,))
db.execute("UPDATE saved_query SET doc = ?, note = ?, topic = ? WHERE name = 'residual'", (HOSTILE,) * 3)
db.execute("UPDATE saved_param SET doc = ?", (HOSTILE,))
db.execute("INSERT INTO saved_query(name, sql, doc, note, topic, params) VALUES(?, ?, ?, ?, ?, ?)",
           (BRIEF, f"SELECT '{BRIEF}' AS \"{BRIEF}\"", HOSTILE, HOSTILE, HOSTILE, json.dumps({BRIEF: HOSTILE, "run": "0"}, ensure_ascii=False)))
db.execute("INSERT INTO saved_query(name, sql, doc, note, topic, params) VALUES('plain', ?, ?, ?, ?, ?)",
           (f"SELECT '{HOSTILE}' AS \"{HOSTILE}\"", HOSTILE, HOSTILE, HOSTILE, json.dumps({"k": HOSTILE}, ensure_ascii=False)))
db.execute(f'CREATE VIEW "{BRIEF}" AS SELECT 1 AS "{HOSTILE}"')
db.execute(f'CREATE TABLE "t{BRIEF}" ("{HOSTILE}" TEXT)')
db.execute("INSERT INTO schema_doc(obj, col, unit, doc) VALUES('v_value', ?, ?, ?)", (HOSTILE, HOSTILE, HOSTILE))
db.commit()
db.close()
t = ("-t", recording)
forms = ([], ["--csv"], ["--json"], ["--box"], ["-q"], ["-v"], ["--color", "always"], ["--color", "never"])
questions = (
    ["--list"], ["--functions"], ["residual"], ["plain"], ["plain", "k=" + BRIEF], ["tokens"], ["next"], ["runs"], ["config"],
    ["SELECT * FROM v_token"], ["SELECT * FROM v_cand LIMIT 3"], ["SELECT * FROM v_tok_step"], ["SELECT * FROM model"],
    ["SELECT * FROM v_value LIMIT 50"], ["SELECT fqn, tl_name FROM point"], ["SELECT * FROM v_run"], ["SELECT * FROM saved_query"],
    [f"SELECT * FROM \"{BRIEF}\""], ["SELECT * FROM sqlite_schema"], ["SELECT * FROM schema_doc WHERE obj = 'v_value'"],
    [f"SELECT '{HOSTILE}' AS \"{HOSTILE}\", CAST(X'{RAW.hex()}' AS TEXT), X'{both.hex()}', X'1b5b33316d07'"],
    ["EXPLAIN SELECT fqn FROM v_value"], [f"EXPLAIN QUERY PLAN SELECT * FROM \"t{BRIEF}\""],
)
for question in questions:
    for form in forms:
        quiet(f"query {form} {question}", "query", *t, *form, *question, status=(0, 2))
    quiet(f"query of {question} narrow", "query", *t, *question, columns=30, status=(0, 2))
    quiet(f"query of {question}, a pager", "query", *t, *question, env={"PAGER": "cat -"}, status=(0, 2))
    quiet(f"query of {question}, stdout alone", "query", *t, *question, streams=(1,), status=(0, 2))
    for stream in piped("query", *t, "--json", *question).stdout.splitlines():
        if harm(stream) or not json.loads(stream):
            fail(f"query --json {question} in a pipe", stream)
for question in ([BRIEF], [BRIEF, "k=1"], ["plain", BRIEF + "=1"], ["residual", "run=" + BRIEF], ["SELEC " + BRIEF], ["SELECT \"" + BRIEF + "x\""],
                 ["SELECT * FROM \"x" + BRIEF + "\""], [f"SELECT t_mean('{BRIEF}')"], [f"SELECT json('{BRIEF}')"], [f"SELECT t_at('L0.attn.z[{BRIEF}=1]')"],
                 [f"SELECT value FROM tensor_each('{BRIEF}')"], [f"SELECT {BRIEF}()"], ["SELECT 1; " + BRIEF], [f"SELECT * FROM lens WHERE token = '{BRIEF}'"],
                 [f"SELECT weight('{BRIEF}')"]):
    quiet(f"query refuses {question}", "query", *t, *question, status=None)

# ---- pictures of it, and of one whose config can be read ---------------------------------------------

drawn = "drawn-" + BRIEF + ".db"
shutil.copy(recording, drawn)
db = sqlite3.connect(drawn)
db.execute("UPDATE model SET config = ?", sound)
db.execute("UPDATE module SET path = path || ?, type = ? WHERE id % 3 = 0", (BRIEF, HOSTILE))
db.execute("INSERT INTO event(run_id, ts, kind, data) SELECT id, 1, ?, ? FROM run", (HOSTILE, json.dumps({"rule": HOSTILE})))
db.commit()
db.close()
for file in (recording, drawn):
    t2 = ("-t", file)
    for words in (["graph"], ["graph", "--json"], ["graph", "--level", "op", "--color-by", "l2"], ["graph", "--module", BRIEF], ["graph", "--expand", BRIEF],
                  ["graph", "--collapse", BRIEF], ["graph", "--level", BRIEF], ["graph", "-o", "graph-" + BRIEF + ".dot"], ["graph", "-o", "graph." + BRIEF],
                  ["show", "L0.attn.pattern"], ["show", "L0.attn.pattern", "--json"], ["show", "L0.attn.pattern", "--print"], ["show", "L0.attn.pattern", "--vs", BRIEF],
                  ["show", BRIEF], ["show", "L0.attn.pattern", "--csv", "-"], ["show", "L0.attn.pattern", "--npy", "npy-" + BRIEF],
                  ["export", "--chrome", "-"], ["export", "--perfetto", "-"], ["export", "--chrome", "chrome-" + BRIEF, "--perfetto", "perfetto-" + BRIEF],
                  ["export", "--chrome", "missing/" + BRIEF], ["report", "-o", "report-" + BRIEF + ".html"], ["report", "-o", "missing/" + BRIEF]):
        quiet(f"{words}", *words, *t2, status=None, also=rb"\r|\x1b\[K")  # of the progress that takes long
    quiet("graph --diff", "graph", "--diff", file, drawn, status=None)
    for words in (["export", "--chrome", "-"], ["graph", "--json"]):
        shown = piped(*words, *t2).stdout
        if shown and (harm(shown.replace(b"\n", b"")) or not json.loads(shown)):
            fail(f"{words} in a pipe", shown)

# What programs read stays exact: a comma and a line end are quoted, and nothing else is touched.
cell = "a\x1b[31m\x7f\x9b\u202e,\n\"b"
csv = piped("query", *t, "--csv", "SELECT '" + cell + "' AS c").stdout
if csv != ('c\n"' + cell.replace('"', '""') + '"\n').encode():
    fail("--csv in a pipe is not exact", csv)
shown = quiet("query --csv of a line end", "query", *t, "--csv", "SELECT '" + cell + "' AS c")
if shown.replace(b"\r\n", b"\n") != b'c\n"a\\x1B[31m\\x7F\\xC2\\x9B\\xE2\\x80\\xAE,\\n""b"\n':
    fail("--csv on a terminal is not escaped as a box is", shown)

# ---- the shell ----------------------------------------------------------------------------------------------

commands = [".help", ".schema", ".schema v_value", ".schema plain", f".schema {BRIEF}", ".saved", ".saved plain", ".functions", ".points", ".points *", ".set",
            ".set pos=3", ".set", ".explain plain", ".explain SELECT * FROM v_value", "plain", "residual", "SELECT * FROM v_token;", "SELECT tl_name FROM point;",
            "nosuch", "SELECT nosuch;", ".mode", ".limit", ".timeout", ".nosuch"]
for mode in ("box", "csv", "json", "tabs", "records"):
    typed = "\n".join([f".mode {mode}", *commands, ".quit", ""]).encode()
    # The terminal of a program without an editor turns control characters that are typed into signals.
    quiet(f"the shell, .mode {mode}", "query", *t, typed=re.sub(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", b"", typed), term="dumb")
# The editor moves the cursor itself, and shows what Tab found; a name that could not be typed is not offered.
editor = rb"\x1b\[[0-9;]*[A-HJKPXm@]|\x1b\[\?2004[hl]|[\r\x08\x07]|\x1b[()][AB0]|\x0f|\x1b[=>]"
quiet("the editor", "query", *t, typed=b"SELECT * FROM \t\tv_va\t;\n.sa\tpl\t\n.points ev\t\t\n.schema ev\t\t\nSELECT 'ev\t\t';\n.quit\n", also=editor, status=None)

# A recording that is none.
with open("none-" + BRIEF, "wb") as f:
    f.write(RAW * 100)
quiet("query of no recording", "query", "-t", "none-" + BRIEF, "SELECT 1", status=None)

print(f"control_bytes.sh: {n_checked} commands, {failures} failures") if failures else None
sys.exit(failures > 0)
PY
finish
