#!/bin/sh
# chat.sh -- --chat and --system, and what `tokenize --chat` shows of them.
. "$(dirname "$0")/lib.inc"
mkdir "$work/m"
for f in config.json tokenizer.json model.safetensors; do ln -s "$root/lessons/model/$f" "$work/m"; done
m=$work/m

# template TEXT: the model's, as the file says it.
template() {
	python3 -c 'import json, sys; json.dump({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": sys.argv[1]}, sys.stdout)' \
		"$1" >"$m/tokenizer_config.json"
}

# Each of these was another prompt, when templates were recognised.
python3 - "$T" "$m" <<'PY' || fail "a template prints another prompt"
import json, subprocess, sys
program, model = sys.argv[1:]
def prints(template, want, *options):
    json.dump({"bos_token": "<s>", "chat_template": template}, open(f"{model}/tokenizer_config.json", "w"))
    got = subprocess.run([program, "tokenize", "-m", model, "--chat", "--text", *options, "Hi"], capture_output=True)
    assert got.stdout.decode() == want and got.returncode == 0, (template, got)
turn = "'<|im_start|>' + message['role'] + '\n' + message['content']"
start = "{{ '<|im_start|>assistant\n' }}"
plain = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
prints("{% for message in messages %}{{ " + turn + " + '<|im_end|>\n' }}{% endfor %}" + start, plain)
prints("{% for message in messages %}{{ " + turn + " }}{% if add_generation_prompt or not loop.last %}{{ '<|im_end|>\n' }}{% endif %}"
       "{% endfor %}{% if add_generation_prompt %}" + start + "{% endif %}", plain)
prints("{% if thinking %}{{ '<|im_start|>system\nThink first.<|im_end|>\n' }}{% endif %}{% for message in messages %}{{ " + turn +
       " + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}" + start + "{% endif %}", plain)
variable = ("{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set sm = messages[0]['content'] %}{%- else %}"
            "{%- set sm = 'Be brief.' %}{%- endif %}{{- '[SYSTEM_PROMPT]' + sm + '[/SYSTEM_PROMPT]' }}{% for message in messages %}"
            "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}{% endfor %}")
prints(variable, "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST] Hi [/INST]")
prints(variable, "<s>[SYSTEM_PROMPT]Rhyme.[/SYSTEM_PROMPT][INST] Hi [/INST]", "--system", "Rhyme.")
prints(variable, "<s>[SYSTEM_PROMPT][/SYSTEM_PROMPT][INST] Hi [/INST]", "--system=")
PY

# The text is the prompt, byte for byte, and the ids are those of the text: no BOS is added to it.
template '{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}'
printf 'a\000b\377\n' | "$T" tokenize -m "$m" --chat --system 'Be' --text - >"$work/text"
printf '<s>system: Be</s>user: a\000b\377\n</s>' >"$work/expected"
cmp -s "$work/expected" "$work/text" || fail "--text is not the prompt: $(od -c "$work/text" | head -3)"
is "the ids of a chat" "$("$T" tokenize -m "$m" --ids --no-bos '<s>user: Tom has</s>')" \
	"$("$T" tokenize -m "$m" --chat --ids 'Tom has')"
cd "$work" || exit 2
try "$T" trace -q -m "$m" -n 1 --chat --system 'Be' -o one.db 'Tom has'
is "trace --chat --system" 0 "$status"
ids=$("$T" tokenize -m "$m" --chat --system 'Be' --ids 'Tom has')
is "trace feeds these ids" "$ids" "$("$T" query -t one.db "SELECT group_concat(token_id, ' ') FROM (SELECT token_id FROM v_token ORDER BY pos LIMIT $(echo "$ids" | wc -w))")"
try "$T" run -q -m "$m" -n 2 --chat --system 'Be' 'Tom has'
is "run --chat --system" 0 "$status"
try "$T" debug -m "$m" --chat --system 'Be' --batch -ex run 'Tom has'
is "debug --chat --system" 0 "$status"
try "$T" debug -m "$m" --chat --batch -ex 'run Tom has' -ex 'show args'
is "debug --chat, and the prompt later" 0 "$status"
refuses "debug --chat, no template and nothing to do" 2 "has no chat template" "$T" debug --chat </dev/null

# A line of --prompts may have a system message of its own.
printf '{"prompt": "Tom has"}\n{"prompt": "Tom has", "system": "Be"}\n' >prompts.jsonl
try "$T" trace -q -m "$m" -n 1 --chat --system 'Do' --prompts prompts.jsonl -o many.db
is "--prompts with a system message" 0 "$status"
is "a line's own goes before the option's" \
	"$(for s in 'Do' 'Be'; do "$T" tokenize -m "$m" --chat --system "$s" --ids 'Tom has' | wc -w; done | paste -sd' ')" \
	"$("$T" query -t many.db "SELECT n_prompt FROM v_run ORDER BY run_id" | grep -v n_prompt | paste -sd' ')"
refuses "another system message is another recording" 2 "with --chat on, --system" \
	"$T" trace -q -m "$m" -n 1 --chat --system 'Else' --prompts prompts.jsonl --resume -o many.db
refuses "a system message without --chat" 2 'prompts.jsonl:2: "system" needs --chat' \
	"$T" trace -q -m "$m" --prompts prompts.jsonl -o no.db
printf '{"ids": [1], "system": "Be"}\n' >ids.jsonl
refuses "a system message of ids" 2 'ids.jsonl:1: .*goes with "prompt"' "$T" trace -q -m "$m" --chat --prompts ids.jsonl -o no.db
printf '{"prompt": "a", "system": 7}\n' >ids.jsonl
refuses "a system message that is none" 2 'ids.jsonl:1: text as "system" is expected' "$T" trace -q -m "$m" --chat --prompts ids.jsonl -o no.db

# A recording that keeps no text keeps none of the system message.
try "$T" trace -q -m "$m" -n 1 --redact --chat --system 'Xylophone' -o redacted.db 'Quartz'
is "trace --redact --chat" 0 "$status"
try "$T" trace -q -m "$m" -n 1 --redact --chat --system='Xylophone' -o redacted2.db 'Quartz'
is "trace --redact --chat" 0 "$status"
grep -aqE 'Xylophone|Quartz' redacted.db redacted2.db && fail "--redact keeps the messages"

for c in run trace debug tokenize; do
	refuses "$c --system alone" 2 "--system needs --chat" "$T" $c -m "$m" --system Be x
done
refuses "--text alone" 2 "--text needs --chat" "$T" tokenize -m "$m" --text x
refuses "--text and --ids" 2 "exclude each other" "$T" tokenize -m "$m" --chat --ids --text x
refuses "--chat and --decode" 2 "exclude each other" "$T" tokenize -m "$m" --chat --decode 1

refuses "--chat and --raw" 2 "--raw and --chat exclude each other|--chat and --raw exclude each other" "$T" tokenize -m "$m" --chat --raw x
echo '{}' >"$m/tokenizer_config.json"
for c in run trace tokenize; do
	refuses "$c --chat without a template" 2 "no chat template: a file chat_template.jinja beside its tokenizer.json gives one" "$T" $c -m "$m" --chat x
done
echo '{{ messages[0].content }}!' >"$m/chat_template.jinja"
is "which it does" "x!" "$("$T" tokenize -m "$m" --chat --text x)"
rm "$m/chat_template.jinja"

# What cannot be run is refused with its place, and nothing is printed.
template '{{ bos_token }}
  {% if tools %}{% endif %}{{ messages | xmlattr }}'
refuses "a filter that is not supported" 2 "tokenizer_config.json.*, line 2, column 42: the filter 'xmlattr' is not supported" \
	"$T" run -m "$m" --chat x
template "{{ bos_token }}{{ raise_exception('Only \"users\" speak') }}"
refuses "the template's own refusal" 2 'column 34: the template says: Only "users" speak' "$T" tokenize -m "$m" --chat --text x
template '{% for m in messages %}'
refuses "a template without an end" 2 "column 24: this 'for' block has no end" "$T" trace -m "$m" --chat -o no.db x
[ -e no.db ] && fail "a refused prompt leaves a recording"

# A short stack is enough.
template '{{ [[[[[[[[[[[[[[[[[[messages]]]]]]]]]]]]]]]]]] | length }}{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(9) }}'
case $T in */asan/*) ;; *)
	# shellcheck disable=SC3045
	(ulimit -s 128 && "$T" tokenize -m "$m" --chat --text x >"$out" 2>"$err") || fail "a stack of 128 kB is not enough: $(cat "$err")"
	is "on a small stack" 1 "$(cat "$out")"
	;;
esac
finish
