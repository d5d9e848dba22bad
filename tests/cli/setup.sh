#!/bin/sh
# setup.sh -- scripts/setup fetches nothing but packages: with these installed it builds, and that is
# all; only --tests makes a Python environment and looks for models.
. "$(dirname "$0")/lib.inc"
tree=$work/tree shims=$work/shims
mkdir -p "$tree" "$shims"
cp -R "$root/scripts" "$tree/"

# Whatever could fetch or install says that it was called, and fails; make makes.
for name in apt-get dnf pacman brew sudo curl wget git python3 pip pip3; do
	printf '#!/bin/sh\necho "%s $*" >>"%s"\nexit 1\n' "$name" "$work/called" >"$shims/$name"
done
printf '#!/bin/sh\n: >torchless && chmod +x torchless\n' >"$shims/make"
chmod +x "$shims"/*

PATH=$shims:$PATH try "$tree/scripts/setup"
is "setup" 0 "$status"
has "says what is ready" '^packages    ready$' "$err"
has "says what was built" '^build       \./torchless$' "$err"
[ -e "$work/called" ] && fail "setup called $(brief "$(cat "$work/called")")"
is "and leaves" "build scripts torchless" "$(cd "$tree" && echo *)"
[ -e "$tree/.venv" ] && fail "setup made a Python environment"

# The same twice, then --tests, which fails where it goes on: the environment.
PATH=$shims:$PATH try "$tree/scripts/setup"
is "setup again" 0 "$status"
printf '#!/bin/sh\necho "venv $*" >>"%s"\nexit 3\n' "$work/called" >"$tree/scripts/venv"
PATH=$shims:$PATH try "$tree/scripts/setup" --tests
if grep -q '^venv' "$work/called" 2>/dev/null; then
	has "--tests makes the environment" '^venv clients$' "$work/called"
	is "--tests ends with what fails" 3 "$status"
else
	has "--tests names packages that are missing" '^packages    installing' "$err"
fi
# A clang without its runtime links no fuzzer: that is a package of its own.
printf '#!/bin/sh\necho "%s"\n' "$work/nothing" >"$shims/clang"
chmod +x "$shims/clang"
PATH=$shims:$PATH try "$tree/scripts/setup" --tests
has "--tests fetches clang's runtime" '^packages    installing.*libclang-rt-dev' "$err"
rm "$shims/clang"
PATH=$shims:$PATH try "$tree/scripts/setup" --test
is "an unknown option" 2 "$status"

# The README begins with it.
is "the README's first command" 'scripts/setup && ./torchless trace "The capital of France is"' \
	"$(awk '/^```/ { n++; next } n == 1' README.md)"
finish
