package main

import "testing"

func TestTrim(t *testing.T) {
	t.Parallel()
	if err := trim(); err != nil {
		t.Fatal(err)
	}
}
