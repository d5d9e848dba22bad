#!/bin/sh
# install.sh -- what `make install` puts below DESTDIR works from there, and uninstall takes it away.
. "$(dirname "$0")/lib.inc"

# -o all: the program under test is installed, whatever built it; it stands for the extension, too.
make_to() {
	make -o all -o extension EXT="$T" BUILD="$(dirname "$T")" DESTDIR="$work/root" PREFIX=/opt/tl "$1" >"$out" 2>"$err" ||
		fail "make $1: $(tail -n 3 "$err")"
}
make_to install
cmp -s "$T" "$work/root/opt/tl/bin/torchless" || fail "the program is not installed"
for file in lib/torchless.so share/bash-completion/completions/torchless share/zsh/site-functions/_torchless \
	share/fish/vendor_completions.d/torchless.fish share/doc/torchless/LICENSE share/man/man1/torchless.1; do
	[ -s "$work/root/opt/tl/$file" ] || fail "$file is not installed"
done
for file in lessons/model/*; do
	cmp -s "$file" "$work/root/opt/tl/share/torchless/model/${file##*/}" || fail "$file is not installed"
done
for c in $("$T" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
	"$T" help --man "$c" | cmp -s - "$work/root/opt/tl/share/man/man1/torchless-$c.1" || fail "torchless-$c(1) is not installed"
done
(cd / && "$work/root/opt/tl/bin/torchless" info) >"$out" 2>"$err"
has "the installed program finds its model" "^path	$work/root/opt/tl/share/torchless/model\$" "$out"
: >"$work/root/opt/tl/share/doc/of-another-program"
make_to uninstall
is "uninstall leaves what is not ours" of-another-program \
	"$(find "$work/root" -type f -exec basename {} \;)"
[ -d "$work/root/opt/tl/share/torchless" ] && fail "uninstall left share/torchless"
finish
