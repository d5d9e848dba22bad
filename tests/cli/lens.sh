#!/bin/sh
# lens.sh -- what needs the weights finds them, wherever the recording and the user have gone.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
checkpoint other --preset window --layers 2 --seed 7
cp -r "$root/build/test-models/window" "$work/model"
cd "$work" || exit 2
"$T" trace -q -m model -n 3 --capture '*:q_rot' --capture '*:k_rot' "The model reads" ||
	fail "no recording to ask"
lens="SELECT count(*) FROM lens WHERE layer = 1"
vocabulary=$(sql trace.db "SELECT n_vocab FROM model")
same="SELECT sum(l.logit <> c.logit OR l.rank <> c.rank OR l.token <> c.piece AND l.piece <> c.piece)
	FROM v_cand c, lens(1, c.pos) l WHERE l.layer = 1 AND l.token_id = c.token_id
	AND c.pos >= (SELECT max(pos) - 2 FROM v_cand)"

is "the lens ranks the vocabulary" "$vocabulary" "$("$T" query "$lens")"
is "the last layer says what was sampled from" 0 "$("$T" query "$same")"
is "attention adds up to one a query and head" 1 \
	"$("$T" query "SELECT min(s) > 0.9999 AND max(s) < 1.0001 FROM (SELECT sum(p) s FROM attn GROUP BY layer, head, q)")"
is "a weight by its name" "$vocabulary" \
	"$("$T" query "SELECT t_shape(weight('model.embed_tokens'))" | cut -d, -f1)"
is "a token and back" 1 "$("$T" query "SELECT tok_id(tok(token_id)) = token_id FROM v_token WHERE pos = 2")"

# A model given by a relative path is found from another folder, whose copy of the recording answers.
mkdir -p away/further
cp trace.db away/further
cd away/further || exit 2
is "from another folder" "$vocabulary" "$("$T" query "$lens")"
mv "$work/model" "$work/moved"
refuses "a checkpoint that is gone" 3 "$work/model.*name it with -m PATH" "$T" query "$lens"
is "-m says where it is" "$vocabulary" "$("$T" query -m "$work/moved" "$lens")"
is "what needs no weights does without" 1 "$("$T" query "SELECT count(*) > 0 FROM attn")"
is "so do the tokens it holds" 1 "$("$T" query "SELECT min(hex(tok(token_id)) = hex(piece)) FROM v_token")"
mv "$work/moved" model
is "beside the recording it is found" "$vocabulary" "$("$T" query "$lens")"
refuses "other weights" 2 "other has weights other than.*hash [0-9a-f]{32}, recorded [0-9a-f]{32}" \
	"$T" query -m "$root/build/test-models/other" "$lens"
refuses "a position that was not recorded" 2 "position 0 .*--capture residual" \
	"$T" query "SELECT * FROM lens WHERE pos = 0"
finish
