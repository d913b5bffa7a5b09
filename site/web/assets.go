package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages refer to. Each has an address with a hash of
// its content in it, so that a browser may keep it for ever.
type assets struct {
	address map[string]string // by name, such as "app.css"
	file    map[string]asset  // by address
}

type asset struct {
	kind   string // media type
	plain  []byte
	packed []byte // gzip; nil where it saves nothing
}

func loadAssets() (*assets, error) {
	a := &assets{address: map[string]string{}, file: map[string]asset{}}
	var styles []byte
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error { // in the order of names
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".css" {
			styles = append(styles, raw...)
			return nil
		}
		return a.add(strings.TrimPrefix(name, "assets/"), raw)
	})
	if err == nil {
		err = a.add("app.css", styles)
	}
	if err != nil {
		return nil, fmt.Errorf("read the embedded assets: %w", err)
	}
	return a, nil
}

// add takes a file in under an address of its own.
func (a *assets) add(name string, raw []byte) error {
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	address := "/assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	packed, err := pack(raw)
	a.address[name] = address
	a.file[address] = asset{kind: kind, plain: raw, packed: packed}
	return err
}

func pack(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() >= len(raw) {
		return nil, nil
	}
	return b.Bytes(), nil
}

// url returns the address of a named asset; an unknown name is an error, which
// the check of all templates at start brings to light.
func (a *assets) url(name string) (string, error) {
	if u, ok := a.address[name]; ok {
		return u, nil
	}
	return "", fmt.Errorf("there is no asset %q", name)
}

func (s *Site) asset(v *Visit) error {
	f, ok := s.assets.file[v.Request.URL.Path]
	if !ok {
		return NotFound("there is no such file")
	}
	v.SetHeader("Cache-Control", "public, max-age=31536000, immutable")
	v.SetHeader("Vary", "Accept-Encoding")
	body := f.plain
	if f.packed != nil && strings.Contains(v.Header("Accept-Encoding"), "gzip") {
		v.SetHeader("Content-Encoding", "gzip")
		body = f.packed
	}
	return v.Data(http.StatusOK, f.kind, body)
}

// favicon answers browsers that ask for the old address.
func (s *Site) favicon(v *Visit) error {
	address, err := s.assets.url("logo.svg")
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusFound, address)
}
