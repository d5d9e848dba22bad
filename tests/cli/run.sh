#!/bin/sh
# run.sh -- stdout is the completion and nothing else; the same command prints the same text.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
checkpoint plain --preset plain --layers 2
m=$root/build/test-models/window
p="The model reads a text"

try "$T" run -m "$m" -n 40 "$p"
is "status" 0 "$status"
cp "$out" "$work/text"
is "one newline at the end" 1 "$(tail -c 1 "$out" | wc -l | tr -d ' ')"
has "the speed is on stderr" '^prompt [0-9]+ tokens, .*tokens/s.* decode 39 tokens, ' "$err"
"$T" run -m "$m" -n 2 "$p" >/dev/null 2>"$work/one"
has "one token has its noun" ' decode 1 token, ' "$work/one"
is "one line of it" 1 "$(wc -l < "$err" | tr -d ' ')"
try "$T" run -q -m "$m" -n 40 "$p"
cmp -s "$out" "$work/text" || fail "greedy text differs between two runs"
is "-q says nothing" "" "$(cat "$err")"
try "$T" run -q -m "$m" -n 40 --temp 0 --seed 9 "$p"
cmp -s "$out" "$work/text" || fail "--temp 0 is not greedy"
try "$T" run -q -m "$m" -n 40 -j1 "$p"
cmp -s "$out" "$work/text" || fail "one thread gives another text"
printf '%s' "$p" | "$T" run -q -m "$m" -n 40 - > "$out"
cmp -s "$out" "$work/text" || fail "a prompt from stdin gives another text"
try "$T" run -q -m "$m" -n 0 "$p"
is "-n 0 is an empty line" "" "$(cat "$out")"
{ printf '%s' "$p"; cat "$work/text"; } > "$work/echoed"
try "$T" run -q -m "$m" -n 40 --echo "$p"
cmp -s "$out" "$work/echoed" || fail "--echo is not the prompt and then the text"

# The bytes by which the decoded text grows: prompt and completion decode to the same.
try "$T" run -q -m "$m" -n 40 --json "$p"
python3 - "$out" "$work/text" "$T" "$m" "$p" <<'PY' || fail "--json disagrees with the text"
import json, subprocess, sys
doc, text, torchless, model, prompt = json.load(open(sys.argv[1])), open(sys.argv[2], "rb").read(), *sys.argv[3:]
call = lambda *a: subprocess.run([torchless, "tokenize", "-m", model, *a], capture_output=True, check=True).stdout
assert list(doc) == ["text", "tokens", "n_prompt", "stop", "prefill_ns", "decode_ns"], doc
assert len(doc["tokens"]) == 40 and doc["stop"] == "length" and doc["prefill_ns"] > 0
ids = call("--ids", prompt).split()
assert doc["n_prompt"] == len(ids)
before = call("--decode", *[i.decode() for i in ids[1:]])[:-1]
after = call("--decode", *[i.decode() for i in ids[1:]], *map(str, doc["tokens"]))[:-1]
assert after == before + text[:-1], (before, after, text)
PY

# Stop strings: every substring of the text, so also those that lie across tokens.
python3 - "$T" "$m" "$p" "$work/text" <<'PY' || fail "--stop does not end the text before the string"
import subprocess, sys
torchless, model, prompt, text = *sys.argv[1:4], open(sys.argv[4], "rb").read()[:-1]
def run(*stops):
    args = [torchless.encode(), b"run", b"-q", b"-m", model.encode(), b"-n", b"40"]
    for s in stops: args += [b"--stop", s]
    return subprocess.run(args + [prompt.encode()], capture_output=True, check=True).stdout
for at in range(0, len(text), 5):
    for n in (1, 2, 7):
        stop = text[at:at + n]
        if b"\0" in stop: continue
        got = run(stop)
        assert got == text[:text.index(stop)] + b"\n", (stop, got)
assert run(b"never there") == text + b"\n"
assert run(b"nothing", text[9:11], text[4:6]) == text[:min(text.index(text[9:11]), text.index(text[4:6]))] + b"\n"
PY

# Sampling repeats with its seed.
try "$T" run -q -m "$m" -n 40 --temp 1 --seed 3 "$p"
cp "$out" "$work/sampled"
try "$T" run -q -m "$m" -n 40 --temp 1 --seed 3 --chunk 2 "$p"
is "--chunk" 0 "$status"
try "$T" run -q -m "$m" -n 40 --temp 1 --seed 3 "$p"
cmp -s "$out" "$work/sampled" || fail "the same seed gives another text"
try "$T" run -q -m "$m" -n 40 --temp 1 --seed 4 "$p"
cmp -s "$out" "$work/sampled" && fail "another seed gives the same text"
try "$T" run -q -m "$m" -n 40 --temp 1 --top-k 1 --seed 4 "$p"
cmp -s "$out" "$work/text" || fail "--top-k 1 is not greedy"

# End of sequence: make the token that comes fifth the end.
cp -r "$m" "$work/eos"
fifth=$("$T" run -q -m "$m" -n 5 --json "$p" | sed 's/.*"tokens": \[[^]]*, \([0-9]*\)\].*/\1/')
sed -i 's/"eos_token_id": *[0-9]*/"eos_token_id": '"$fifth"'/' "$work/eos/config.json" "$work/eos/generation_config.json"
try "$T" run -m "$work/eos" --json "$p"
has "stops at an end-of-sequence token" '"stop": "eos"' "$out"
is "which it is not beyond" 5 "$("$T" run -q -m "$work/eos" --json "$p" | sed 's/.*"tokens": \[\([^]]*\)\].*/\1/' | wc -w | tr -d ' ')"

for k in ref avx2 avx512 neon; do
	TORCHLESS_KERNELS=$k try "$T" run -q -m "$m" -n 10 "$p"
	[ $k != ref ] && grep -q "TORCHLESS_KERNELS" "$err" && continue # a CPU without it
	is "TORCHLESS_KERNELS=$k" 0 "$status"
done
TORCHLESS_KERNELS=fast refuses "unknown kernels" 2 "TORCHLESS_KERNELS is 'fast'.*ref" "$T" run -m "$m" x
try "$T" run -q -j 9999 -m "$m" -n 1 "$p"
refuses "more threads than can be" 2 "--threads" "$T" run -j 9999 -m "$m" x
refuses "no memory for a billion tokens" 3 "positions need .* is available" "$T" run -n 1000000000 -m "$root/build/test-models/plain" x
refuses "an unknown chat template" 2 "chat template" "$T" run --chat -m "$m" x

# A prompt longer than the context runs, with a word about it.
long=$(yes 'The model reads. ' | head -400 | tr -d '\n')
try "$T" run -q -m "$m" -n 2 "$long"
is "a long prompt's status" 0 "$status"
has "a long prompt is warned of" '^torchless: warning: the prompt has [0-9]+ tokens but .* context is 512 \(max_position_embeddings, with a sliding_window of 5\): ' "$err"

# So does a text that grows beyond it, and the word comes after the text.
try "$T" run -q -m "$m" -n 520 --json "$p"
grown=$(python3 -c 'import json,sys; d = json.load(sys.stdin); print(d["n_prompt"] + len(d["tokens"]))' <"$out")
[ "$grown" -gt 512 ] || fail "the text ends after $grown tokens: nothing is shown"
is "a text beyond the context is warned of" \
	"torchless: warning: the text grew to $grown tokens but the model's context is 512 (max_position_embeddings, with a sliding_window of 5): what it says beyond may make no sense" \
	"$(cat "$err")"
is "trace says the same" "$(cat "$err")" \
	"$("$T" trace -q -m "$m" -n 520 --capture '*=hash' -o "$work/long.db" "$p" 2>&1)"

# Weights with NaN run, with a word about it.
cp -r "$m" "$work/nan"
python3 - "$work/nan/model.safetensors" <<'PY'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
at = json.loads(data[8:8 + n])["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
data[8 + n + at:8 + n + at + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
PY
try "$T" run -q -m "$work/nan" -n 2 "$p"
has "NaN is warned of" '^torchless: warning: .*model.layers.1.mlp.up_proj.weight' "$err"

if [ -d models/smollm2-135m ] && [ "${TORCHLESS%asan/*}" = "$TORCHLESS" ]; then
	try "$T" run -q -m models/smollm2-135m -n 2 "The capital of France is"
	is "SmolLM2 knows" " Paris." "$(cat "$out")"
fi
# --mem is a bound: smaller passes while they fit, then a refusal, before anything is computed.
want=$("$T" run -q -n 8 -m "$root/build/test-models/plain" "hello world" | od -c)
for size in 20K 60K 1M; do
	is "--mem $size" "$want" "$("$T" run -q -n 8 --mem $size -m "$root/build/test-models/plain" "hello world" 2>"$err" | od -c)"
done
refuses "--mem 1K" 3 'need [0-9.]+ kB of memory.*but --mem allows 1\.0 kB' "$T" run --mem 1K -m "$root/build/test-models/plain" "hello world"
refuses "--mem of many tokens" 3 'need .*but --mem allows' "$T" run --mem 60K -n 5000 -m "$root/build/test-models/plain" "hello world"
finish
