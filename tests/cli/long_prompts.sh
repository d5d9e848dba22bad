#!/bin/sh
# long_prompts.sh -- a prompt that takes long says how long, and Ctrl-C ends it at any moment.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
# Under a sanitizer less takes as long.
case $TORCHLESS in *asan* | *tsan*) lines=40000 ;; *) lines=240000 ;; esac

awk -v n=$lines 'BEGIN { for (i = 0; i < n; i++) print "Once upon a time there was a girl no " i }' >long.txt
head -n $((lines / 10)) long.txt >short.txt
head -n 1000 long.txt >page.txt
awk -v n=$lines 'BEGIN { for (i = 0; i < n; i++) print "{\"prompt\": \"Once upon " i "\"}" }' >many.jsonl
# Ids alone come so fast that they need more to be found at.
cat long.txt long.txt long.txt long.txt long.txt long.txt >longer.txt

# interrupted FILE WHEN COMMAND...: Ctrl-C when stderr matches a pattern, when a SELECT of t.db
# gives 1, when its log has so many bytes, or when it has computed for so many seconds.  Python starts
# it: a shell's background children ignore the signal.
interrupted() {
	python3 - "$@" <<'EOF'
import os, re, signal, subprocess, sys
from until import first, until

file, when, *command = sys.argv[1:]
with open(file) as stdin, open("err", "w") as err, open("out", "w") as out:
    child = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err)
    if when.startswith("SELECT"):
        until(when, lambda: first("t.db", when), child, 300)
    elif when.endswith("bytes"):
        until(when, lambda: os.path.exists("t.db-wal") and os.path.getsize("t.db-wal") >= int(when.split()[0]), child, 300)
    elif when[0].isdigit():
        ticks = float(when) * os.sysconf("SC_CLK_TCK")
        until(when, lambda: sum(map(int, open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) >= ticks, child, 300)
    else:
        until(when, lambda: re.search(when, open("err").read()), child, 300)
    child.send_signal(signal.SIGINT)
    sys.exit(child.wait(timeout=60))
EOF
	status=$?
}

interrupted long.txt "will take about .* more" "$T" run -j 1 -n 1 -
is "it ends when it is told to" 130 "$status"
is "how long it takes is said once" 1 \
	"$(grep -c 'tokens of the prompt will take about [0-9].* more, as the first 512 did' err)"
is "what it exceeds is said before" 1 "$(grep -c "but the model's context is 192" err)"
has "it was interrupted" "^torchless: interrupted" err
for after in 0.1 0.4; do # as it is read and becomes tokens
	for what in run "trace -o t.db"; do
		# shellcheck disable=SC2086
		interrupted long.txt $after "$T" $what -n 1 -
		is "$what interrupted after $after s" 130 "$status"
	done
done

# part WHAT FILE WHEN SQL: a recording that ends there has only a part of it.
part() {
	rm -f t.db*
	interrupted "$2" "$3" "$T" trace -n 1 -o t.db -
	is "interrupted at $1" "130 stopped t.db" "$status $(sql t.db "SELECT status FROM run") $(echo t.db*)"
	is "interrupted at $1: the rest is not recorded" 1 "$(sql t.db "$4")"
}
part "the tokens" short.txt "the model's context is 192" "SELECT count(*) < $((lines * 3 / 2)) FROM token"
part "the tokenizer's steps" short.txt "$((lines * 80)) bytes" "SELECT count(*) BETWEEN 1 AND $((lines * 2)) FROM tok_step"
part "the passes" page.txt "SELECT count(*) > 2 FROM pass" "SELECT count(*) BETWEEN 2 AND 30 FROM pass"

# Reading a text as tokens and steps is heard in the middle too, by whoever does it.
for form in --ids --json --steps -q; do
	interrupted longer.txt 0.2 "$T" tokenize $form -
	is "tokenize $form is interrupted" 130 "$status"
done
interrupted many.jsonl 0.3 "$T" trace -n 1 --estimate --prompts many.jsonl
is "a check is interrupted" 130 "$status"
try "$T" run -n 1 -q "Once upon a time"
hasnt "a short prompt" "will take" "$err"
finish
