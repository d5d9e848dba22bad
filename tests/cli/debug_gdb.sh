#!/bin/sh
# debug_gdb.sh -- the habits of gdb's users: its words do what they do there, or say what does.
. "$(dirname "$0")/lib.inc"
says() { # STATUS PATTERN COMMAND...: the last line that is printed, of both streams
	expected=$1 pattern=$2 && shift 2
	for one in "$@"; do
		set -- "$@" -ex "$one" && shift
	done
	timeout 200 "$T" debug -j1 -n 2 --batch "$@" "The capital of" >"$out" 2>&1 </dev/null
	is "$*: status" "$expected" $?
	has "$*" "$pattern" "$out"
}
says 0 '^No breakpoints' 'i b'
says 0 '^info breakpoints, b' i
says 0 '^info breakpoints, b' 'help i'
says 0 '^Breakpoint 1 at mistral.c:104, 5 places' 'b 104'
says 0 '^Breakpoint 1 at 0.31' 'b *0.31'
says 0 '^#0  model.layers.0.mlp ' 'adv layers.0.mlp' 'bt full'
says 0 '^#0  model.layers.0.mlp ' 'adv layers.0.mlp' 'i s'
says 0 '^L0.ln2 = f32\[4,128\]' 'adv layers.0.mlp' 'info args'
says 0 '^L0.mlp.act_mul = f32\[4, ?320\] not computed yet' 'adv layers.0.mlp' 'n 3' 'info locals'
says 0 '^0.0  model  ' 'b tokenizer' r fin
says 0 '^The generation is ended' start k
says 0 '^0.0  model' start k start
says 2 'The program is not being run' k
says 0 '^Nothing is recorded' 'i r'
for word in '!ls' 'shell ls' 'info reg' 'info threads' thread 'ret' 'layout src' 'define x' 'target remote' 'python 1' 'clear' 'checkpoint'; do
	says 2 '^torchless: -ex 1: ' "$word"
	hasnt "$word is answered" 'Undefined|did you mean|Ambiguous' "$out"
done
for setting in 'set confirm off' 'set pagination off' 'set width 100' 'show confirm'; do
	says 0 '^' "$setting" 'echo done'
done
says 2 "lists them" 'set print pretty on'
finish
