package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/fair"
)

// What the bodies of requests may take up that are not answered yet. Files lie on the disk;
// texts are in memory.
const (
	textsOfOne   = 4 << 20  // bytes of one visitor's texts
	textsOfAll   = 32 << 20 // bytes of all texts
	filesOfOne   = 3        // forms with files that one member sends at once
	filesOfAll   = 24       // that all do
	diskOfAll    = 1 << 30  // bytes of them, or as much as two forms may have
	inMemory     = 64 << 10 // bytes of a file that needs no place on the disk
	maxParts     = 1000     // of a form
	comeAgain    = 15 * time.Second
	leftoverName = "upload-*"
)

// The slowest line that a file may come by. A body that comes slower is cut off: it holds a
// place that others wait for.
const (
	uploadTime  = 5 * time.Minute  // for all of it
	graceTime   = 20 * time.Second // before the pace counts, and between two pieces
	slowestPace = 4 << 10          // bytes in a second
	turnTime    = 2 * time.Minute  // for which a large one waits to be looked at
)

// intake takes in the bodies of requests, within bounds for each visitor and altogether.
type intake struct {
	dir  string
	log  *slog.Logger
	turn *fair.Queue // of the large ones that are worked on

	mu    sync.Mutex
	all   load
	byWho map[string]*load // those that send something now
}

// load is what bodies take up.
type load struct {
	texts, disk int64
	files       int
}

// newIntake makes the folder for files where there is none, and clears away what a run left
// there that was killed in the moment between making a file and unlinking it.
func newIntake(dir string, log *slog.Logger) (*intake, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for uploads: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, leftoverName))
	if err != nil {
		return nil, fmt.Errorf("look into the folder for uploads: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("clear away an old upload: %w", err)
		}
	}
	return &intake{dir: dir, log: log, byWho: map[string]*load{}, turn: fair.New(fair.Limits{AtOnce: 1, Waiting: filesOfAll, PerNetwork: filesOfOne, PerAddress: filesOfOne,
		Longest: turnTime, Busy: "too many large files are being looked at"})}, nil
}

// body is what a visitor sends. It takes up its place until it is closed.
type body struct {
	in    *intake
	who   string
	taken load
	files map[string]*Sent
}

// take reserves room for a body of a size, of a route with files or without.
func (in *intake) take(who string, size int64, files bool, most int64) (*body, error) {
	want := load{texts: size}
	if files {
		want = load{disk: size, files: 1}
	}
	if want == (load{}) {
		return &body{in: in, files: map[string]*Sent{}}, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	one := in.byWho[who]
	if one == nil {
		one = &load{}
	}
	switch {
	case one.files+want.files > filesOfOne:
		return nil, tooMuchAtOnce("you are sending %d files already", one.files)
	case one.texts > 0 && one.texts+want.texts > textsOfOne:
		return nil, tooMuchAtOnce("you are sending too much at once")
	case in.all.files+want.files > filesOfAll, in.all.disk > 0 && in.all.disk+want.disk > max(diskOfAll, 2*most),
		in.all.texts > 0 && in.all.texts+want.texts > textsOfAll:
		return nil, &core.Error{Code: core.Unavailable, Retry: comeAgain, Text: fmt.Sprintf("too many people are sending something at this moment; try again in %s", InWords(comeAgain))}
	}
	one.add(want, 1)
	in.all.add(want, 1)
	in.byWho[who] = one
	return &body{in: in, who: who, taken: want, files: map[string]*Sent{}}, nil
}

func (l *load) add(m load, times int64) {
	l.texts += times * m.texts
	l.disk += times * m.disk
	l.files += int(times) * m.files
}

func tooMuchAtOnce(format string, args ...any) error {
	return WithStatus(http.StatusTooManyRequests, &core.Error{Code: core.Unavailable, Retry: comeAgain,
		Text: fmt.Sprintf(format, args...) + "; wait until that has arrived"})
}

// close gives the room back. A nil body has none.
func (b *body) close() {
	if b == nil {
		return
	}
	for _, f := range b.files {
		if f.file != nil {
			if err := f.file.Close(); err != nil {
				b.in.log.Warn("an upload's file can't be closed", "err", err)
			}
		}
	}
	if b.taken == (load{}) {
		return
	}
	b.in.mu.Lock()
	defer b.in.mu.Unlock()
	b.in.all.add(b.taken, -1)
	one := b.in.byWho[b.who]
	if one.add(b.taken, -1); *one == (load{}) {
		delete(b.in.byWho, b.who)
	}
}

// large reports whether it takes more to look at the files than is done for many at once.
func (b *body) large() bool {
	if b == nil {
		return false
	}
	size := int64(0)
	for _, f := range b.files {
		size += f.Size
	}
	return size > 1<<20
}

// Sent is a file that came with a form.
type Sent struct {
	Size int64

	small []byte
	file  *os.File // has no name any more, so nothing is left of it when the program is killed
}

// Reader reads the file from its beginning.
func (f *Sent) Reader() io.Reader {
	if f.file == nil {
		return bytes.NewReader(f.small)
	}
	return io.NewSectionReader(f.file, 0, f.Size)
}

// readParts reads a form of several parts: those that the route calls files as such, and
// all others, which may have so many bytes together, into values.
func (b *body) readParts(mr *multipart.Reader, files []string, texts int64) (url.Values, error) {
	values := url.Values{}
	left := texts
	for n := 0; ; n++ {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		if n >= maxParts {
			return nil, core.Errorf(core.Invalid, "a form has at most %d fields", maxParts)
		}
		name := p.FormName()
		if slices.Contains(files, name) && b.files[name] == nil {
			f, err := b.in.store(p)
			if err != nil {
				return nil, err
			}
			b.files[name] = f
			continue
		}
		text, err := io.ReadAll(io.LimitReader(p, left+1))
		if err != nil {
			return nil, err
		}
		if left -= int64(len(text) + len(name)); left < 0 {
			return nil, tooLarge(texts)
		}
		if p.FileName() == "" { // a file that the route does not want is passed over
			values.Add(name, string(text))
		}
	}
}

// store keeps what r gives: on the disk, unless it is small.
func (in *intake) store(r io.Reader) (*Sent, error) {
	head, err := io.ReadAll(io.LimitReader(r, inMemory+1))
	if err != nil {
		return nil, err
	}
	if len(head) <= inMemory {
		return &Sent{Size: int64(len(head)), small: head}, nil
	}
	f, err := os.CreateTemp(in.dir, leftoverName)
	if err != nil {
		return nil, noRoom(err)
	}
	s := &Sent{file: f}
	if err = os.Remove(f.Name()); err == nil {
		_, err = f.Write(head)
	}
	if err != nil {
		return nil, noRoom(errors.Join(err, f.Close()))
	}
	s.Size = int64(len(head))
	n, err := io.Copy(fileWriter{f}, r)
	s.Size += n
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// fileWriter says that the disk is at fault when it is.
type fileWriter struct{ f *os.File }

func (w fileWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = noRoom(err)
	}
	return n, err
}

func noRoom(err error) error {
	return &core.Error{Code: core.Unavailable, Retry: comeAgain, Cause: err, Text: "there is no room for files on our side at this moment; try again later"}
}

// paced is a body with files. It ends with an error when it comes too slowly.
type paced struct {
	io.ReadCloser
	rc    *http.ResponseController
	begun time.Time // the network's time, not the house's
	n     int64
}

func (p *paced) Read(b []byte) (int, error) {
	now := time.Now()
	passed := now.Sub(p.begun)
	if passed > graceTime && p.n < int64((passed-graceTime).Seconds()*slowestPace) {
		return 0, errTooSlow()
	}
	until := now.Add(graceTime)
	if last := p.begun.Add(uploadTime); last.Before(until) {
		until = last
	}
	if err := p.rc.SetReadDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) { // a test without a network
		return 0, err
	}
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errTooSlow()
	}
	return n, err
}

func errTooSlow() error {
	return WithStatus(http.StatusRequestTimeout, core.Errorf(core.Unavailable, "the file came too slowly: at least %s in a second are needed", core.Bytes(slowestPace)))
}
