#!/bin/sh
# report.sh -- a recording as a page: what is written, what is said, and what is refused.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
m=$root/lessons/model
export TORCHLESS_DOT=/nonexistent/dot # what lays out has tests of its own

refuses "no recording" 3 'trace\.db: there is no recording here; .[^ ]*torchless trace --capture report' "$T" report
refuses "a recording that is not there" 3 'none\.db' "$T" report -t none.db
echo "no recording" > text.db
refuses "no recording at all" 2 'text\.db' "$T" report -t text.db
refuses "three recordings" 2 'of one recording or of two' "$T" report -t a.db -t b.db -t c.db
refuses "data and a file" 2 'leave -o out' "$T" report --json -o x.html

"$T" trace -q -m "$m" -n 3 --capture report "Once upon a time" || fail "no recording"
try "$T" report
is "report: status" 0 "$status"
is "report: nothing on stdout" "" "$(cat "$out")"
is "report: one line" 1 "$(wc -l < "$err" | tr -d ' ')"
has "report: the file and its size" '^report\.html  [0-9.]+ kB; no graph: .*/nonexistent/dot' "$err"
hasnt "report: nothing was missing in the recording" '--capture' "$err"
is "a page" "<!DOCTYPE html>" "$(head -n 1 report.html)"
is "a page loads nothing" 0 "$(grep -cE '(src|href)="(https?:)?//' report.html)"
is "an empty stderr with --quiet" "" "$("$T" report -q 2>&1)"
cp report.html first.html
"$T" report -q
cmp -s report.html first.html || fail "the same recording gives the same page"
try "$T" report -o -
cmp -s "$out" report.html || fail "-o - is the page on stdout"
is "-o - says nothing" "" "$(cat "$err")"

# The data on the page are those of --json.
"$T" report --json > data.json || fail "--json"
python3 - <<'PY' || fail "the data of the page"
import json, re
page = open("report.html", encoding="utf-8").read()
(data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
data, alone = json.loads(data), json.load(open("data.json", encoding="utf-8"))
assert data == alone
(rec,) = data["recordings"]
assert (rec["file"], rec["run"], rec["status"], rec["prompt"]) == ("trace.db", 1, "ok", "Once upon a time"), rec["file"]
assert rec["left_out"] == [] and "difference" not in data
PY

"$T" trace -q -m "$m" -n 2 -o plain.db "Once upon a time" || fail "no plain recording"
try "$T" report -t plain.db -o plain.html
is "a plain recording: status" 0 "$status"
has "a plain recording: the capture that would keep more" '^plain\.html  .*.[^ ]*torchless trace .*--capture report .*. records what it lacks' "$err"
try "$T" report -t trace.db -m /nonexistent -o moved.html
is "without the model: status" 0 "$status"
has "without the model: how to name it" 'name it with -m PATH' "$err"
hasnt "without the model: the capture is not to blame" '--capture' "$err"

# Two recordings, and a run of one.
"$T" trace -q -m "$m" -n 3 --capture report -o other.db "Once upon a day" || fail "no second recording"
try "$T" report -t trace.db -t other.db -o two.html
is "two recordings: status" 0 "$status"
"$T" report -t trace.db -t other.db --json > two.json || fail "two recordings as data"
python3 - <<'PY' || fail "what differs"
import json
data = json.load(open("two.json", encoding="utf-8"))
d = data["difference"]
assert [r["file"] for r in data["recordings"]] == ["trace.db", "other.db"]
a, b = ([t["id"] for t in r["tokens"]] for r in data["recordings"])
n = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
assert d["tokens_equal_until"] == n, (d["tokens_equal_until"], n)
assert d["values"][d["first"]]["verdict"] == "differs"
assert all(v["verdict"] in ("equal", "close") for v in d["values"][:d["first"]])
assert "prompt" not in [s[0] for s in d["settings"]]
PY
printf '{"prompt": "One"}\n{"prompt": "Two"}\n' > prompts.jsonl
"$T" trace -q -m "$m" -n 1 -o many.db --prompts prompts.jsonl || fail "no recording of many"
is "the newest run" '"Two"' "$("$T" report -t many.db --json | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["recordings"][0]["prompt"]))')"
is "--run" '"One"' "$("$T" report -t many.db --run 1 --json | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["recordings"][0]["prompt"]))')"
refuses "a run that is not there" 2 'has no run 9' "$T" report -t many.db --run 9 -o none.html
[ ! -e none.html ] || fail "a file of a report that failed"

# What is there stays when it cannot be replaced.
echo mine > kept.html
mkdir folder.html shut && echo mine > shut/kept.html
refuses "a folder in the way" 3 'folder\.html' "$T" report -o folder.html
refuses "no such folder" 3 'none/x\.html' "$T" report -o none/x.html
if [ "$(id -u)" != 0 ]; then
	chmod 500 shut
	refuses "a folder that is shut" 3 'kept\.html' "$T" report -o shut/kept.html
	chmod 700 shut
fi
if [ -w /dev/full ]; then
	# shellcheck disable=SC2016 # what the inner shell expands
	try sh -c '"$1" report --json > /dev/full' - "$T"
	is "a full disk: status" 3 "$status"
	has "a full disk" 'cannot write' "$err"
fi
is "what was there" "mine mine" "$(cat kept.html) $(cat shut/kept.html)"
is "nothing half-written" "" "$(find . -name '*.tmp*' -o -name '.*.html*')"

# Ctrl-C leaves what was there: dot that never ends is waited for, and interrupted.
printf '#!/bin/sh\ntouch %s/began\ntrap "" INT\nexec sleep 100\n' "$work" > endless
chmod +x endless
TORCHLESS_DOT=$work/endless python3 - "$T" <<'PY' || fail "Ctrl-C"
import os, signal, subprocess, sys
from until import until
p = subprocess.Popen([sys.argv[1], "report", "-o", "kept.html"], stderr=subprocess.PIPE)
until("dot begins", lambda: os.path.exists("began"), p)
p.send_signal(signal.SIGINT)
said = p.communicate(timeout=60)[1]
assert p.returncode == 130, (p.returncode, said)
assert open("kept.html").read() == "mine\n"
PY
finish
