#!/bin/sh
# examples.sh -- what help and info tell a person to type works as it stands, with the model that
# comes with torchless and nothing else.
. "$(dirname "$0")/lib.inc"
mkdir -p "$work/bin" "$work/here/.config/fish/completions"
ln -s "$T" "$work/bin/torchless"
ln -s "$root/models" "$root/lessons" "$work/here"

# Each line of the file, in a shell of its own and in one folder: recordings stay for later lines.
n=0
works() { # FILE
	while IFS= read -r line; do
		case $line in
		*sqlite3\ *) command -v sqlite3 >/dev/null || continue ;;
		*smollm2*) # fetched, and slow under a sanitizer
			[ -d "$root/models/smollm2-135m" ] || continue
			[ "${T%/asan/*}" = "$T" ] || continue ;;
		esac
		n=$((n + 1))
		(cd "$work/here" && HOME=$PWD PATH=$work/bin:$PATH bash -c "set -o pipefail; git() { echo 'Tom has the'; }; less() { cat; }; $line") \
			>"$out" 2>"$err" </dev/null || fail "\`$line\` fails: $(brief "$(cat "$err")")"
		# They record one after the other under one name, which is said.
		sed -i '/^torchless: warning: .* was there and is .*\.old now/d' "$err"
		hasnt "\`$line\`" '^torchless: ' "$err"
	done <"$1"
}
command -v bash >/dev/null || finish

"$T" help | sed -n '/To begin:$/,$ s/^  //p' >"$work/begin"
"$T" info 2>&1 | sed -n 's/^\(try\|   \) *\([^ ]*torchless \)/\2/p' >"$work/info"
is "info names commands to try" 4 "$(wc -l <"$work/info" | tr -d ' ')"
works "$work/begin"
works "$work/info"
for c in run trace query graph show tokenize info completion help; do
	"$T" help "$c" | sed -n '/^examples:$/,$ s/^  //p' >"$work/examples"
	[ -s "$work/examples" ] || fail "help $c has no example"
	works "$work/examples"
done
[ "$n" -ge 20 ] || fail "only $n commands were tried"

# The README: what it shows is what one sees, and the commands it only names work too.
TORCHLESS=$T python3 scripts/shown --check README.md >"$out" 2>&1 ||
	fail "README.md shows something else: run make docs: $(brief "$(cat "$out")")"
sed "s/^settles    ' box'/settles    ' fox'/" README.md >"$work/README.md"
TORCHLESS=$T python3 scripts/shown --check "$work/README.md" >"$out" 2>&1
is "a README with another answer: status" 1 $?
has "a README with another answer" "^-settles    ' fox'" "$out"
# shellcheck disable=SC2016 # backticks are fences
sed -n '/^```$/,/^```$/ s/^\(\$ \|\)\.\/torchless/torchless/p' README.md >"$work/readme"
works "$work/readme"

# info says what its own model is; a model that was named stands for itself; programs get rows alone.
"$T" info >"$out" 2>"$err"
context=$("$T" info --config | sed -n 's/^max_position_embeddings	//p')
has "info says what the model was made for" "made for texts of $context tokens" "$err"
card=$(sed -n 's/^card  *//p' "$err")
[ -f "$card" ] || fail "info names no card: '$card'"
"$T" info -m "$root/lessons/model" >"$out" 2>"$err"
is "info on a model that was named" "" "$(cat "$err")"
is "info -q" "" "$("$T" info -q 2>&1 >/dev/null)"
is "info --json" "" "$("$T" info --json 2>&1 >/dev/null)"
finish
