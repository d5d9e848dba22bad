#!/bin/sh
# lesson_docs.sh -- docs/lessons.md says of the course what the course says: its table, and what one
# sees who answers wrong; docs/howto/add-a-lesson.md and `dev new` know every key.
. "$(dirname "$0")/lib.inc"
unset TORCHLESS_COURSE TORCHLESS_LESSON_HOME SMOLLM2

try "$T" lesson list --json
is "list --json: status" 0 "$status"
python3 - "$out" docs/lessons.md lessons/course.conf <<'PY' || fail "docs/lessons.md is not of this course"
import json, pathlib, re, sys
lessons = [json.loads(line) for line in open(sys.argv[1])]
text = pathlib.Path(sys.argv[2]).read_text()
rows = re.findall(r"^\| \[(\d\d)\]\(\.\./lessons/([^/]+)/lesson\.md\) \| (.*?) \| (\d+) \| (\d+) \| (.+) \|$", text, re.M)
want = [(l["lesson"][:2], l["lesson"], l["title"], str(l["minutes"]), str(l["of"])) for l in lessons]
for have, should in zip([r[:5] for r in rows], want):
    if have != should:
        print("the table has", have, "and the course", should)
assert [r[:5] for r in rows] == want
assert f"In {len(lessons)} lessons" in text
short = re.search(r'^short = "(.*)"', pathlib.Path(sys.argv[3]).read_text(), re.M)[1].split()
assert f"Lessons {', '.join(short[:-1])} and {short[-1]} are the short path" in text, short
changes = pathlib.Path("CHANGELOG.md").read_text()
assert f"{sum(l['of'] for l in lessons)} exercises of seven kinds" in changes, "CHANGELOG.md: how many exercises"
assert f"course of {len(lessons)} lessons" in changes and f"course in {len(lessons)} lessons" in pathlib.Path("README.md").read_text()
PY

# Every key that a course may have is told of by who adds a lesson.
python3 - <<'PY' || fail "docs/howto/add-a-lesson.md leaves out a key of src/lesson/keys.c"
import pathlib, re, sys
howto = pathlib.Path("docs/howto/add-a-lesson.md").read_text()
keys = set(re.findall(r'"([a-z_]+)\.?"', pathlib.Path("src/lesson/keys.c").read_text())) - {"format", "model"}
missing = sorted(k for k in keys if not re.search(rf"\b{k}\b", howto))
print(*missing)
sys.exit(bool(missing))
PY

# What it shows of the terminal. A sanitizer's program is slow, and compiles no faster.
if [ "${T%/asan/*}" = "$T" ]; then
	TORCHLESS=$T python3 scripts/shown --check docs/lessons.md >"$out" 2>&1 ||
		fail "docs/lessons.md shows something else: run make docs: $(brief "$(cat "$out")")"
	sed 's/^   This is what the pairs (0, 1)/   This is what the pairs (9, 9)/' docs/lessons.md >"$work/lessons.md"
	TORCHLESS=$T python3 scripts/shown --check "$work/lessons.md" >"$out" 2>&1
	is "another diagnosis: status" 1 $?
fi
finish
