package metainfo

import (
	"context"
	"crypto/sha1" // #nosec G505 -- BEP 3 prescribes it
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Format says for which clients a torrent is built.
type Format string

// The formats.
const (
	V1     Format = "v1"     // BEP 3
	V2     Format = "v2"     // BEP 52
	Hybrid Format = "hybrid" // both
)

// BuildOptions say how Build makes a torrent. The zero value makes a public
// hybrid with pieces of a fitting size.
type BuildOptions struct {
	Format       Format     // "" means Hybrid
	Name         string     // "" means the name of the file or folder
	PieceLength  core.Bytes // a power of two of at least 16 KiB; 0 chooses one
	Private      bool
	Source       string
	Announce     [][]string
	Comment      string
	CreatedBy    string
	CreationDate int64 // Unix seconds; 0 writes none
	WebSeeds     []string
}

// Build makes a torrent of the file or folder at path, reading all of it once.
// Symbolic links and other special files are refused. The members' own clients
// make the torrents they upload; this serves the demo, the tests and the shell.
func Build(ctx context.Context, path string, o BuildOptions) ([]byte, error) {
	if o.Format == "" {
		o.Format = Hybrid
	}
	if o.Format != V1 && o.Format != V2 && o.Format != Hybrid {
		return nil, core.FieldErrorf("format", "%q is not v1, v2 or hybrid", o.Format)
	}
	if o.Name == "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", path, err)
		}
		o.Name = filepath.Base(abs)
	}
	files, single, err := listFiles(path, o.Name)
	if err != nil {
		return nil, err
	}
	if o.PieceLength, err = choosePieceLength(o.PieceLength, files); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, root: path, pieceLength: int64(o.PieceLength), v1: o.Format != V2, v2: o.Format != V1}
	if err := b.hashAll(files, single); err != nil {
		return nil, err
	}
	in := &info{name: o.Name, pieceLength: b.pieceLength, private: o.Private, source: o.Source}
	if b.v1 {
		in.v1 = &v1Info{single: single, files: b.v1Files, pieces: b.pieces}
	}
	if b.v2 {
		in.v2 = &v2Info{single: single, files: b.v2Files, layers: b.layers}
	}
	return fileBytes(outer{
		announce: o.Announce, comment: o.Comment, createdBy: o.CreatedBy, creationDate: o.CreationDate,
		webSeeds: o.WebSeeds, layers: layerBytes(in.v2),
	}, infoBytes(in, len(b.pieces))), nil
}

func listFiles(root, name string) (files []file, single bool, err error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, false, fmt.Errorf("read the data: %w", err)
	}
	if st.Mode().IsRegular() {
		return []file{{path: name, size: st.Size()}}, true, nil
	}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return core.FieldErrorf(rel, "only regular files can be part of a torrent")
		}
		files = append(files, file{path: filepath.ToSlash(rel), size: st.Size()})
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the data: %w", err)
	}
	slices.SortFunc(files, treeOrder)
	return files, false, nil
}

// choosePieceLength aims at about 1500 pieces between 16 KiB and 16 MiB.
func choosePieceLength(want core.Bytes, files []file) (core.Bytes, error) {
	if want != 0 {
		if want < blockSize || want&(want-1) != 0 {
			return 0, core.FieldErrorf("piece length", "must be a power of two of at least 16 KiB")
		}
		return want, nil
	}
	var total core.Bytes
	for _, f := range files {
		total += core.Bytes(f.size)
	}
	if total == 0 {
		return 0, core.Errorf(core.Invalid, "there is no data to make a torrent of")
	}
	pl := core.Bytes(blockSize)
	for pl < 16*core.MiB && total/pl > 1500 {
		pl *= 2
	}
	return pl, nil
}

// builder hashes files, for both versions in one pass.
type builder struct {
	ctx         context.Context
	root        string
	pieceLength int64
	v1, v2      bool

	piece   hash.Hash // of v1, running over file borders
	inPiece int64
	pieces  []byte
	v1Files []file

	layers  map[hash256][]byte
	v2Files []file
}

func (b *builder) hashAll(files []file, single bool) error {
	b.piece = sha1.New() // #nosec G401 -- BEP 3 prescribes it
	b.layers = map[hash256][]byte{}
	for i, f := range files {
		p := b.root
		if !single {
			p = filepath.Join(b.root, filepath.FromSlash(f.path))
		}
		root, err := b.hashFile(p, f.size)
		if err != nil {
			return err
		}
		b.v1Files = append(b.v1Files, f)
		f.root = root
		b.v2Files = append(b.v2Files, f)
		if gap := b.pieceLength - b.inPiece; b.v1 && b.v2 && i < len(files)-1 && b.inPiece > 0 {
			b.v1Files = append(b.v1Files, file{path: ".pad/" + strconv.FormatInt(gap, 10), size: gap, attr: "p"})
			b.addV1(make([]byte, gap))
		}
	}
	if b.inPiece > 0 {
		b.pieces = b.piece.Sum(b.pieces)
	}
	return nil
}

// hashFile returns the pieces root of a file and remembers its piece layer.
func (b *builder) hashFile(path string, size int64) (root hash256, err error) {
	f, err := os.Open(path)
	if err != nil {
		return root, fmt.Errorf("read the data: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var blocks []hash256
	buf := make([]byte, blockSize)
	for read := int64(0); ; {
		if err := b.ctx.Err(); err != nil {
			return root, err
		}
		n, err := io.ReadFull(f, buf)
		read += int64(n)
		if n > 0 {
			b.addV1(buf[:n])
			if b.v2 {
				blocks = append(blocks, sha256.Sum256(buf[:n]))
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if read != size {
				return root, core.FieldErrorf(path, "the file changed while it was read")
			}
			break
		}
		if err != nil {
			return root, fmt.Errorf("read the data: %w", err)
		}
	}
	if !b.v2 || size == 0 {
		return root, nil
	}
	return b.treeOf(blocks, size), nil
}

func (b *builder) treeOf(blocks []hash256, size int64) hash256 {
	if size <= b.pieceLength {
		return merkleRoot(blocks, hash256{})
	}
	perPiece := int(b.pieceLength / blockSize)
	height := pieceHeight(b.pieceLength)
	var layer []hash256
	for len(blocks) > 0 {
		n := min(perPiece, len(blocks))
		piece := append(make([]hash256, 0, perPiece), blocks[:n]...)
		for len(piece) < perPiece { // the last piece's tree is as high as the others
			piece = append(piece, hash256{})
		}
		layer = append(layer, merkleRoot(piece, hash256{}))
		blocks = blocks[n:]
	}
	raw := make([]byte, 0, len(layer)*sha256.Size)
	for _, h := range layer {
		raw = append(raw, h[:]...)
	}
	root := merkleRoot(layer, padHash(height))
	b.layers[root] = raw
	return root
}

// addV1 runs data through the v1 piece hash. It may span pieces.
func (b *builder) addV1(data []byte) {
	if !b.v1 {
		return
	}
	for len(data) > 0 {
		n := min(int64(len(data)), b.pieceLength-b.inPiece)
		b.piece.Write(data[:n])
		data = data[n:]
		if b.inPiece += n; b.inPiece == b.pieceLength {
			b.pieces = b.piece.Sum(b.pieces)
			b.piece.Reset()
			b.inPiece = 0
		}
	}
}
