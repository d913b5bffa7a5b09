#!/usr/bin/env bash
# Runs every fuzz target for a while: fuzz.sh [time for each, default 20s].
set -euo pipefail
time=${1:-20s}
found=0
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do
	targets=$(go test -list '^Fuzz' "$dir")
	for target in $(grep '^Fuzz' <<<"$targets"); do
		echo "== $dir $target, $time"
		# Go makes each input that it finds interesting shorter for up to a minute, and
		# shows no executions meanwhile, as if the target hung. Once is enough here.
		go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" -fuzzminimizetime 1x "$dir"
		found=$((found + 1))
	done
done
echo "$found fuzz targets, $time each, nothing found."
