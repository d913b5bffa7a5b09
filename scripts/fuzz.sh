#!/usr/bin/env bash
# Runs every fuzz target for a while: fuzz.sh [time for each, default 20s].
set -euo pipefail
time=${1:-20s}
found=0
for pkg in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "== $pkg $target, $time"
		go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" "$pkg"
		found=$((found + 1))
	done
done
echo "$found fuzz targets, $time each, nothing found."
