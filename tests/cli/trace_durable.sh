#!/bin/sh
# trace_durable.sh -- full disks and read-only folders: one sentence, and nothing is lost.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	echo "{\"prompt\": \"The model reads a text $i\", \"n\": 3}"
done >prompts.jsonl
try "$T" trace -q -m "$m" --prompts prompts.jsonl -o whole.db
same_as_whole() { # FILE: every run is that of whole.db
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo "$1 $i whole.db $i"
	done | xargs python3 "$root/tests/support/same_runs.py" 2>"$err" || fail "$1: $(cat "$err")"
}

cat >limited.sh <<-'SH'
	ulimit -f "$1"
	shift
	exec "$@"
SH

# A file that may grow no larger: what was recorded stays, and goes on later.
refuses "a full disk" 3 'prompts.jsonl:[0-9]*: full.db: the disk is full or failing.*; of 12 prompts [0-9]* are not done' \
	sh limited.sh 3000 "$T" trace -m "$m" --prompts prompts.jsonl -o full.db
try "$T" query -t full.db "SELECT count(*) FROM v_run WHERE status = 'ok'"
is "leaves what was recorded" 1 "$([ "$(cat "$out")" -ge 1 ] && echo 1)"
try "$T" trace -q -m "$m" --prompts prompts.jsonl -o full.db --resume
is "and goes on when there is room" 0 "$status"
same_as_whole full.db
is "in one file" full.db "$(ls full.db*)"
cp whole.db kept.db
kept=$(cksum <kept.db)
refuses "no room to begin" 3 'kept.db cannot be written: ' sh limited.sh 20 "$T" trace -m "$m" -o kept.db text
is "leaves a good file" "$kept kept.db" "$(cksum <kept.db) $(ls kept.db*)"

# A disk that is full, and a folder that is read-only, where this user may mount them.
if unshare -rm mount -t tmpfs none "$work" 2>"$err"; then
	mkdir small
	cat >small.sh <<-'SH'
		T=$1 m=$2
		mount -t tmpfs -o size=1200k none small
		"$T" trace -m "$m" --prompts prompts.jsonl -o small/s.db
		echo "status $?"
		cp small/s.db* .
		mount -o remount,size=100m small
		"$T" trace -q -m "$m" --prompts prompts.jsonl -o small/s.db --resume
		echo "status $?"
		cp small/s.db resumed.db
	SH
	try unshare -rm sh small.sh "$T" "$m"
	is "a full disk" "status 3 status 0" "$(paste -sd' ' "$out")"
	is "one sentence" 1 "$(wc -l <"$err")"
	has "one sentence" '^torchless: prompts.jsonl:[0-9]*: small/s.db: the disk is full; what was recorded before is there; of 12 prompts [0-9]* are not done; keep small/s.db-wal with it$' "$err"
	is "with what was recorded" 1 "$([ "$("$T" query -t s.db "SELECT count(*) FROM v_run WHERE status = 'ok'")" -ge 1 ] && echo 1)"
	same_as_whole resumed.db

	mkdir folder
	cp whole.db folder/a.db
	python3 - "$T" "$m" <<-'PY'
		import os, subprocess, sys
		from until import until
		child = subprocess.Popen([sys.argv[1], "trace", "-q", "-m", sys.argv[2], "-n", "100000", "-o", "killed.db", "The model"])
		until("the log has a megabyte", lambda: os.path.exists("killed.db-wal") and os.path.getsize("killed.db-wal") > 1_000_000, child)
		child.kill()
		child.wait()
	PY
	cp killed.db killed.db-wal folder
	mkdir folder/all && cp killed.db* folder/all
	cat >folder.sh <<-'SH'
		T=$1 m=$2
		mkdir tmp
		export TMPDIR=tmp
		mount --bind folder folder && mount -o remount,ro,bind folder
		"$T" query -t folder/a.db "SELECT count(*) FROM v_run"
		"$T" query -t folder/all/killed.db "SELECT count(*) > 1 FROM pass"
		"$T" query -t folder/killed.db "SELECT count(*) > 1 FROM pass"
		echo "status $?"
		ls tmp | wc -l
		TMPDIR=nowhere "$T" query -t folder/killed.db "SELECT 1" || echo "status $?"
		for o in folder/new.db folder/a.db; do
			"$T" trace -m "$m" -o $o text
			echo "status $?"
		done
		"$T" trace -m "$m" --prompts prompts.jsonl -o folder/all/killed.db --resume
		echo "status $?"
	SH
	try unshare -rm sh folder.sh "$T" "$m"
	is "a read-only folder is read, not written" "12 1 1 status 0 0 status 3 status 3 status 3 status 3" "$(paste -sd' ' "$out")"
	is "one sentence each" "torchless: warning: folder/killed.db was not finished, and its folder cannot be written: a copy of it and its log is read
torchless: folder/killed.db has a log, folder/killed.db-wal, which cannot be read in a folder that cannot be written, and copying both failed: nowhere: No such file or directory
torchless: folder/new.db cannot be written: Read-only file system
torchless: folder/a.db cannot be written: Read-only file system
torchless: folder/all/killed.db cannot be written: Read-only file system" "$(cat "$err")"

	# The checkpoint lies beside the recording, not beside the copy that is read.
	cp -R "$m" folder/window
	ln -s folder/killed.db link.db
	cat >moved.sh <<-'SH'
		T=$1 m=$2
		mount --bind folder folder && mount -o remount,ro,bind folder
		mount -t tmpfs none "$(dirname "$m")"
		for t in folder/killed.db link.db; do
			"$T" query -t $t "SELECT t_shape(weight('lm_head.weight')), tok(1)" 2>copied
			echo "status $? $(grep -c 'a copy of it' copied)"
		done
	SH
	try unshare -rm sh moved.sh "$T" "$m"
	is "a copy's checkpoint is beside the original" "384,48	<s> status 0 1 384,48	<s> status 0 1" "$(paste -sd' ' "$out")"
fi
finish
