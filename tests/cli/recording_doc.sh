#!/bin/sh
# docs/recording.md is what scripts/recording-doc prints.
cd "$(dirname "$0")/../.." || exit 2
scripts/recording-doc | diff -u docs/recording.md - || {
	echo "recording_doc: run make docs"
	exit 1
}
