#!/bin/sh
# compare.sh -- docs/compare.md shows what its commands print, and an array of one's own is asked about in SQL.
. "$(dirname "$0")/lib.inc"
mkdir -p "$work/dumps/1"
npy() { # FILE PYTHON: the array that the expression makes
	python3 -c "import numpy as np, sys; np.save(sys.argv[1], $2)" "$work/$1"
}

# The guide, from its first command to its last, and that a fault in it would be seen.
if python3 -c 'import torch, transformers' 2>/dev/null; then
	TORCHLESS=$T python3 scripts/shown --check docs/compare.md >"$out" 2>&1 ||
		fail "docs/compare.md shows something else: scripts/shown docs/compare.md: $(brief "$(cat "$out")")"
fi
has "the planted bug is where it was planted" '^│ model.layers.0…q_rot .* pos=2, head=1, ' docs/compare.md
is "the guide has runs without a divergence" 2 "$(grep -c '^│ no divergence │' docs/compare.md)"

cd "$work" || exit 2
"$T" trace -q -m "$root/lessons/model" -n 2 --capture '*' -o ref.db "Once upon a time" || exit 2
"$T" trace -q -m "$root/lessons/model" -n 2 --capture '*' -o same.db "Once upon a time" || exit 2
"$T" trace -q -m "$root/lessons/model" -n 2 --capture '*' --chunk 2 -o chunks.db "Once upon a time" || exit 2

# A reference that is the same, another cut into passes, and none.
first() { # ARGUMENT...: point, agree and but
	"$T" query --csv "$@" 2>&1 | sed 1d | cut -d, -f1,7,8,10-
}
is "the same run" 'no divergence,264,0,' "$(first -t same.db first-divergence reference=ref.db)"
is "the same run: status" 0 "$("$T" query -t same.db first-divergence reference=ref.db >"$out" && echo $?)"
has "a script can ask" '^no divergence' "$out"
has "other passes" 'the pass reads 2 positions from 0 on in b|the pass reads 5 positions from 0 on in a, 2 from 0 on in b' \
	"$("$T" query -t chunks.db first-divergence reference=ref.db >"$out"; echo "$out")"
has "no reference" 'nothing to compare.*reference=FILE.db names' "$("$T" query -t same.db first-divergence >"$out"; echo "$out")"
refuses "a reference that is not there" 2 "'no.db' is no run of this recording, and no file" "$T" query -t same.db first-divergence reference=no.db
refuses "times that is none" 2 "times takes a number above 0" "$T" query -t same.db first-divergence reference=ref.db times=0

# Two runs of one prompt in a recording, and where the second was changed in the file.
printf '{"prompt": "Once upon a time"}\n{"prompt": "Tom has the"}\n{"prompt": "Once upon a time"}\n' >prompts.jsonl
"$T" trace -q -m "$root/lessons/model" --capture '*' --prompts prompts.jsonl -o runs.db || exit 2
is "runs that are equal" "" "$("$T" query -t runs.db 'SELECT * FROM v_first_divergence')"
of="FROM value v JOIN pass p ON p.id = v.pass_id JOIN point t ON t.id = v.point_id WHERE p.run_id = 3 AND t.fqn"
sql runs.db "UPDATE value SET hash = hash + 1, tensor_id = (SELECT v.tensor_id $of = 'model.layers.3:out' AND v.tensor_id)
	WHERE id = (SELECT v.id $of = 'model.layers.2:out' AND v.tensor_id)"
is "the run that was changed" "1	3	model.layers.2:out	fail" "$("$T" query -t runs.db 'SELECT run_a, run_b, fqn, verdict FROM v_first_divergence')"
is "any client reads the view" "" "$(sql runs.db 'SELECT * FROM v_first_divergence')"

# A tensor of one's own: behind the question, with --param, in the shell, by every sigil.
npy a.npy 'np.arange(6, dtype="f4").reshape(2, 3)'
npy wide.npy 'np.arange(6, dtype="f8").reshape(2, 3)'
npy fortran.npy 'np.asfortranarray(np.arange(6.).reshape(2, 3))'
npy text.npy 'np.array(["a"])'
printf 'no array' >not.npy
for query in ":mine" "@mine" "\$mine"; do
	is "$query" "2,3	5" "$("$T" query -t ref.db --param mine=@a.npy "SELECT t_shape($query), t_max($query)" 2>&1)"
done
is "behind the question" "0" "$("$T" query -t ref.db 'SELECT t_maxabs(:a, :b)' a=@a.npy b=@wide.npy 2>&1)"
is "the last one counts" "4" "$("$T" query -t ref.db --param x=3 'SELECT :x' x=4)"
is "numbers are numbers" "integer	real	text" "$("$T" query -t ref.db --param a=3 --param b=.5 --param c=x 'SELECT typeof(:a), typeof(:b), typeof(:c)')"
is "an @ that is no file" "@x	@.npy" "$("$T" query -t ref.db --param a=@x --param b=@.npy 'SELECT :a, :b')"
is "of a saved query" "2" "$("$T" query -t ref.db --param n=2 next | wc -l | tr -d ' ')"
is "in the shell" "2,3	7" "$(printf '.param mine=@a.npy x=7\nSELECT t_shape(:mine), :x;\n' | "$T" query -t ref.db 2>&1)"
is "for the shell" "2,3" "$(echo 'SELECT t_shape(:mine);' | "$T" query -t ref.db --param mine=@a.npy 2>&1)"
refuses "no such file" 3 "cannot open no.npy" "$T" query -t ref.db --param t=@no.npy 'SELECT t_max(:t)'
refuses "no .npy" 2 "not.npy is no .npy" "$T" query -t ref.db --param t=@not.npy 'SELECT t_max(:t)'
refuses "text" 2 "text.npy: the .npy blob is of another type" "$T" query -t ref.db --param t=@text.npy 'SELECT t_max(:t)'
refuses "Fortran order" 2 "fortran.npy: .*ascontiguousarray" "$T" query -t ref.db --param t=@fortran.npy 'SELECT t_max(:t)'
mkdir folder.npy
refuses "a folder" 3 "folder.npy" "$T" query -t ref.db --param t=@folder.npy 'SELECT t_max(:t)'
refuses "one that nobody asks for" 2 "no parameter :t" "$T" query -t ref.db --param t=@a.npy 'SELECT 1'
refuses "no value" 2 "'pos' is no KEY=VALUE" "$T" query -t ref.db --param pos next
refuses "a tensor where a number belongs" 2 "pos takes a position" "$T" query -t ref.db next pos=@a.npy

# What another engine dumped: names of all kinds, decoded tokens, and what does not fit.
import() { try python3 "$root/scripts/import_npy.py" --like ref.db -o mine.db dumps; }
refuse_import() { # WHAT PATTERN
	import
	is "$1: status" 2 "$status"
	has "$1" "$2" "$err"
	rm -f dumps/*.npy dumps/1/*.npy
}
copy() { # POINT FILE: what ref.db has
	"$T" show -t ref.db "$1" --npy "$2" >/dev/null || fail "no copy of $1"
}
copy 'L0.attn.q_rot' dumps/L0.attn.q_rot.npy
copy 'L1.resid_post' dumps/blocks.1.hook_resid_post.npy
copy 'L1.attn.z' dumps/model.layers.1.self_attn:z.npy
copy 'logits[pass=1]' dumps/1/logits.npy
import
is "names of all kinds: status" 0 "$status"
is "what was imported" "4 of 264 values" "$(sed 's/^mine.db: //' "$err")"
is "it is the same" 'no divergence,4,260,' "$(first -t mine.db first-divergence reference=ref.db)"
is "and in the order of the reference" "model.layers.0.self_attn:q_rot|model.layers.1.self_attn:z|model.layers.1:out|lm_head:out" \
	"$(sql mine.db 'SELECT group_concat(fqn, "|") FROM (SELECT fqn FROM v_value ORDER BY id)')"
is "its tokens are those that were read" 6 "$(sql mine.db 'SELECT count(*) FROM v_token')"
rm -f dumps/*.npy dumps/1/*.npy
npy dumps/L0.attn.q_rot.npy 'np.zeros((1, 5, 128), "f2")'
import
is "joined axes and ones: status" 0 "$status"
rm -f dumps/*.npy
npy dumps/L0.attn.q_rot.npy 'np.zeros((4, 5, 32), "f4")'
refuse_import "axes the other way round" 'q_rot.npy: is \[4,5,32\]; the point is \[5,4,32\]'
npy dumps/L0.attn.q_rto.npy 'np.zeros(5)'
refuse_import "a name that is none" 'names no point; did you mean L0.attn.q_rot'
npy dumps/L0.attn.q_rot.npy 'np.array(["x"])'
refuse_import "no numbers" 'is no array of numbers'
printf 'PK no array' >dumps/L0.attn.q_rot.npy
refuse_import "another file" 'is no .npy of numbers'
refuse_import "an empty folder" 'holds no NAME.npy'
npy dumps/1/L0.attn.q_rot.npy 'np.zeros((1, 4, 32))'
mv dumps/1 dumps/7
refuse_import "a pass that is not there" 'ref.db has no model.layers.0.self_attn:q_rot in pass 7'
finish
