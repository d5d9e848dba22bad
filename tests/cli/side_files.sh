#!/bin/sh
# side_files.sh -- a stranger's folder: what lies beside a recording, names of SQLite's own, foreign schemas.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
journals="python3 $root/tests/support/journals.py"
cd "$work" || exit 2
echo '{"prompt": "The model", "n": 2}' >prompts.jsonl
try "$T" trace -q -m "$m" --prompts prompts.jsonl -o base.db
is "a recording to begin with" 0 "$status"

fresh() { # FILE: that recording alone, and a file that nobody may touch
	rm -rf x.db*
	cp base.db "$1"
	echo precious >victim
}
# ask HOW: what opens x.db
ask() {
	case $1 in
	query) try "$T" query -t x.db "SELECT count(*) FROM run" ;;
	lens) try "$T" query -t x.db "SELECT count(*) FROM tensor_each('L0.resid_post')" ;;
	diff) try "$T" query -t base.db "SELECT count(*) FROM trace_diff('x.db', 1)" ;;
	trace) try "$T" trace -q -m "$m" -n 1 -o x.db text ;;
	resume) try "$T" trace -q -m "$m" --prompts prompts.jsonl --resume -o x.db ;;
	esac
}

# What is no file where SQLite keeps one: a sentence that names it, at once, and all stays.
strange() { # KIND FILE
	case $1 in
	pipe) mkfifo "$2" ;;
	directory) mkdir "$2" ;;
	socket) python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$2" ;;
	dangling) ln -s nowhere "$2" ;;
	loop) ln -s "$2" "$2" ;;
	zero) ln -s /dev/zero "$2" ;;
	link) ln -s "$PWD/victim" "$2" ;;
	esac
}
for side in journal wal shm; do
	kinds="pipe link"
	[ $side = journal ] && kinds="pipe directory socket dangling loop zero link"
	for kind in $kinds; do
		fresh x.db
		strange "$kind" x.db-$side
		for how in query diff trace resume; do
			ask $how
			is "$kind x.db-$side, $how" "2 1" "$status $(grep -c "^torchless: .*x.db-$side is a " "$err")"
		done
		is "$kind x.db-$side: nothing happened" "x.db x.db-$side $(cksum <base.db) precious" "$(echo x.db*) $(cksum <x.db) $(cat victim)"
	done
done
fresh real.db
mkfifo real.db-journal
rm -f x.db
ln -s real.db x.db
for how in query diff resume; do
	ask $how
	is "beside what a link leads to, $how" "2 1" "$status $(grep -c "real.db-journal is a pipe" "$err")"
done
rm -f real.db*
for kind in pipe directory socket; do
	fresh x.db
	strange "$kind" x.db.old
	ask trace
	is "$kind x.db.old" "3 1" "$status $(grep -c "^torchless: x.db.old is no regular file" "$err")"
	rm -rf x.db.old
	strange "$kind" x.db.old-wal
	ask trace
	is "$kind x.db.old-wal" "2 1" "$status $(grep -c "^torchless: x.db.old-wal is a $kind" "$err")"
	is "$kind beside the old name: nothing happened" "x.db x.db.old-wal" "$(echo x.db*)"
done
fresh x.db
ln -s "$PWD/victim" x.db.old
ask trace
is "x.db.old that is a link is replaced" "0 precious" "$status $(cat victim)"
is "with the file itself" "$(cksum <base.db)" "$(cksum <x.db.old)"
# A link as the name is replaced, but not one to what is no file, nor one of the system's.
mkdir folder.d
for to in pipe.d folder.d /dev/null /proc/self/fd/1; do
	rm -rf x.db* pipe.d
	mkfifo pipe.d
	ln -s $to x.db
	ask trace
	is "a link to $to as the name" "3 $to x.db" "$status $(readlink x.db) $(echo x.db*)"
done
fresh x.db
mkfifo x.db-wal && rm x.db
ask trace
is "a pipe beside a new name" "2 1" "$status $(grep -c "x.db-wal is a pipe" "$err")"

# A journal that names another file: SQLite would delete it.
for kind in plain zeros two short; do
	for how in query lens diff resume trace; do
		fresh x.db
		$journals super x.db victim $kind
		kept=$(cksum <x.db-journal)
		ask $how
		is "$kind super-journal, $how: the file that it names" precious "$(cat victim)"
		if [ $how = trace ]; then
			is "$kind super-journal: is kept unread" "0 $(cksum <base.db) $kept" "$status $(cksum <x.db.old) $(cksum <x.db.old-journal)"
			continue
		fi
		is "$kind super-journal, $how" "2 1" "$status $(grep -c "x.db-journal is no journal of torchless" "$err")"
		is "$kind super-journal, $how: stays" "$kept $(cksum <base.db)" "$(cksum <x.db-journal) $(cksum <x.db)"
	done
done
fresh x.db
yes x | head -c 2000 >x.db-journal
for how in query diff resume; do
	ask $how
	is "a poem as a journal, $how" "2 1" "$status $(grep -c "x.db-journal is no journal of x.db" "$err")"
done
python3 - <<'PY'
import struct
head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 1, 1 << 31, 512, 8192)
open("x.db-journal", "wb").write(head.ljust(512, b"\0"))
PY
ask query
is "a journal that makes the file longer" "2 $(cksum <base.db)" "$status $(cksum <x.db)"

# Killed in the last moment of closing: the journal is rolled back, or named.
fresh x.db
$journals closing x.db
try flock x.db "$T" query -t x.db "SELECT 1"
is "while somebody writes it" "3 1" "$status $(grep -c "x.db was not closed: its journal, x.db-journal, " "$err")"
ask diff
is "the other of two" "3 1" "$status $(grep -c "x.db was not closed" "$err")"
ask query
is "a query rolls it back" "0 1 x.db" "$status $(cat "$out") $(echo x.db*)"
is "to a sound file" ok "$(sql x.db "PRAGMA integrity_check")"
for how in resume trace; do
	fresh x.db
	$journals closing x.db
	ask $how
	is "$how rolls it back" "0 ok" "$status $(sql "$([ $how = trace ] && echo x.db.old || echo x.db)" "PRAGMA integrity_check")"
done
if unshare -rm mount -t tmpfs none "$work" 2>/dev/null; then
	fresh x.db
	mkdir folder
	$journals closing x.db
	mv x.db x.db-journal folder
	try unshare -rm sh -c "mount --bind folder folder && mount -o remount,ro,bind folder && '$T' query -t folder/x.db runs"
	is "in a folder that cannot be written" "3 1" "$status $(grep -c "its journal, folder/x.db-journal, has to be rolled back first" "$err")"
fi

# A name is that of a file, whatever SQLite reads into it.
mkdir names && cd names || exit 2
for name in -x.db 'a?b' 'a%41b' 'a#b' 'a b' "//$work/names/slashes"; do
	try "$T" trace -q -m "$m" -n 1 -o "$name" text
	is "-o $name" "0 yes" "$status $([ -s "./$name" ] || [ -s "$name" ] && echo yes)"
	try "$T" query -t "$name" "SELECT count(*) FROM run"
	is "-t $name" "0 1" "$status $(cat "$out")"
done
is "nothing else is made" 6 "$(find . -type f | wc -l)"
# Those that would be no file for sqlite3 are refused when they are to be written, and are files where they are read.
for name in :memory: 'file:x.db?mode=memory' 'file::memory:'; do
	try "$T" trace -q -m "$m" -n 1 -o "$name" text
	is "-o $name is refused" "2 " "$status $([ -e "./$name" ] && echo made)"
	cp 'a b' "./$name"
	try "$T" query -t "$name" "SELECT count(*) FROM run"
	is "-t $name" "0 1" "$status $(cat "$out")"
done
is "nor then" 9 "$(find . -type f | wc -l)"
for name in '' a/ new/; do
	try "$T" trace -q -m "$m" -n 1 -o "$name" text
	is "-o '$name' is refused" 1 "$([ "$status" -ge 2 ] && wc -l <"$err")"
	try "$T" query -t "$name" "SELECT 1"
	is "-t '$name' is refused" 1 "$([ "$status" -ge 2 ] && wc -l <"$err")"
done
cd .. || exit 2

# --resume writes to a file only whose schema is this program's.
foreign() { # WHAT SQL
	fresh x.db
	sqlite3 -batch x.db "UPDATE run SET status = 'running'; DELETE FROM meta WHERE key = 'closed'; $2"
	kept=$(cksum <x.db)
	ask resume
	is "--resume with $1" "2 1" "$status $(grep -c "^torchless: x.db has a .*$1.* that is not a recording's" "$err")"
	is "--resume with $1: the file" "$kept x.db" "$(cksum <x.db) $(echo x.db*)"
	ask query
	is "a query with $1" "0 1" "$status $(cat "$out")"
}
foreign 'trigger "evil"' "CREATE TRIGGER evil AFTER INSERT ON run BEGIN DELETE FROM model; END"
foreign 'view "more"' "CREATE VIEW more AS SELECT 1"
foreign 'index "mine"' "CREATE INDEX mine ON run(abs(id))"
foreign 'index "point_fqn"' "DROP INDEX point_fqn; CREATE INDEX point_fqn ON point(abs(id))"
foreign 'table "mine"' "CREATE TABLE mine(x)"
foreign 'table "note"' "DROP TABLE note; CREATE TABLE note(id INTEGER PRIMARY KEY, x AS (zeroblob(id)))"
foreign 'table "words"' "CREATE VIRTUAL TABLE words USING fts5(x)"
foreign 'view "v_token"' "DROP VIEW v_token; CREATE VIEW v_token AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
foreign 'table "run"' "ALTER TABLE run ADD COLUMN more INT DEFAULT 1"

# What a kill in the first moment leaves goes with the next trace; what may be somebody's stays.
fresh x.db
: >x.db.new-123
head -c 9000 base.db >x.db.new-124
cp x.db.new-124 x.db.new-124-wal
cp base.db x.db.new-2024
echo notes >x.db.new-7
: >x.db.new-text
: >x.db.new-99
mkfifo x.db.new-1
mkdir x.db.new-2
ln -s victim x.db.new-3
flock x.db.new-99 "$T" trace -q -m "$m" -n 1 -o x.db text 2>"$err" || fail "leftovers: $(cat "$err")"
is "leftovers" "x.db x.db.new-1 x.db.new-2 x.db.new-2024 x.db.new-3 x.db.new-7 x.db.new-99 x.db.new-text x.db.old precious" "$(find . -maxdepth 1 -name 'x.db*' -printf '%f\n' | sort | paste -sd' ') $(cat victim)"
finish
