package catalog

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// TestUploadOfManyFiles stores a torrent of as many files as are taken.
func TestUploadOfManyFiles(t *testing.T) {
	const n = 100_000
	var list strings.Builder
	for i := range n {
		path := fmt.Sprintf("f%06d.fa", i)
		fmt.Fprintf(&list, "d6:lengthi1e4:pathl4:d%03d%d:%see", i/1000, len(path), path)
	}
	raw := "d4:infod5:filesl" + list.String() + "e4:name3:set12:piece lengthi131072e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a, err := h.Add(t.Context(), upload(1, "A dataset of very many files", []byte(raw)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Torrent(t.Context(), Viewer{}, a.Torrent)
		if err != nil || got.FileCount != n {
			t.Errorf("%d files, %v", got.FileCount, err)
		}
		last, err := h.Files(t.Context(), a.Torrent, n-3, 1000)
		if err != nil || len(last) != 2 || last[1].Path != "d099/f099999.fa" || last[1].Position != n-1 {
			t.Errorf("the last are %v, %v", last, err)
		}
	})
}

// TestLargeTorrentIsStored stores one of the largest size, of bytes that take two each
// where a statement is written as text, and so would not fit into one of MariaDB's
// packets.
func TestLargeTorrentIsStored(t *testing.T) {
	limit := metainfo.DefaultLimits().TorrentBytes
	pieces := bytes.Repeat([]byte{0}, int(limit-core.KiB)/20*20)
	raw := fmt.Appendf(nil, "d4:infod6:lengthi%de4:name1:n12:piece lengthi16384e6:pieces%d:%see", len(pieces)/20*16384, len(pieces), pieces)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h, raw := open(t, d), bytes.Clone(raw)
		for i, wait := range []time.Duration{0, time.Minute} { // with a deadline the statement says so
			ctx := t.Context()
			if wait > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, wait)
				defer cancel()
			}
			raw[len(raw)-3-i] = 'x' // other data
			a, err := h.Add(ctx, upload(1, "A dataset of very many pieces", raw))
			if err != nil {
				t.Fatal(err)
			}
			meta, err := h.Meta(ctx, a.Torrent)
			if err != nil || !bytes.Contains(meta, pieces[:len(pieces)-40]) {
				t.Errorf("%d bytes came back, %v", len(meta), err)
			}
		}
	})
}
