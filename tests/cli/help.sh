#!/bin/sh
# help.sh -- help, docs/cli.md and completion come from the tables; options are read as promised.
. "$(dirname "$0")/lib.inc"

try "$T" help --markdown
is "help --markdown" 0 "$status"
cmp -s "$out" docs/cli.md || fail "docs/cli.md is not what the tables say: run make docs"

# Documents call it torchless, help as it was called: tests/cli/called.sh.
mkdir -p "$work/bin"
ln -s "$T" "$work/bin/torchless"
plain() {
	env PATH="$work/bin:$PATH" torchless "$@"
}

commands="run trace debug query graph show report export tokenize info lesson completion help"
is "commands" "$commands" "$("$T" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | paste -sd' ')"
for c in $commands; do
	try "$T" "$c" --help
	is "$c --help" 0 "$status"
	has "$c --help shows an example" "^  $T $c|$T $c" "$out"
	cp "$out" "$work/long"
	try "$T" help "$c"
	cmp -s "$out" "$work/long" || fail "help $c differs from $c --help"
	try "$T" "$c" -h
	cmp -s "$out" "$work/long" || fail "$c -h differs from $c --help"
	"$T" completion bash | grep -q "	$c)" || fail "$c is not completed by bash"
	"$T" completion fish | grep -q -- "-a $c -d" || fail "$c is not completed by fish"
	sed -n '/^examples:/q; s/^  .*\(--[a-z-]*\).*/\1/p' "$work/long" | while read -r o; do
		"$T" completion fish | grep -q -- "from $c'.* -[lo] ${o#--} " || fail "fish does not complete $c $o"
	done | grep . && failures=1
done
is "no help has two lines alike" "" "$("$T" help | sort | uniq -d | grep .)"

# A manual page a command, of the same words. A stray help file, or none, is found by name.
is "a help text a command" "$(printf '%s\n' "$commands" | tr ' ' '\n' | sort | paste -sd' ')" \
	"$(for f in src/cli/help/*.txt; do basename "$f" .txt; done | sort | paste -sd' ')"
for c in '' $commands; do
	title=$(printf '%s' "${c:+-$c}" | tr '[:lower:]' '[:upper:]' | sed 's/-/\\-/')
	"$T" help --man ${c:+"$c"} >"$work/torchless${c:+-$c}.1" || fail "help --man $c"
	head -n 1 "$work/torchless${c:+-$c}.1" | grep -qF ".TH \"TORCHLESS$title\" 1 \"\" \"torchless 0" || fail "page $c: $(head -n 1 "$work/torchless${c:+-$c}.1")"
	if [ -n "$c" ]; then plain "$c" --help >"$work/torchless-$c.help"; else plain help >"$work/torchless.help"; fi
done
if command -v groff >/dev/null; then
	for page in "$work"/*.1; do
		LC_ALL=C.UTF-8 GROFF_NO_SGR=1 groff -man -Tutf8 -ww "$page" >"$page.shown" 2>"$err"
		is "$(basename "$page") as groff reads it" "" "$(cat "$err")"
	done
	python3 - "$work"/*.1 <<'PY' || failures=1
import re, sys
for page in sys.argv[1:]:
    shown = re.sub(".\b", "", open(page + ".shown", encoding="utf-8").read()).replace("`", "")
    words = " ".join(shown.split())
    help = open(page[:-1] + "help", encoding="utf-8").read().replace("`", "")
    examples = re.split(r"(?m)^(?:examples:|.*To begin:)$", help)[1].strip().split("\n")
    missing = [e for e in examples if e.strip() not in shown]
    if "-" in page.rsplit("/", 1)[1]:  # a command: every paragraph and every option, word by word
        details, options = re.split(r"(?m)^options:$", help.split("\n", 4)[4].split("\nexamples:")[0])
        entries = re.split(r"\n(?=  +(?:-\w|--\w|\.\w)|  [a-z])", options.replace("\nin the shell:", "").replace("\nwhat it does:", ""))
        assert len(entries) > 5, page
        missing += [text for text in details.split("\n\n") + entries if " ".join(text.split()) not in words]
    if missing:
        sys.exit(f"help.sh: {page.rsplit('/', 1)[1]} does not say {missing}")
PY
fi
# What was meant: prefixes and parts before what merely resembles it, swapped letters as one slip.
refuses "diff is a question" 2 "no command 'diff'; did you mean 'query differ'\?$" "$T" diff
refuses "swapped letters" 2 "no option --tmep; did you mean --temp\?$" "$T" trace --tmep 1 x
refuses "the beginning of an option" 2 "did you mean --estimate\?$" "$T" trace --estim x
refuses "a choice" 2 "not 'tiem'; did you mean time\?$" "$T" graph --color-by tiem
refuses "a shell" 2 "did you mean bash\?$" "$T" completion bsh
refuses "a point" 2 "no point is called .patern.; the nearest is \*\.attn\.pattern \(" "$T" trace --capture patern x
refuses "a function" 2 'did you mean "t_absmax"\?$' "$T" query --functions absmax
refuses "--man of no command" 2 "did you mean 'query'" "$T" help --man qury
refuses "two forms of the manual" 2 "--markdown and --man exclude" "$T" help --man --markdown

# A help text that lacks a section, or has another, stops the build.
embed() { # FILE
	sh scripts/embed-help x <"$1" >"$out" 2>"$err"
	status=$?
}
for section in args summary details examples; do
	sed "/^# $section/,/^\$/d" src/cli/help/info.txt >"$work/part.txt" && embed "$work/part.txt"
	is "a help text without $section: status" 1 "$status"
	has "a help text without $section" "^x\.txt:[0-9]+: .*$section" "$err"
	sed "/^# $section/{p;s/.*//;}" src/cli/help/run.txt | sed "/^# $section/,/^# /{/^[^#]/d;}" >"$work/empty.txt"
	[ "$section" = args ] && continue
	embed "$work/empty.txt"
	is "a help text whose $section is empty: status" 1 "$status"
	has "a help text whose $section is empty" "\"$section\" is empty" "$err"
done
{ cat src/cli/help/info.txt; printf '# more\nx\n'; } >"$work/more.txt" && embed "$work/more.txt"
has "a help text with a section of its own" "behind the last section" "$err"

try "$T"
is "no command: status" 0 "$status"
has "no command" "^usage: $T COMMAND" "$out"
try "$T" --version
has "--version" '^torchless [0-9]+\.[0-9]+\.[0-9]+' "$out"

for shell in bash zsh; do
	"$T" completion $shell > "$work/script"
	command -v bash >/dev/null && { bash -n "$work/script" || fail "completion $shell has a syntax error"; }
done
if command -v bash >/dev/null; then
	"$T" completion bash > "$work/complete.bash"
	is "bash completes a command" tokenize "$(bash -c '. '"$work"'/complete.bash
		COMP_WORDS=(torchless tok); COMP_CWORD=1; _torchless; echo "${COMPREPLY[*]}"')"
	is "bash completes an option" "--top-k --top-p" "$(bash -c '. '"$work"'/complete.bash
		COMP_WORDS=(torchless run --top); COMP_CWORD=2; _torchless; echo "${COMPREPLY[*]}"')"
	is "bash completes a word to choose" "always" "$(bash -c '. '"$work"'/complete.bash
		COMP_WORDS=(torchless run --color al); COMP_CWORD=3; _torchless; echo "${COMPREPLY[*]}"')"
fi

# Saved queries and their parameters, of the recording that -t names.
checkpoint window --preset window --layers 2
mkdir -p "$work/here"
"$T" trace -q -m "$root/build/test-models/window" -o "$work/here/an other.db" "The model reads" || fail "no recording"
"$T" completion fish > "$work/complete.fish"
completes() { # WORDS EXPECTED SHELLS: what follows the words of a command line
	for shell in $3; do
		command -v "$shell" > /dev/null || continue
		case $shell in
		bash) got=$(cd "$work/here" && PATH=$work/bin:$PATH bash -c '. "$1"; eval "COMP_WORDS=($2)"
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _torchless; printf "%s\n" "${COMPREPLY[@]}"' - "$work/complete.bash" "$1") ;;
		fish) got=$(cd "$work/here" && PATH=$work/bin:$PATH HOME=$work fish -c "source $work/complete.fish; complete -C \"$1\"" | cut -f1) ;;
		esac
		is "$shell completes $1" "$2" "$(printf '%s\n' "$got" | LC_ALL=C sort | paste -sd' ')"
	done
}
completes "torchless query -t 'an other.db' layer-" layer-knows "bash fish"
completes "torchless query --limit 3 -t 'an other.db' resid" residual "bash fish"
completes "torchless query --trace = 'an other.db' next ''" "n= pos= run=" bash
completes "torchless query -t 'an other.db' next n" n= "bash fish"
completes "torchless query -t 'an other.db' next n = 1" "" bash
completes "torchless query layer-" "" "bash fish"
completes "torchless query -t an" "an other.db" "bash fish"

refuses "unknown shell" 2 "tcsh" "$T" completion tcsh
refuses "unknown command" 2 "'tokenise'; did you mean 'tokenize'" "$T" tokenise x
refuses "very unknown command" 2 "'xyzzy'" "$T" xyzzy
refuses "help on an unknown command" 2 "did you mean 'query'" "$T" help qury
refuses "unknown option" 2 "no option --tmp; did you mean --temp" "$T" run --tmp 1 x
refuses "unknown letter" 2 "no option -z" "$T" run -z x
refuses "another command's option" 2 "info has no option --capture" "$T" info --capture x
refuses "no value" 2 "--seed wants a value" "$T" run x --seed
refuses "a value for a flag" 2 "--chat takes no value" "$T" run --chat=yes x
refuses "a word as a number" 2 "--temp wants a number from 0 to 1000, not 'hot'" "$T" run --temp hot x
refuses "a negative number is a value" 2 "--temp .* not '-1'" "$T" run --temp -1 x
refuses "a number with a tail" 2 "-n wants a whole number .* not '5x'" "$T" run -n5x x
refuses "out of range" 2 "--top-p .* not '2'" "$T" run --top-p=2 x
refuses "nan" 2 "--temp .* not 'nan'" "$T" run --temp nan x
refuses "a number too large" 2 "--seed" "$T" run --seed 99999999999999999999 x
refuses "a bad choice" 2 "--color wants one of auto.always.never" "$T" run --color blue x
refuses "a bad size" 2 "--mem wants a size" "$T" run --mem 12Q x
refuses "an empty path" 2 "--model" "$T" run -m '' x
refuses "too few arguments" 2 "run wants PROMPT" "$T" run
refuses "too many arguments" 2 "'world' is one more" "$T" run hello world
refuses "options that exclude each other" 2 "--ids and --json exclude each other|--json and --ids" \
	"$T" tokenize --ids --json x
refuses "--stats alone" 2 "--stats belongs to --tensors" "$T" info --stats
refuses "control bytes of an argument are not printed" 2 "no command '.\[31mred'" "$T" "$(printf '\033[31mred')"

checkpoint plain --preset plain --layers 2
m=$root/build/test-models/plain
is "-nN" "$("$T" run -q -m "$m" -n 3 'The model')" "$("$T" run -qm "$m" -n3 'The model')"
is "--opt=value" "$("$T" run -q -m "$m" -n 3 'The model')" "$("$T" -q run --model="$m" 'The model' -n 3)"
is "-- ends the options" "$(printf '%s' '--chat' | "$T" tokenize -m "$m" --ids -)" \
	"$("$T" tokenize --ids -m "$m" -- --chat)"
is "a negative number is no option" "$(printf '%s' -5 | "$T" tokenize -m "$m" --ids -)" \
	"$("$T" tokenize --ids -m "$m" -5)"
finish
