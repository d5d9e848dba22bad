#!/bin/sh
# query_shell.sh -- `torchless query` without SQL: a person at a terminal, and statements from a pipe.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
"$T" trace -q -m "$m" -n 2 "The model reads" || fail "no recording to ask"
"$T" trace -q -m "$m" --redact -o redacted.db "The model reads" || fail "no redacted recording"
before=$(cksum < trace.db)

# ---- from a pipe: results and nothing else, the first error ends it -------------------------------
shell() { # INPUT [OPTION...]
	printf '%b' "$1" > "$work/in"
	shift
	timeout 60 "$T" query "$@" < "$work/in" > "$out" 2> "$err"
	status=$?
}
is "SQL from a pipe" 7 "$(echo 'SELECT 3 + 4;' | "$T" query)"
is "without its semicolon" 7 "$(echo 'SELECT 3 + 4' | "$T" query)"
shell "SELECT 1, -- ;\n ';\n' || 2\n;SELECT 3;"
is "statements over lines" "0 1 \\n2 3" "$status $(sed 's/;//' "$out" | tr '\t\n' '  ' | sed 's/ *$//; s/  */ /g')"
shell "residual pos=1\n"
is "a saved query by its name" "$("$T" query residual pos=1)" "$(cat "$out")"
shell ".mode csv\nresidual pos=1;\n"
is "and how it is shown" "$("$T" query --csv residual pos=1)" "$(cat "$out")"
shell "SELECT 1;\nSELECT x;\nSELECT 2;\n"
is "an error ends a file" "2 1 torchless: no such column: x" "$status $(cat "$out") $(sed 's/;.*//' "$err")"
shell "SELECT 1\000;\n"
is "a NUL byte is refused" "2  torchless: the SQL holds a NUL byte" "$status $(cat "$out") $(cat "$err")"
shell "" && is "nothing asked, nothing said" "0  " "$status $(cat "$out") $(cat "$err")"
shell "-- only a comment\n\n;;\n"
is "nor for a comment" "0  " "$status $(cat "$out") $(cat "$err")"
shell "SELECT 1;\n.quit\nSELECT 2;\n"
is ".quit ends a file" "0 1" "$status $(cat "$out")"

for line in ".nonsense:there is no command .nonsense; .help lists them" ".schemo:did you mean .schema" ".s:.s may be any of .schema, .saved, .set" \
	".mode boxx:it is one of tabs, box, csv, json, records" ".limit x:.limit wants a number from 0" ".limit -1:.limit wants" \
	".tab x:.tables takes other arguments: .tables$" ".timeout 1 2:.timeout takes other arguments: .timeout \\[SECONDS\\]" ".explain:.explain takes other arguments" \
	".explain SELECT x:no such column: x" ".schema v_valu:no view, .*\"v_valu\"; did you mean \"v_value\"" \
	".functions t_shap:did you mean \"t_shape\"" ".points q_rott:did you mean \"[^\"]*q_rot\"" ".saved residul:did you mean \"residual\"" \
	".saved next x=1:next has no parameter 'x'" "residul:did you mean \"residual\"" "next x=1:no parameter 'x'" \
	"next 3:'3' is no KEY=VALUE" ".saved 'next:a quote is not closed" "SELECT fqm FROM v_value;:did you mean \"fqn\"" \
	"SELECT t_shap(1);:did you mean \"t_shape\"" "SELECT * FROM lense;:did you mean \"lens\"" "DROP TABLE run;:DROP is refused" \
	"SELECT t_shape('L0.attn.patern');:L0.attn.pattern"; do
	shell "${line%%:*}\n"
	is "${line%%:*}: status and output" "2 1 " "$status $(wc -l < "$err" | tr -d ' ') $(cat "$out")"
	has "${line%%:*}" "^torchless: .*${line#*:}" "$err"
done

# ---- what the commands print -----------------------------------------------------------------------
shell ".schema\n"
is ".schema names every view" "$(sql trace.db "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name" | paste -sd' ')" \
	"$(awk -F'\t' '$2 == "view" { print $1 }' "$out" | LC_ALL=C sort | paste -sd' ')"
is "with its meaning" 0 "$(awk -F'\t' '$2 == "view" && $3 == ""' "$out" | wc -l | tr -d ' ')"
has "table functions too" "^lens	function	" "$out"
mv "$out" schema && shell ".tables\n" && is ".tables is the same" "$(cat schema)" "$(cat "$out")"
shell ".schema V_Token\n"
is ".schema of a view" "$(sql trace.db "SELECT col, doc FROM schema_doc WHERE obj = 'v_token' AND col <> '' ORDER BY col")" \
	"$(cut -f1,4 "$out" | tr '\t' '|' | LC_ALL=C sort)"
shell ".schema lens\n"
is ".schema of a table function" "layer rank token logprob" "$(cut -f1 "$out" | head -4 | paste -sd' ')"
shell ".mode json\n.schema residual\n"
is ".schema of a saved query" "$(sql trace.db "SELECT sql FROM saved_query WHERE name = 'residual'" | tr -d '\n')" \
	"$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["sql"].replace("\n", ""))' "$out")"
shell ".saved\n" && is ".saved is --list" "$("$T" query --list)" "$(cat "$out")"
shell ".saved next n=2\n" && is ".saved runs one" "$("$T" query next n=2)" "$(cat "$out")"
shell ".functions t_at\n" && has ".functions of one" "^t_at	\\(t, i" "$out"
shell ".points L0.attn.*\n"
is ".points by a pattern" "$(sql trace.db "SELECT fqn FROM point WHERE fqn GLOB 'model.layers.0.self_attn[:.]*' ORDER BY id" | paste -sd' ')" \
	"$(cut -f5 "$out" | paste -sd' ')"
shell ".points resid_post\n" && is ".points by a piece of a name, and what was kept" "dump dump" "$(cut -f4 "$out" | paste -sd' ')"
shell ".limit 2\nSELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3;\n" && is ".limit" "1 2" "$(paste -sd' ' "$out")"
shell ".timeout 0.2\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;\n"
has ".timeout" "stopped after 0.2 s" "$err"
shell ".explain SELECT l2 FROM v_value WHERE role = 'q' UNION SELECT 1\n" && has ".explain names an index" "SEARCH .*INDEX point_role" "$out"
LC_ALL=C shell ".explain SELECT 1 WHERE 1 IN (SELECT 2 UNION SELECT 3)\n"
python3 - "$out" <<'PY' || fail ".explain is a tree: $(cat "$out")"
import sqlite3, sys
rows = sqlite3.connect("trace.db").execute("EXPLAIN QUERY PLAN SELECT 1 WHERE 1 IN (SELECT 2 UNION SELECT 3)").fetchall()
def draw(parent, before):
    children = [r for r in rows if r[1] == parent]
    for r in children:
        last = r is children[-1]
        yield before + ("`- " if last else "|- ") + r[3]
        yield from draw(r[0], before + ("   " if last else "|  "))
want, got = list(draw(0, "")), open(sys.argv[1]).read().splitlines()
assert got == want and any(line.startswith((" ", "|  ")) for line in got), (got, want)
PY
shell ".set x=4 y='a b'\nSELECT :x + 1, \$y;\n.set x=5\n.set\nSELECT :x, ':y';\n"
is ".set gives parameters" "5	a b x=5 y=a b 5	:y" "$(paste -sd' ' "$out")"
shell "SELECT :z;\n" && has "a parameter that is not" "^torchless: the parameter :z is not given: .*\.set z=VALUE$" "$err"
shell ".set x=layer\n.explain SELECT * FROM v_value WHERE role = :x\n" && has ".explain with a parameter" "SEARCH .*INDEX point_role" "$out"
shell ".explain residual pos=1\n" && has ".explain of a saved query" "SEARCH" "$out"
# Where results go, what is read, which recording is asked.
shell ".headers on\nSELECT 1 a, 2 b;\n" && is ".headers on" "a	b 1	2" "$(paste -sd' ' "$out")"
shell ".mode csv\n.headers off\nSELECT 1 a, 2 b;\n" && is ".headers off" "1,2" "$(cat "$out")"
shell ".output to.txt\nSELECT 1;\n.output\nSELECT 2;\n" && is ".output" "1 2" "$(cat to.txt "$out" | paste -sd' ')"
shell ".once to.txt\nSELECT 3;\nSELECT 4;\n" && is ".once" "3 4" "$(cat to.txt "$out" | paste -sd' ')"
sum=$(cksum <trace.db)
cp trace.db other.db && ln -s trace.db link.db && : >trace.db-wal
for line in ".once trace.db:trace.db is a recording" ".output other.db:other.db is a recording" ".once link.db:is a recording" \
	".output trace.db-wal:belongs to the recording" ".once |cat:no command is run" ".once nowhere/x:cannot write to nowhere/x" \
	".once:\.once takes other arguments" ".headers maybe:on or off" ".timer x:on or off" ".width x:.width wants" \
	".open nothing.db:nothing.db" ".open to.txt:to.txt is not a recording" ".read nothing.sql:nothing.sql" ".read .:directory"; do
	shell "${line%%:*}\n"
	has "${line%%:*}" "^torchless: .*${line#*:}" "$err"
	is "${line%%:*}: one sentence" 1 "$(wc -l <"$err" | tr -d ' ')"
done
rm -f trace.db-wal
is "no result takes the place of a recording" "$sum" "$(cksum <trace.db)"
printf 'SELECT 5;\n.once to.txt\nSELECT 6' >read.sql && printf '.read deep.sql\n' >deep.sql && printf 'SELECT 7;\n.nonsense\n' >bad.sql
shell ".read read.sql\nSELECT 8;\n" && is ".read" "5 8 6" "$(cat "$out" to.txt | paste -sd' ')"
shell ".read deep.sql\n"
has "files that read themselves end" '^torchless: deep.sql:1: deep.sql: files that .read one another are at most 16 deep$' "$err"
shell ".read bad.sql\n"
has "an error says where it was" '^torchless: bad.sql:2: there is no command .nonsense' "$err"
"$T" trace -q -o other.db -n 0 "The model"
shell "SELECT count(*) FROM v_token;\n.open other.db\nSELECT count(*) FROM v_token;\n"
is ".open asks another" 1 "$(sort -u "$out" | wc -l | awk '{ print $1 == 2 }')"
shell ".timer on\nSELECT 1;\n" && has ".timer" '^time: real .*, user .*, system ' "$err"
shell ".mode box\n.width 4 -6\nSELECT 'abcdef' a, 'x' b;\n" && has ".width" '^(│|\|) abc. (│|\|)      x (│|\|)$' "$out"
# shellcheck disable=SC2016 # it is quoted so by the shell
shell "nonsense-name\n" && has "the shell names its own list" '`\.saved` names them' "$err"

shell ".help\n"
is ".help explains every command" 0 "$(awk -F'\t' '$2 == ""' "$out" | wc -l | tr -d ' ')"
for command in help schema saved explain functions points set read open output once mode headers width limit timeout timer quit; do
	has ".help has .$command" "^\\.$command" "$out"
done
is "nothing was written" "$before" "$(cksum < trace.db)"

# ---- at a terminal ----------------------------------------------------------------------------------
command -v tmux > /dev/null || { echo "query_shell.sh: no tmux, what a terminal shows is not tested"; finish; }
python3 - "$T" "$work" <<'PY' || failures=1
import os, re, stat, subprocess, sys, termios, time
from until import until

torchless, work = sys.argv[1:]
failures = []
state = work + "/state/torchless/query_history"

class Terminal:
    """A program on a screen of its own; what it shows is what tmux says."""
    def __init__(self, *args, columns=100, rows=40, **env):
        self.socket, self.edits = f"{work}/tmux{time.time()}", env.get("TERM") != "dumb"
        env = {"LC_ALL": "C.UTF-8", "XDG_STATE_HOME": work + "/state", "HOME": work, "NO_COLOR": "1", "PAGER": "cat", **env}
        words = ["env", *(f"{k}={v}" for k, v in env.items()), torchless, "query", *args]
        quoted = " ".join("'" + w.replace("'", "'\\''") + "'" for w in words) + "; echo status $?; sleep 60"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), quoted)
        self.wait("> ?$|status")
    def tmux(self, *args):
        return subprocess.run(["tmux", "-S", self.socket, *args], check=True, capture_output=True, text=True).stdout
    def screen(self):
        return re.sub(r"\s+\Z", "", self.tmux("capture-pane", "-p"))
    def asked(self, question):
        """What is so of the terminal itself."""
        tty = os.open(self.tmux("display-message", "-p", "#{pane_tty}").strip(), os.O_RDONLY | os.O_NOCTTY)
        try:
            return question(tty)
        finally:
            os.close(tty)
    def resize(self, columns):
        self.tmux("resize-window", "-x", str(columns), "-y", "40")
        until(f"a screen of {columns} columns", lambda: self.asked(os.get_terminal_size).columns == columns)
    def cursor(self):
        return int(self.tmux("display-message", "-p", "#{cursor_y}"))
    def wait(self, pattern, seconds=60):
        end = time.time() + seconds
        while not re.search(pattern, self.screen(), re.M) and time.time() < end:
            time.sleep(0.02)
        return self.screen()
    def keys(self, *keys):
        # Typed between two prompts it is no end: the line discipline makes a NUL of it. A prompt is seen a moment before the
        # editor has the keys; without an editor the kernel has them all the time.
        if keys == ("C-d",):
            self.wait(r"> ?\Z")
            if self.edits:
                until("the editor has the keys", lambda: not self.asked(termios.tcgetattr)[3] & termios.ECHO)
        self.tmux("send-keys", *keys)
    def type(self, text):
        # A semicolon at the end would end tmux's own command.
        self.tmux("send-keys", "-l", re.sub(";$", "\\;", text))
    def expect(self, what, pattern):
        screen = self.wait(pattern)
        if not re.search(pattern, screen, re.M):
            failures.append(what)
            print(f"query_shell.sh: {what}: no /{pattern}/ in\n{screen[-600:]}")
    def close(self):
        self.tmux("kill-server")

def complete(t, typed, shown, tabs=1):
    """Type, press Tab, and see the line (a regular expression)."""
    t.keys("C-u"); t.type(typed)
    for _ in range(tabs):
        t.keys("Tab")
    t.expect(f"Tab after {typed}", shown)
    t.keys("C-u")

t = Terminal()
t.expect("the greeting says what and how", r'^trace\.db: \d+ tokens of "The model reads" and 2 generated through the 2 layers of window')
t.expect("and what to try", r"^Type SQL .*residual.*\.help")
t.expect("the prompt is the recording", r"^trace\.db>$")
t.type("SELECT 6 * 7 AS"); t.keys("Enter")
t.expect("a statement goes on", r"^     \.\.\.>$")
t.type("answer;"); t.keys("Enter")
t.expect("and ends at the semicolon", r"│ answer │\n├─+┤\n│     42 │\n└─+┘\n1 row · ")
t.type("residual"); t.keys("Enter")
t.expect("a saved query by name", r"│ growth +│")
t.keys("C-l")

complete(t, "sel", r"^trace\.db> select$")
complete(t, "SELECT fqn FROM v_val", r"FROM v_value$")
complete(t, "SELECT logp FROM v_token", r"SELECT logp FROM v_token$")
complete(t, "SELECT v.fq", r"SELECT v\.fq$")
complete(t, "SELECT * FROM v_value v WHERE v.fq", r"WHERE v\.fqn$")
complete(t, "SELECT t_sh", r"SELECT t_shape\($")
complete(t, "SELECT t_at('L1.at", r"t_at\('L1\.attn$")
complete(t, "SELECT t_at('L1.attn.pat", r"t_at\('L1\.attn\.pattern'$")
complete(t, "SELECT t_at('blocks.1.attn.hook_pat", r"hook_pattern'$")
complete(t, "SELECT * FROM v_value WHERE role = 'resid_p", r"role = 'resid_post'$")
complete(t, "SELECT * FROM v_token WHERE source = 'gen", r"source = 'generated'$")
complete(t, "SELECT ';' FROM len", r"FROM lens$")
complete(t, "SELECT layer FROM lens WHERE logp", r"WHERE logprob$")
complete(t, "layer-k", r"^trace\.db> layer-knows$")
complete(t, "layer-knows p", r"layer-knows pos=$")
complete(t, ".sch", r"^trace\.db> \.schema$")
complete(t, ".schema v_cand", r"\.schema v_cand$")
complete(t, ".saved next n", r"\.saved next n=$")
complete(t, ".explain SELECT * FROM v_spa", r"FROM v_span$")
complete(t, ".explain residua", r"\.explain residual$")
complete(t, ".mode js", r"\.mode json$")
complete(t, ".timer of", r"\.timer off$")
complete(t, ".open redac", r"\.open redacted\.db$")
complete(t, ".points L0.mlp.act", r"\.points L0\.mlp\.act_?")
complete(t, "SELECT * FROM v_", r"^v_value +v_", tabs=2)
t.type("SELECT"); t.keys("Enter"); t.type("logprob, ent"); t.keys("Tab"); t.type(" FROM v_token LIMIT 1;")
t.keys("Enter")
t.expect("Tab in the second line", r"│ entropy │")

t.type("SELECT nothing"); t.wait(r"> SELECT nothing$"); t.keys("C-c")
t.expect("Ctrl-C clears the line", r"SELECT nothing.*\n+trace\.db>$")
t.type("SELECT 1,"); t.keys("Enter"); t.wait(r"^     \.\.\.>$"); t.keys("C-c")
t.expect("and a statement half typed", r"^     \.\.\.>.*\n+trace\.db>$")
t.type("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;")
t.wait(r"max\(i\) FROM n;$")
line = t.cursor()
t.keys("Enter")
until("the query runs", lambda: t.cursor() > line)
t.keys("C-c")
t.expect("Ctrl-C stops a query", r"^torchless: interrupted\ntrace\.db>$")
t.type("SELECT 'still ' || 'here';"); t.keys("Enter")
t.expect("and the shell goes on", r"│ still here +│")
t.type("SELECT fqn FROM v_valu;"); t.keys("Enter")
t.expect("an error is one sentence", r'^torchless: no such table: v_valu; did you mean "v_value"\?\ntrace\.db>$')
t.keys("C-l")
t.type("SELECT fqn FROM v_value;"); t.keys("Enter")
t.expect("the end of it is said", r"^\d+ rows · [0-9.]+ .?s$")
t.keys("C-l")
t.type("SELECT fqn, fqn f2, fqn f3 FROM v_value LIMIT 1;"); t.keys("Enter")
t.expect("a box as wide as the screen", r"^┌[─┬]{60,98}┐$")
t.resize(60)
t.keys("C-l")
t.type("SELECT fqn, fqn f2, fqn f3 FROM v_value LIMIT 1;"); t.keys("Enter")
t.expect("and as wide as it is now", r"^┌[─┬]{40,58}┐$")
t.keys("C-l")
t.type("SELECT * FROM v_value;"); t.keys("Enter")
t.expect("rows too wide for a box are records", r"^── row \d+ ─+$")
t.keys("C-l")
t.type("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1234) SELECT i FROM n;"); t.keys("Enter")
t.expect("the limit is said", r"^1,000 of 1,234 rows · .* · \.limit 0 shows all$")
t.keys("C-l")
t.type("SELECT length('" + 120 * "x")
t.expect("a line longer than the screen", "x{60}")
for columns in (9, 35):
    t.resize(columns)
    t.type("yy")
t.type("') AS n;"); t.keys("Enter")
t.expect("goes on when the screen becomes narrower", r"│ 124 │")
t.keys("C-d")
t.expect("Ctrl-D leaves with 0", r"^status 0")
t.close()

check = lambda what, ok, shown="": ok or (failures.append(what), print(f"query_shell.sh: {what}: {shown!r}"))
check("the history is its owner's", stat.S_IMODE(os.stat(state).st_mode) == 0o600 and stat.S_IMODE(os.stat(os.path.dirname(state)).st_mode) == 0o700)
kept = open(state).read().split("\n")
check("a statement is one entry", "SELECT 6 * 7 AS answer;" in kept, kept)

t = Terminal()
t.keys("Up"); t.keys("Up"); t.keys("Up"); t.keys("Up")
t.expect("the history of the session before", r"^trace\.db> SELECT fqn, fqn f2, fqn f3 FROM v_value LIMIT 1;$")
t.keys("C-u"); t.type("help"); t.keys("Enter")
t.expect("help is understood", r"^\.schema \[NAME\]")
t.type("quit"); t.keys("Enter")
t.expect("quit leaves", r"^status 0")
t.close()

lines = len(open(state).read().split("\n"))
t = Terminal("-t", "redacted.db")
t.expect("a redacted recording greets without its prompt", r"^redacted\.db: \d+ tokens and 1 generated through")
t.type("SELECT 'secret';"); t.keys("Enter")
t.expect("its history", r"│ secret   │")
t.keys("Up")
t.expect("is in memory", r"redacted\.db> SELECT 'secret';$")
t.keys("C-u"); t.keys("C-d")
t.expect("only", r"^status 0")
t.close()
check("and nowhere else", len(open(state).read().split("\n")) == lines)

os.chmod(state, 0o644)
open(work + "/file", "w").close()
for home in (work + "/file", "/proc/nowhere"):
    t = Terminal(XDG_STATE_HOME=home)
    t.type("SELECT 40 + 2;"); t.keys("Enter"); t.expect(f"no place for a history: {home}", r"│     42 │"); t.keys("C-d")
    t.expect("and no failure", r"^status 0")
    t.close()

t = Terminal("-q", TERM="dumb")
t.expect("a dumb terminal has a prompt too", r"\A\s*trace\.db>$")
t.type("SELECT 40 + 2;"); t.keys("Enter")
t.expect("and answers", r"│     42 │")
t.keys("C-d")
t.expect("and ends", r"^status 0")
t.close()

# A real pager: Ctrl-C is its own, and leaving it leads back to the prompt.
if subprocess.run(["sh", "-c", "command -v less"], capture_output=True).returncode == 0:
    t = Terminal("-q", "--limit", "0", PAGER="less", LESS="")
    t.type("SELECT fqn, fqn f2 FROM v_value;"); t.keys("Enter")
    t.expect("a pager shows the beginning", r"\A┌─+[^\x00]*\n:$")
    t.keys("C-c")
    # Ctrl-C drops what was typed with it, and a pager that had yet to see it breaks off its way to the end.
    the_end, until_then = r"^└─+┴─+┘$", time.time() + 60
    while not re.search(the_end, t.screen(), re.M) and time.time() < until_then:
        t.keys("G"); time.sleep(0.1)
    t.expect("and after Ctrl-C the end", the_end)
    t.keys("q"); t.type("SELECT 40 + 2;"); t.keys("Enter")
    t.expect("and the shell goes on", r"│     42 │")
    t.type("SELECT 1"); t.wait(r"> SELECT 1$"); t.keys("C-c")
    t.expect("where Ctrl-C clears the line", r"SELECT 1.*\n+trace\.db>$")
    t.keys("C-d")
    t.expect("and Ctrl-D leaves", r"^status 0")
    t.close()

# vi's keys of an ~/.editrc leave Tab and the prompt as they are.
with open(work + "/.editrc", "w") as f:
    f.write("bind -v\n")
t = Terminal()
t.type("SELECT fqn FROM v_val"); t.keys("Tab")
t.expect("Tab with bind -v", r"FROM v_value$")
t.type(" LIMIT 1"); t.keys("Escape"); t.type("0i"); t.type("EXPLAIN ")
t.expect("vi's keys", r"^trace\.db> EXPLAIN SELECT fqn FROM v_value LIMIT 1$")
t.close()
os.remove(work + "/.editrc")

# The other way round: stdin is a terminal, stdout is a file, which gets results only.
import pty
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", XDG_STATE_HOME=work + "/state")
    os.dup2(os.open("result", os.O_CREAT | os.O_WRONLY, 0o600), 1)
    os.execv(torchless, ["torchless", "query"])
shown = b""
os.write(fd, b"SELECT 40 + 2;\n\x04")
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
check("stdout that is no terminal gets data only", (open("result").read(), status) == ("42\n", 0), (open("result").read(), status))
check("and the prompt is on stderr", b"trace.db> " in shown, shown)
sys.exit(bool(failures))
PY
python3 "$root/tests/support/signal_storm.py" "trace.db> " .quit "$T" query || fail "among signals"
finish
