#!/bin/sh
# lesson_bad.sh -- `torchless lesson` where things are not as they should be: one sentence, the
# right status, and nothing of the learner's is lost.
. "$(dirname "$0")/lib.inc"
export TORCHLESS_COURSE="$root/tests/support/course"
unset TORCHLESS_LESSON_HOME SMOLLM2
home=$work/torchless-lessons
log=$work/.local/state/torchless/lessons/course.log
unset XDG_STATE_HOME XDG_CACHE_HOME
export HOME="$work"

# quick COMMAND...: what has to answer and not to wait.
quick() { try timeout 100 "$@"; }

cd "$work" || exit 2
"$T" lesson start 00 > /dev/null || fail "start"
"$T" lesson answer heads-guess a > /dev/null
sql=$home/00-first/positions.sql
quick "$T" lesson check 00
has "check of a lesson: what was meant" '00 heads-guess: not yet \(a\)$' "$out"

# Pipes, devices and folders where files should be.
rm "$sql"
mkfifo "$sql"
quick "$T" lesson check positions
is "a pipe for a file: status" 3 "$status"
has "a pipe for a file" "is a pipe, and has to be a file" "$err"
quick "$T" lesson check --all
is "a pipe for a file, --all: status" 3 "$status"
quick "$T" lesson reset positions
is "a pipe is put aside: status" 0 "$status"
if ! [ -p "$sql.~1~" ] || ! [ -s "$sql" ]; then fail "a pipe is put aside"; fi
rm "$sql"
ln -s /dev/zero "$sql"
quick "$T" lesson check positions
has "a device for a file" "is a device, and has to be a file" "$err"
rm "$sql"
mkdir "$sql"
quick "$T" lesson check positions
has "a folder for a file" "is a directory, and has to be a file" "$err"
quick "$T" lesson reset positions
[ -d "$sql.~2~" ] || fail "a folder is put aside"

# A link is never written through.
echo precious > "$work/precious"
rm "$sql"
ln -s "$work/precious" "$sql"
quick "$T" lesson start 00
quick "$T" lesson reset positions
is "what a link points to is as it was" precious "$(cat "$work/precious")"

# What a command that was killed has left goes with the next; what only looks like it stays.
for name in positions.sql.new-12-AbC012 main.db.new-345-zzzzzz positions.sql.AbC012 positions.sql.new-backup; do
	echo half > "$home/00-first/$name"
done
quick "$T" lesson list
[ -e "$home/00-first/positions.sql.new-12-AbC012" ] && fail "what a kill left of a starter"
[ -e "$home/00-first/main.db.new-345-zzzzzz" ] && fail "what a kill left of a recording"
[ -e "$home/00-first/positions.sql.AbC012" ] || fail "a file of the learner's is gone"
[ -e "$home/00-first/positions.sql.new-backup" ] || fail "a file of the learner's is gone"
rm "$home/00-first/positions.sql.AbC012" "$home/00-first/positions.sql.new-backup"

# A lesson's folder that is gone is made again; where something else is, that stays.
mv "$home/00-first" "$work/kept"
quick "$T" lesson reset positions
is "a folder that is gone: status" 0 "$status"
[ -s "$home/00-first/positions.sql" ] || fail "reset makes a folder that is gone"
rm -r "$home/00-first"
echo precious > "$home/00-first"
refuses "a file for a folder" 3 "00-first.*: Not a directory" "$T" lesson reset positions
refuses "a file for a folder" 3 "00-first.*: Not a directory" "$T" lesson start 00
is "a file for a folder is as it was" precious "$(cat "$home/00-first")"
rm "$home/00-first"
mv "$work/kept" "$home/00-first"

# What a terminal would obey is shown and not sent.
esc=$(printf '\033')
echo "SELECT '${esc}[2J', no_such${esc}[2J" > "$sql"
quick "$T" lesson check positions
if grep -q "$esc" "$out" "$err"; then fail "a query's bytes reach the terminal"; fi

# The log.
cp "$log" "$work/log"
rm "$log"
mkfifo "$log"
quick "$T" lesson
is "a pipe for a log: status" 3 "$status"
has "a pipe for a log" "course.log is a pipe, and has to be a file" "$err"
rm "$log"
truncate -s 100M "$log"
quick "$T" lesson answer heads-guess b
is "a log that is too large: status" 3 "$status"
has "a log that is too large" "move it away" "$err"
is "a log that is too large is left alone" 104857600 "$(wc -c < "$log")"
head -c 3000 /dev/urandom > "$log"
cat "$work/log" >> "$log"
quick "$T" lesson progress --json
is "a damaged log: status" 0 "$status"
has "a damaged log" "damaged and left out; the rest counts" "$err"
cp "$work/log" "$log"

# A lesson's folder that is none.
mv "$home/00-first" "$home/away"
echo mine > "$home/00-first"
quick "$T" lesson start 00
is "a file for a folder: status" 3 "$status"
has "a file for a folder" "cannot make the folder .*00-first" "$err"
is "a file for a folder is left alone" mine "$(cat "$home/00-first")"
rm "$home/00-first"
mv "$home/away" "$home/00-first"

# A home whose name is a shell's or a compiler's.
if command -v "${CC%% *}" > /dev/null 2>&1 || command -v cc > /dev/null; then
	# shellcheck disable=SC2016
	for name in 'with space' 'quo"te' "apos'trophe" 'back\slash' '$(touch pwned)' 'new
line' 'ümläut'; do
		mkdir "$work/$name"
		HOME=$work/$name "$T" lesson start 01 > /dev/null || fail "home $name: start"
		for c in "$work/$name"/torchless-lessons/01-*/*.c; do
			printf '#error "so"\n' > "$c"
			HOME=$work/$name quick "$T" lesson check "$(basename "$c" .c)"
			has "home $name: the compiler names the file" "^ *$(basename "$c"):1:2: error" "$out"
			hasnt "home $name: nothing else is said" "warning" "$out"
			break
		done
	done
	[ ! -e "$work/pwned" ] || fail "a home's name was run"

	# A hundred complaints: what the first ones say is what one reads.
	file=$(echo "$work/with space"/torchless-lessons/01-*/*.c)
	seq 100 | sed 's/.*/#error "number &"/' > "$file"
	HOME="$work/with space" quick "$T" lesson check "$(basename "$file" .c)"
	has "many errors: the first" "number 1\"" "$out"
	has "many errors: how many more" "more lines" "$out"
	[ "$(wc -l < "$out")" -le 40 ] || fail "many errors are told in $(wc -l < "$out") lines"
fi

finish
