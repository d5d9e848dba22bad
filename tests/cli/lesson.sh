#!/bin/sh
# lesson.sh -- `torchless lesson` from outside: a small course from the first word to the last, and
# what is said where something is missing.
. "$(dirname "$0")/lib.inc"
export TORCHLESS_COURSE="$root/tests/support/course"
unset TORCHLESS_LESSON_HOME SMOLLM2
home=$work/torchless-lessons

lesson() { try "$T" lesson "$@"; }

# next WHAT PATTERN: the last line is the one thing to type.
next() { tail -n 1 "$out" > "$work/last"; has "$1: what to type next" "^next +.*torchless lesson $2\$" "$work/last"; }

cd "$work" || exit 2

# The first words.
lesson
is "the first word: status" 0 "$status"
has "it says where files will lie" "torchless-lessons" "$out"
next "the first word" "start 00"
is "nothing is made before one begins" "" "$(ls "$home" 2>/dev/null)"
refuses "no exercise yet" 2 "lesson start" "$T" lesson check
refuses "an unknown word" 2 "did you mean start" "$T" lesson strat
refuses "one word too many" 2 "'x' is one more" "$T" lesson next x
refuses "an unknown lesson" 2 "no lesson 'secnd'; did you mean second" "$T" lesson start secnd
refuses "an unknown exercise" 2 "did you mean softmax" "$T" lesson hint sofmax

# A lesson begins: its files are there.
lesson start 00
is "start: status" 0 "$status"
next "start" show
for f in AGENTS.md compile_flags.txt torchless/lesson_kernels.h 00-first/positions.sql 00-first/main.db; do
	[ -s "$home/$f" ] || fail "start: no $f"
done
lesson show
has "show" "What a recording holds" "$out"

hasnt "in a pipe nothing stands behind the text" "^next" "$out"
lesson
next "not tried: the question comes first" "show heads-guess"
lesson show heads-guess
next "a question" "answer heads-guess 'a\\|b\\|c'"
refuses "that, pasted as it is" 2 "asks for one of a, b, c" "$T" lesson answer heads-guess 'a|b|c'
refuses "an exercise without an answer" 2 "what is your answer\? .*answer calls NUMBER" "$T" lesson answer calls
refuses "a slip of the name before an answer" 2 "did you mean calls" "$T" lesson answer cals 4

# A prediction is locked, and the first one counts.
refuses "an answer of another form" 2 "." "$T" lesson answer heads-guess z
lesson answer a
is "a wrong prediction: status" 1 "$status"
has "the first line names the exercise" "^lesson 00 .*exercise heads-guess" "$out"
has "what that belief is" "number of its key heads" "$out"
lesson answer heads-guess b
is "a right answer: status" 0 "$status"
next "a right answer" next
lesson progress --json
python3 - "$out" <<'PY' || fail "progress --json"
import json, sys
doc = json.load(open(sys.argv[1]))
assert (doc["done"], doc["of"], doc["predictions"], doc["right"]) == (1, 7, 1, 0), doc
assert doc["exercises"][0]["predicted"] == "a" and doc["exercises"][0]["passed"], doc
PY

# A number.
lesson next
has "next asks the question" "Count the layers" "$out"
has "and what leads to it stands before it" "^See it run" "$out"
hasnt "but not what was shown before" "A recording holds what was computed" "$out"
refuses "a decimal comma" 2 "write a point for the decimal comma" "$T" lesson answer 0,987
refuses "a decimal comma behind more" 2 "write a point for the decimal comma" "$T" lesson answer 4,5
lesson answer 4
is "a wrong value: status" 1 "$status"
has "what it is" "how many heads a layer has" "$out"
next "a wrong value" "hint calls"
lesson hint
has "a hint" "Look at what" "$out"
refuses "no solution yet" 1 "give-up" "$T" lesson solution
lesson answer 5
is "the right value: status" 0 "$status"
lesson why
has "why it matters" "called once a pass" "$out"

# A query, in a file.
lesson check positions
is "nothing was written: status" 1 "$status"
has "nothing was written: where it is to be written" "^Write it in $home/00-first/positions.sql, then:" "$out"
next "nothing was written: no hint yet" "check positions"
echo 'SELECT pos, piece FROM v_token WHERE run_id = 1 ORDER BY pos' > "$home/00-first/positions.sql"
lesson check --json
is "a right query: status" 0 "$status"
python3 - "$out" <<'PY' || fail "check --json"
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["passed"] and doc["exercise"] == "positions" and doc["file"].endswith("00-first/positions.sql"), doc
assert doc["checks"] and len(doc["file_hash"]) == 16, doc
PY

# A kernel: given out, wrong, right; what was lost is there again, and nothing is written over.
lesson start 01
lesson check softmax
is "as it was given out: status" 1 "$status"
cp "$TORCHLESS_COURSE/01-second/wrong/no_max.c" "$home/01-second/softmax.c"
lesson check softmax
is "a known wrong answer: status" 1 "$status"
has "it is told by what it means" "overflows where logits are large" "$out"
lesson show softmax
has "show of an exercise" "exercise softmax" "$out"
cat > "$home/01-second/softmax.c" <<'C'
#include "torchless/lesson_kernels.h"
void tl_softmax(float *x, int n)
{
	for (int i = 0; i < n; i++)
		x[i] = 1.0f / (float)n;
}
C
lesson check softmax
is "a wrong answer that nobody knows: status" 1 "$status"
has "where the model parts is told too" "swapped into the model  identical until \`model.layers.0.self_attn:pattern\`" "$out"
next "a wrong answer" "hint softmax"
rm "$home/01-second/softmax.c"
lesson check softmax
is "a file that was lost: status" 1 "$status"
has "it is cut again and said" "01-second/softmax.c was missing" "$out"
cp "$TORCHLESS_COURSE/01-second/softmax.c" "$home/01-second/softmax.c"
lesson check softmax
is "the solution: status" 0 "$status"
has "the verdict names the file" "exercise softmax .* 01-second/softmax.c" "$out"
lesson start 01
cmp -s "$TORCHLESS_COURSE/01-second/softmax.c" "$home/01-second/softmax.c" || fail "start wrote over a file"
lesson reset softmax
cmp -s "$TORCHLESS_COURSE/01-second/softmax.c" "$home/01-second/softmax.c.~1~" || fail "reset lost the file"
has "reset cuts it again" "TODO" "$home/01-second/softmax.c"
lesson solution softmax
has "after a pass the solution is shown" "expf" "$out"
hasnt "without its markers" "SOLUTION" "$out"
head -c 2000000 /dev/zero | tr '\0' ' ' > "$home/01-second/softmax.c"
refuses "a file of 2 MB" 2 "softmax.c is 2000000 bytes long" "$T" lesson check softmax

# Where the recordings lie that are to be looked at, unless one is there.
lesson show where
has "a lab says where its recordings lie" "\`cd .*01-second\`" "$out"
next "a lab" "answer where PLACE 'rope_pairs\\|mask_leak\\|norm_mean'"
cd "$home/01-second" || exit 2
lesson show where
hasnt "who is there is not told" "\`cd " "$out"
cd "$work" || exit 2

# Steps run in the lesson's folder, with the course's model.
TORCHLESS_MODEL=/nowhere try "$T" lesson run 00 info
is "a step: status" 0 "$status"
has "a step's output" "num_hidden_layers.*5" "$out"
refuses "no such step" 2 "has no step 'inof'; did you mean info" "$T" lesson run 00 inof

# Tested out of a lesson, and all of it for another machine.
lesson test-out 00
is "test-out: status" 0 "$status"
lesson progress --export "$work/progress.log"
try "$T" lesson --home "$work/other" progress --import "$work/progress.log"
is "import: status" 0 "$status"
try "$T" lesson --home "$work/other" list --json
has "what was done is done there" '"lesson": "00-first".*"done": 3.*"state": "done"' "$out"
try "$T" lesson --home "$work/other"
has "what is typed next names the folder" "--home $work/other" "$out"
refuses "import of something else" 2 "holds no progress" "$T" lesson progress --import "$root/LICENSE"

# A teacher's look.
cp "$work/progress.log" "$home/progress.log"
mkdir "$work/teacher"
try env HOME="$work/teacher" XDG_STATE_HOME="$work/teacher/s" "$T" lesson grade "$home" --json
is "grade: status" 0 "$status"
python3 - "$out" <<'PY' || fail "grade --json"
import json, sys
rows = {r["exercise"]: r for r in map(json.loads, open(sys.argv[1]))}
assert rows["calls"]["passed"] and rows["positions"]["passed"] and not rows["softmax"]["passed"], rows
PY
[ -e "$home/.torchless" ] && fail "grade writes where a learner's files lie"

# ---- what is missing -------------------------------------------------------------------------
log=$XDG_STATE_HOME/torchless/lessons/course.log
printf 'torn line' >> "$log"
try "$T" lesson list
has "a damaged line is told once" "^torchless: warning: 1 line of .*course.log is damaged" "$err"
refuses "no HOME" 3 "HOME is not set" env -u HOME -u XDG_STATE_HOME "$T" lesson
try env -u HOME "$T" lesson --home "$work/h" list
is "no HOME, but a folder: status" 0 "$status"
refuses "a home that is a file" 3 "." "$T" lesson --home "$root/LICENSE" start 00
mkdir "$work/course" && cp -r "$TORCHLESS_COURSE/." "$work/course"
sed -i 's/^model = .*/model = "00000000000000000000000000000000"/' "$work/course/course.conf"
refuses "another model" 3 "is not the one that the lessons were written for" "$T" lesson --course "$work/course" check positions
refuses "no course" 2 "no course.conf" "$T" lesson --course "$root/tests/unit"
if [ "$(id -u)" -ne 0 ]; then
	mkdir "$work/ro" && chmod 555 "$work/ro"
	refuses "a folder that is read-only" 3 "Permission denied" "$T" lesson --home "$work/ro/x" start 00
fi
(ulimit -f 0; try "$T" lesson --home "$work/full" start 00; exit "$status")
is "a full disk: status" 3 $?
[ -s "$work/full/00-first/positions.sql" ] && fail "a full disk left half of a file"

# ---- doctor ----------------------------------------------------------------------------------
lesson doctor
is "doctor: status" 0 "$status"
mkdir "$work/empty"
try env PATH="$work/empty" "$T" lesson doctor
is "doctor without a compiler: status" 3 "$status"
has "doctor without a compiler" "compiler: none that compiles a kernel" "$out"

# ---- watch -----------------------------------------------------------------------------------
cp "$TORCHLESS_COURSE/01-second/wrong/no_max.c" "$home/01-second/softmax.c"
python3 - "$T" "$home/01-second/softmax.c" "$TORCHLESS_COURSE/01-second/softmax.c" <<'PY' || fail "watch"
import os, pty, select, sys, time
program, file, solution = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", COLUMNS="100")
    os.execv(program, [program, "lesson", "watch", "softmax"])
seen = b""
def wait(what):
    global seen
    end = time.monotonic() + 60
    while what not in seen:
        assert time.monotonic() < end, (what, seen[-500:])
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 65536)
wait(b"q quit")
assert b"not yet" in seen, seen
assert b"lesson hint softmax" not in seen, seen  # keys say what comes next
seen = b""
with open(file + ".new", "wb") as f:
    f.write(open(solution, "rb").read())
os.rename(file + ".new", file)
wait(b"n next")
assert b"passed" in seen, seen
seen = b""
os.write(fd, b"h")
wait(b"hint 1 of 3")
os.write(fd, b"q")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
PY
# A prediction of a speed is said in words, and nothing waits for it.
lesson check fast
is "a bench without a number: status" 1 "$status"
has "a bench without a number" "answered in words" "$out"
next "a bench without a number" "answer fast NUMBER"
lesson answer fast 5
has "a bench without a file is answered in words" "exercise fast" "$out"
lesson show 01
has "how a bench is answered" "lesson answer fast VALUE" "$out"
lesson answer fast 0.001
is "a speed that is far off: status" 1 "$status"
has "a speed that is far off" "allowed 30 %" "$out"
has "a bench says that it does not block" "the lesson is done without it" "$out"
lesson solution fast --give-up
is "the solution of a bench: status" 0 "$status"
has "the solution of a bench" "tokens a second, measured now" "$out"
lesson solution together --give-up
is "the solution of a milestone: status" 0 "$status"
has "the solution of a milestone" "softmax  01-second/" "$out"
refuses "no file to watch" 2 "answered in words" "$T" lesson watch heads-guess
finish
