#!/bin/sh
# old_recording.sh -- what an earlier version recorded opens as before: every saved query, tensors by name, and --resume.
. "$(dirname "$0")/lib.inc"
cp tests/data/recorded_by_0.1.jsonl "$work"
python3 - tests/data/recorded_by_0.1.db.xz "$work/old.db" <<'PY'
import lzma, sys
open(sys.argv[2], "wb").write(lzma.open(sys.argv[1]).read())
PY

# In a folder of its own, for what it says of its model is relative to where it is asked.
T_query() {
	try "$T" query -m "$root/lessons/model" -t "$work/old.db" "$@"
}

sum=$(cksum <"$work/old.db")
for name in $(sql "$work/old.db" "SELECT name FROM saved_query WHERE params = '{}' ORDER BY name"); do
	T_query "$name"
	is "$name" "0 " "$status $(cat "$err")"
done
T_query "SELECT count(*), sum(edit_id) FROM v_value"
is "its values" "528	8" "$(cat "$out")"
T_query "SELECT t_shape('L4.resid_post'), round(t_l2('L4.resid_post'), 4), value_id('L4.resid_post')"
is "a tensor by name" "1,128	152.8807	524" "$(cat "$out")"
T_query "SELECT group_concat(kind || sel) FROM edit"
is "its edits" "zero[head=1],zero[head=1],zero[head=1]" "$(cat "$out")"
is "the file" "$sum" "$(cksum <"$work/old.db")"

# The last run was killed: the new program goes on where the old one was, with the same numbers.
cd "$work" || exit 2
cp old.db killed.db
sqlite3 killed.db "UPDATE run SET status = 'running', ended_ns = NULL WHERE id = 3; DELETE FROM meta WHERE key = 'closed'"
kernels=$(sql old.db "SELECT value FROM meta WHERE key = 'resume kernels'")
TORCHLESS_KERNELS=$kernels try "$T" trace -q -m "$root/lessons/model" --prompts recorded_by_0.1.jsonl -n 1 --zero 'L0.attn.z[head=1]' --resume -o killed.db
if [ "$status" = 3 ] && grep -q "kernel" "$err"; then
	finish # a machine without the kernels that it was recorded with
fi
is "resuming" "0 " "$status $(cat "$err")"
rows="SELECT id, pass_id, span_id, point_id, hash, tensor_id, edit_id FROM value; SELECT * FROM cand; SELECT run_id, pos, token_id, source FROM token; SELECT id, run_id, point_id, sel, kind FROM edit"
is "the rows" "$(sqlite3 old.db "$rows" | cksum)" "$(sqlite3 killed.db "$rows" | cksum)"
finish
