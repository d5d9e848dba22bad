#!/bin/sh
# long_prompts.sh -- a prompt that takes long says how long, and Ctrl-C ends it at any moment.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
# Under a sanitizer less takes as long.
case $TORCHLESS in *asan* | *tsan*) lines=40000 ;; *) lines=240000 ;; esac

awk -v n=$lines 'BEGIN { for (i = 0; i < n; i++) print "Once upon a time there was a girl no " i }' >long.txt
awk -v n=$lines 'BEGIN { for (i = 0; i < n; i++) print "{\"prompt\": \"Once upon " i "\"}" }' >many.jsonl

# interrupted SECONDS PATTERN COMMAND...: Ctrl-C when a line of stderr matches, or, with no pattern,
# after so many seconds.  Python starts it: a shell's background children ignore the signal.
interrupted() {
	python3 - "$@" <<'EOF'
import re, signal, subprocess, sys, time
from until import until

seconds, pattern, *command = sys.argv[1:]
with open("long.txt") as stdin, open("err", "w") as err, open("out", "w") as out:
    child = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err)
    if pattern:
        until(pattern, lambda: re.search(pattern, open("err").read()), child, 300)
    else:
        time.sleep(float(seconds))
    child.send_signal(signal.SIGINT)
    sys.exit(child.wait(timeout=300))
EOF
	status=$?
}

interrupted 0 "will take about .* more" "$T" run -n 1 -
is "it ends when it is told to" 130 "$status"
is "how long it takes is said once" 1 \
	"$(grep -c 'tokens of the prompt will take about [0-9].* more, as the first 512 did' err)"
is "what it exceeds is said before" 1 "$(grep -c "but the model's context is 192" err)"
has "it was interrupted" "^torchless: interrupted" err
for after in 0.5 1 2; do
	interrupted $after "" "$T" run -n 1 -
	is "interrupted after $after s" 130 "$status"
	interrupted $after "" "$T" trace -n 1 -o t.db -
	is "a recording is interrupted after $after s" 130 "$status"
done
interrupted 0.5 "" "$T" trace -n 1 --estimate --prompts many.jsonl
is "a check is interrupted" 130 "$status"
try "$T" run -n 1 -q "Once upon a time"
hasnt "a short prompt" "will take" "$err"
finish
