#!/bin/sh
# debug_sql.sh -- SQL at a stop: what is there, what is recorded, and conditions.
. "$(dirname "$0")/lib.inc"
m=$root/lessons/model
cd "$work" || exit 2

# says WHAT STATUS PATTERN COMMAND...: it fails so, after what it printed.
says() {
	what=$1 expected=$2 pattern=$3
	shift 3
	"$@" > "$out" 2> "$err" < /dev/null
	is "$what: status" "$expected" $?
	has "$what" "$pattern" "$err"
}
d() { "$T" debug -m "$m" -n 3 --batch "$@" "Once upon a"; }
last() { d "$@" | tail -1; }

is "tensors of this moment" "4,128	1" "$(last -ex 'goto 0.40' -ex "sql SELECT t_shape('L0.mlp'), t_absmax('L0.mlp') > 1")"
is "weights, by name and by function" "1" \
	"$(last -ex start -ex "sql SELECT t_absmax(weight('lm_head')) = t_absmax('lm_head.weight')")"
says "what is not computed yet says so" 2 "not computed yet" d -ex start -ex "sql SELECT t_absmax('L3.mlp')"
is "views are there and empty" "0" "$(last -ex start -ex 'sql SELECT count(*) FROM v_value')"
is "the recording so far, an unfinished pass too" "25" \
	"$(last -ex 'record on a.db' -ex 'goto 0.20' -ex 'sql SELECT count(*) FROM v_value')"
is "going back takes back" "7" \
	"$(last -ex 'record on b.db' -ex run -ex 'goto 0.4' -ex 'sql SELECT count(*) FROM v_value')"
is "saved queries by name" "4	0	 time	598" \
	"$(last -ex 'record on c.db' -ex run -ex 'sql next pos=3 n=1' | cut -f1-4)"
is "alone it lists them" 1 "$(d -ex start -ex sql | grep -c '^layer-knows	')"
is "several columns, tabs between them" "1	2" "$(last -ex start -ex 'sql SELECT 1, 2')"
says "writing" 2 "a recording is only read here" d -ex start -ex 'sql DROP TABLE run'
says "SQL that is wrong" 2 "syntax error" d -ex start -ex 'sql SELECT FROM'
says "a query that is none" 2 "no saved query" d -ex start -ex 'sql nexst'
says "a parameter that is none" 2 "has no parameter 'x'" d -ex start -ex 'sql next x=1'

is "a condition in SQL" "0.59" \
	"$(last -ex 'record on e.db' -ex 'break layers.*.mlp if sql SELECT count(*) > 60 FROM v_value' -ex run | cut -d' ' -f1)"
says "one that is wrong is refused when it is set" 2 "syntax error" d -ex 'break layers.*.mlp if sql SELECT FROM v_value'
# ---- another shell asks while the session stands
mkfifo lines || fail "no fifo"
"$T" debug -m "$m" -n 3 "Once upon a" < lines > "$out" 2>&1 &
session=$!
exec 3> lines
printf 'record on f.db\ngoto 1.20\n' >&3
python3 - << 'EOF' || fail "nothing is to be seen of the session"
from until import first, until
until("the stop is recorded", lambda: first("f.db", "SELECT count(*) FROM v_value WHERE pass = 1") == 25)
EOF
is "another shell sees all until the stop" 25 "$("$T" query -t f.db "SELECT count(*) FROM v_value WHERE pass = 1")"
kill -KILL "$session"
exec 3>&-
wait "$session" 2> /dev/null
is "and so it stays when the session is killed" 25 "$("$T" query -t f.db "SELECT count(*) FROM v_value WHERE pass = 1")"
finish
