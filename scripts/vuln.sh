#!/usr/bin/env bash
# Looks for known vulnerabilities in what the program calls: vuln.sh TOOL@VERSION [flag…]
# It fails when there are some, and also when it could not look.
set -uo pipefail
tool=$1
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT
go run "$tool" "$@" ./... 2>"$said"
code=$?
cat "$said" >&2
if [ $code != 0 ] && grep -q 'fetching vulnerabilities' "$said"; then
	echo "NOT CHECKED: the database of vulnerabilities can't be reached from here." >&2
	echo "Try again where https://vuln.go.dev can be, or name a copy: make vuln ARGS=-db=file:///…" >&2
fi
exit $code
