package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShow(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	enc := json.NewEncoder(&in)
	for _, e := range []event{
		{"output", "a", "TestGood", "=== RUN   TestGood\n"}, {"output", "a", "TestGood", "chatter\n"}, {"pass", "a", "TestGood", ""},
		{"output", "a", "TestBad", "=== RUN   TestBad\n"}, {"output", "a", "TestBad", "    bad_test.go:1: why\n"},
		{"output", "a", "TestLazy", "--- SKIP: TestLazy\n"}, {"skip", "a", "TestLazy", ""},
		{"output", "a", "TestBad", "--- FAIL: TestBad\n"}, {"fail", "a", "TestBad", ""},
		{"output", "a", "TestCut", "panic: too slow\n"},
		{"output", "a", "", "FAIL\ta\t0.1s\n"}, {"fail", "a", "", ""},
		{"build-output", "", "", "b.go:1: does not build\n"},
		{"output", "c", "", "PASS\n"}, {"output", "c", "", "ok  \tc\t0.2s\n"}, {"pass", "c", "", ""}, {"skip", "d", "", ""},
	} {
		if err := enc.Encode(map[string]string{"Action": e.Action, "Package": e.Package, "Test": e.Test, "Output": e.Output}); err != nil {
			t.Fatal(err)
		}
	}
	in.WriteString("flag provided but not defined\n")
	var out strings.Builder
	skipped, err := show(strings.NewReader(in.String()), &out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.TestLazy"}, skipped); diff != "" {
		t.Error(diff)
	}
	want := "--- SKIP: TestLazy\n" + "    bad_test.go:1: why\n--- FAIL: TestBad\n" + "FAIL\ta\t0.1s\n" + "panic: too slow\n" +
		"b.go:1: does not build\n" + "ok  \tc\t0.2s\n" + "flag provided but not defined\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
