#!/bin/sh
# trace.sh -- a recording holds what the run did, and a failed one never takes a good one's place.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
p="The model reads a text"
cd "$work" || exit 2
db=trace.db

try "$T" trace -m "$m" -n 4 "$p"
is "status" 0 "$status"
is "stdout that is no terminal stays empty" "" "$(cat "$out")"
for line in '2 layers' '^tokens ' '^prefill .* 2/2 layers' '^next ' "^settles +'.*' from layer [01] on" '^residual ' '^time .*attention [0-9]+ %' '^trace.db .* calls .* values' '^try  '; do
	has "the summary" "$line" "$err"
done
is "one portable file" "trace.db" "$(ls trace.db*)"
ids=$("$T" tokenize -m "$m" --ids "$p")
made=$("$T" run -q -m "$m" -n 4 --json "$p" | sed 's/.*"tokens": \[\([^]]*\)\].*/\1/; s/,//g')
is "the tokens are those of run" "$ids $made" "$(sql "$db" "SELECT token_id FROM v_token ORDER BY pos" | paste -sd' ')"
is "sources" "bos prompt generated" "$(sql "$db" "SELECT source FROM v_token GROUP BY source ORDER BY min(pos)" | paste -sd' ')"
is "a prefill and n - 1 decode passes" "prefill decode decode decode" \
	"$(sql "$db" "SELECT phase FROM pass WHERE idx IS NOT NULL ORDER BY idx" | paste -sd' ')"
is "stages are there" "tokenize sample" "$(sql "$db" "SELECT DISTINCT phase FROM pass WHERE idx IS NULL ORDER BY phase DESC" | paste -sd' ')"
is "every residual stream of every pass" "2 4" "$(sql "$db" "SELECT count(DISTINCT layer) || ' ' || count(DISTINCT pass) FROM v_value WHERE role='resid_post'")"
is "the run is done" ok "$(sql "$db" "SELECT status FROM run")"
is "byte offsets give the prompt back" "$p" "$(sql "$db" "SELECT group_concat(substr(r.prompt, byte_start + 1, byte_end - byte_start), '') FROM (SELECT * FROM v_token WHERE source='prompt' ORDER BY pos), run r")"
is "merges are there" 1 "$(sql "$db" "SELECT count(*) > 0 FROM v_tok_step WHERE rule='merge'")"

# What the model thought: log-probabilities are those of the logits, at every position.
rm -f trace.db
try "$T" trace -q -m "$m" -n 2 --capture lm_head:out "$p"
is "-q" "" "$(cat "$err")"
python3 - "$db" <<'PY' || fail "scores disagree with the dumped logits"
import array, math, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
tokens = dict(db.execute("SELECT pos, token_id FROM v_token"))
logits = []
for pass_, in db.execute("SELECT DISTINCT pass FROM v_payload WHERE fqn='lm_head:out' ORDER BY pass").fetchall():
    blob = b"".join(d for d, in db.execute("SELECT data FROM v_payload WHERE fqn='lm_head:out' AND pass=? ORDER BY value_id, chunk", (pass_,)))
    x = array.array("f", blob)
    logits += [x[i:i + 384] for i in range(0, len(x), 384)]
assert len(logits) == len(tokens) - 1, (len(logits), len(tokens))
for pos, row in enumerate(logits):
    top = max(row)
    z = top + math.log(sum(math.exp(v - top) for v in row))
    target = tokens[pos + 1]
    logprob, rank, entropy = db.execute("SELECT logprob, rank, entropy FROM v_token WHERE pos=?", (pos + 1,)).fetchone()
    assert abs(logprob - (row[target] - z)) < 1e-4, pos
    assert rank == sum(v > row[target] for v in row), pos
    assert abs(entropy - -sum(math.exp(v - z) * (v - z) for v in row)) < 1e-3, pos
    cand = db.execute("SELECT token_id, logit FROM v_cand WHERE pos=? ORDER BY rank", (pos,)).fetchall()
    assert len(cand) == 20 and [c for c, _ in cand] == sorted(range(384), key=lambda i: (-row[i], i))[:20], pos
PY
try "$T" trace -q -m "$m" "$p"
[ -f trace.db.old ] || fail "an existing file is not kept"
is "which needs no word" "" "$(cat "$err")"
is "and is the one before" 2 "$(sql trace.db.old "SELECT count(*) FROM v_token WHERE source='generated'")"

try "$T" trace -q -m "$m" -o trace.db "$p"
has "what was kept before goes with one" '^torchless: warning: trace.db was there and is trace.db.old now, in place of what that was$' "$err"
try "$T" trace -m "$m" "$p"
has "or with a line of the summary" '^kept .*trace.db.old, in place of what it was$' "$err"
for o in - :memory: file:x.db File:x; do
	refuses "-o $o" 2 "-o $o: a recording is a file" "$T" trace -q -m "$m" -o "$o" "$p"
done
try "$T" trace -q -m "$m" -o ./:memory: "$p"
is "a file may be called so" 0 "$(test -f ./:memory: && echo "$status")"

printf 'a\nb' >line
LC_ALL=C.UTF-8 "$T" trace -m "$m" -o line.db - <line >"$out" 2>"$err"
has "a line end in a token is one sign, in a log too" '^tokens .*⏎' "$err"
LC_ALL=C "$T" trace -m "$m" -o line.db - <line >"$out" 2>"$err"
is "which C's locale has not" "" "$(LC_ALL=C tr -d '\000-\177' <"$err")"

try "$T" trace -q -m "$m" --logits last -o last.db "$p"
is "--logits last scores the prompt's tokens not" "0 1" "$(sql last.db "SELECT (SELECT count(*) FROM v_token WHERE source<>'generated' AND logprob IS NOT NULL) || ' ' || (SELECT count(DISTINCT pos) FROM v_cand)")"
try "$T" trace -q -m "$m" -n 0 -o none.db "$p"
is "-n 0 is the prefill alone" "1 0" "$(sql none.db "SELECT (SELECT count(*) FROM pass WHERE idx IS NOT NULL) || ' ' || (SELECT count(*) FROM v_token WHERE source='generated')")"
try "$T" trace -q -m "$m" --chunk 3 -o chunks.db "$p"
is "a prompt longer than the chunk takes several passes" 1 "$(sql chunks.db "SELECT count(*) > 1 FROM pass WHERE phase='prefill'")"
is "and scores the same positions" "$(sql trace.db "SELECT pos, rank, round(logprob, 3) FROM v_token")" "$(sql chunks.db "SELECT pos, rank, round(logprob, 3) FROM v_token")"
try "$T" trace -q -m "$m" -n 6 --temp 1 --top-k 5 --top-p 0.9 --seed 7 -o sampled.db "$p"
is "sampling is that of run" "$("$T" run -q -m "$m" -n 6 --temp 1 --top-k 5 --top-p 0.9 --seed 7 --json "$p" | sed 's/.*"tokens": \[\([^]]*\)\].*/\1/; s/,//g')" \
	"$(sql sampled.db "SELECT token_id FROM v_token WHERE source='generated' ORDER BY pos" | paste -sd' ')"
is "cuts are told" "top_k" "$(sql sampled.db "SELECT DISTINCT cut_by FROM v_cand WHERE cut_by='top_k'")"
is "at most five are kept" 1 "$(sql sampled.db "SELECT max(n) <= 5 FROM (SELECT sum(kept) n FROM v_cand WHERE pos >= (SELECT max(pos) FROM v_token WHERE source='prompt') GROUP BY pos)")"

# Ids instead of text, without a tokenizer.
mkdir bare && cp "$m/config.json" "$m/model.safetensors" bare
try "$T" trace -q -m bare --prompt-ids -o ids.db "$ids"
is "--prompt-ids without a tokenizer" 0 "$status"
is "gives the same numbers" "$(sql trace.db "SELECT fqn, hash FROM v_value WHERE role='resid_post'")" "$(sql ids.db "SELECT fqn, hash FROM v_value WHERE role='resid_post'")"

# Edits.
try "$T" trace -q -m "$m" --zero 'L0.attn.z[head=1]' --capture 'L0.attn.z' -o zero.db "$p"
is "--zero" 0 "$status"
is "--zero is kept in edit" "zero [head=1]" "$(sql zero.db "SELECT kind || ' ' || sel FROM edit")"
python3 - zero.db <<'PY' || fail "--zero zeroed something else"
import array, sqlite3, sys
shape, blob = sqlite3.connect(sys.argv[1]).execute("SELECT shape, data FROM v_payload WHERE fqn='model.layers.0.self_attn:z'").fetchone()
T, H, E = map(int, shape.split(","))
x = array.array("f", blob)
for h in range(H):
    head = [x[(t * H + h) * E + e] for t in range(T) for e in range(E)]
    assert all(v == 0 for v in head) == (h == 1), h
PY
is "and changes what comes after" 1 "$(sql zero.db "ATTACH 'trace.db' AS a" 2>/dev/null; python3 - <<'PY'
import sqlite3
h = lambda f: sqlite3.connect(f).execute("SELECT hash FROM v_value WHERE fqn='lm_head:out'").fetchone()
print(int(h("zero.db") != h("trace.db")))
PY
)"

# Redacted: no text, no pieces, anywhere in the file.
try "$T" trace -q -m "$m" --redact -o redacted.db "A secret about Xylophones"
is "--redact" 0 "$status"
grep -qaE 'secret|Xyl|ophone' redacted.db && fail "--redact left text in the file"
is "--redact keeps ids" 1 "$(sql redacted.db "SELECT count(*) > 3 AND count(piece) = 0 FROM token")"

# JSON.
try "$T" trace -m "$m" -n 2 --json -o json.db "$p"
python3 - "$out" <<'PY' || fail "trace --json"
import json, math, sys
doc = json.load(open(sys.argv[1]))
assert doc["file"] == "json.db" and len(doc["generated"]) == 2 and len(doc["residual"]) == 2, doc
assert doc["next"][0]["id"] == doc["generated"][0]["id"]
assert sum(math.exp(n["logprob"]) for n in doc["next"]) <= 1.0001
assert sum(doc["time_ns"].values()) <= doc["prefill_ns"] + doc["decode_ns"]
assert doc["values"] > 0 and doc["file_bytes"] > 0
PY
python3 - "$out" "$m/model.safetensors" <<'PY' || fail "the layer at which the answer settles is not that of the dumped stream"
import array, json, sqlite3, struct, sys
data = open(sys.argv[2], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
def weight(name):
    a, b = header[name]["data_offsets"]
    return array.array("f", data[8 + n + a:8 + n + b])
norm, head = weight("model.norm.weight"), weight("lm_head.weight")
leads = []
for blob, in sqlite3.connect("json.db").execute(
        "SELECT data FROM v_payload WHERE fqn GLOB 'model.layers.[0-9]:out' AND pass = 0 ORDER BY value_id"):
    x = array.array("f", blob)
    assert len(x) == len(norm) == 48
    scale = (sum(v * v for v in x) / 48 + 1e-5) ** -0.5
    y = [v * scale * w for v, w in zip(x, norm)]
    logits = [sum(a * b for a, b in zip(y, head[i * 48:i * 48 + 48])) for i in range(384)]
    leads.append(logits.index(max(logits)))
doc = json.load(open(sys.argv[1]))
assert [t["id"] for t in doc["settles"]["leads"]] == leads, (doc["settles"], leads)
assert leads[-1] == doc["next"][0]["id"]
assert doc["settles"]["layer"] == (0 if leads[0] == leads[1] else 1)
PY
is "--json: the residual is the recording's" \
	"$(python3 -c 'import json,sys; print(round(json.load(open(sys.argv[1]))["residual"][1], 3))' "$out")" \
	"$(python3 - <<'PY'
import sqlite3, struct
blob = sqlite3.connect("json.db").execute("SELECT pos_stats FROM value v JOIN point p ON p.id = v.point_id WHERE p.fqn='model.layers.1:out' ORDER BY v.id").fetchone()[0]
print(round(struct.unpack("<4f", blob[-16:])[0], 3))
PY
)"
finish
