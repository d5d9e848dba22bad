#!/bin/sh
# picture_targets.sh -- what pictures are written over: never a recording, and whoever could not read a file cannot afterwards.
. "$(dirname "$0")/lib.inc"
m=$root/lessons/model
cd "$work" || exit 2
"$T" trace -q -m "$m" -n 1 -o trace.db "Once upon a time" || fail "no recording"
cp trace.db other.db
ln -s trace.db link.svg
ln trace.db hard.dot
sum=$(cksum <trace.db)

# ---- a recording stays one, under whatever name and whoever reads it
said='is a recording: write to another file'
for to in trace.db ./trace.db other.db; do
	refuses "graph over $to" 2 "$to $said" "$T" graph --json -t trace.db -o "$to"
	refuses "report over $to" 2 "$to $said" "$T" report -o "$to"
	for how in --csv --npy --png; do
		refuses "show $how over $to" 2 "$to $said" "$T" show L0.mlp.up_proj $how "$to"
	done
done
refuses "export over another" 2 "other.db $said" "$T" export --chrome other.db
refuses "a graph over a link" 2 "link.svg $said" "$T" graph -o link.svg
refuses "dot over a second name" 2 "hard.dot $said" "$T" graph -o hard.dot
is "it is what it was" "$sum $sum" "$(cksum <trace.db) $(cksum <other.db)"

# ---- who may read it
echo old >private.dot
chmod 600 private.dot
try "$T" graph -o private.dot
is "a private file stays private" "0 600" "$status $(stat -c %a private.dot)"
(umask 077 && exec "$T" graph -o new.dot)
is "a new one is as umask says" 600 "$(stat -c %a new.dot)"
(umask 002 && exec "$T" graph -o group.dot)
is "or more open" 664 "$(stat -c %a group.dot)"

# ---- a recording without runs, asked twice
cp trace.db none.db
sql none.db 'DELETE FROM run'
refuses "tokens of no run" 2 'none\.db holds no run' "$T" show -t none.db tokens

# ---- and one without points beside one that has them
cp trace.db points.db
sql points.db 'DELETE FROM point'
try "$T" report --json -t trace.db -t points.db
is "a difference from no points" 0 "$status"

# ---- a stranger's view: the sentence names the file
cp trace.db view.db
sql view.db 'DROP VIEW v_value; CREATE VIEW v_value AS SELECT 1 id, 1 run_id'
refuses "a view without columns" 2 'view\.db: no such column' "$T" export -t view.db --chrome c.json
finish
