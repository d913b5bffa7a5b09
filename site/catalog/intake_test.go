package catalog_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// form is an upload that is sent piece by piece: what comes before the file, and after it.
func form(t *testing.T) (head, tail, contentType string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if err := m.WriteField("category", "sequences"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.CreateFormFile("torrent", "big.torrent"); err != nil {
		t.Fatal(err)
	}
	head = b.String()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return head, b.String()[len(head):], m.FormDataContentType()
}

// bigTorrent reads as a .torrent of one file of about n bytes, without being in memory.
func bigTorrent(n int64) (io.Reader, int64) {
	n -= n % 20
	head := fmt.Sprintf("d4:infod6:lengthi%de4:name4:data12:piece lengthi16384e6:pieces%d:", n/20*16384, n)
	return io.MultiReader(strings.NewReader(head), io.LimitReader(sameByte('x'), n), strings.NewReader("ee")), int64(len(head)) + n + 2
}

type sameByte byte

func (b sameByte) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// upload sends a file with the member's token, past the network: the handler reads the body
// as the test hands it out.
func upload(t *testing.T, handler http.Handler, token, contentType string, size int64, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/torrents", body)
	r.ContentLength = size
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if later := w.Code == http.StatusServiceUnavailable || w.Code == http.StatusTooManyRequests; later &&
		(w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "sending")) {
		t.Errorf("who is refused is not told why and when to come again: %s", w.Body)
	}
	return w
}

// gated lets through some bytes at once, and the others once it is opened.
type gated struct {
	io.Reader
	after   int64
	open    <-chan struct{}
	reached func()
}

func (g *gated) Read(p []byte) (int, error) {
	if g.after <= 0 {
		g.reached()
		<-g.open
		return g.Reader.Read(p)
	}
	n, err := g.Reader.Read(p[:min(int64(len(p)), g.after)])
	g.after -= int64(n)
	return n, err
}

// TestUploadsLieOnTheDisk has ten members begin 30 uploads of 19 MB at once. What is not
// worked on lies on the disk, and those for which there is no room are to come again.
func TestUploadsLieOnTheDisk(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.UploadLimit = 20 << 20 })
	handler, err := w.Room.Handler()
	w.Must(err)
	const size = 19 << 20
	head, tail, contentType := form(t)
	for i := range 10 {
		w.Join(fmt.Sprintf("uploader%d", i), "")
	}
	runtime.GC()
	before, most := heap(), uint64(0)
	done := make(chan struct{})
	var sampling, all, begun sync.WaitGroup
	sampling.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heap())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	half := make(chan struct{}) // all have sent half of theirs before any goes on
	statuses := map[int]int{}
	var mu sync.Mutex
	for i := range 30 {
		begun.Add(1)
		all.Go(func() {
			torrent, n := bigTorrent(size)
			gate := &gated{Reader: torrent, open: half, after: n / 2, reached: sync.OnceFunc(begun.Done)}
			a := upload(t, handler, w.People[fmt.Sprintf("uploader%d", i%10)].Token, contentType, int64(len(head)+len(tail))+n,
				io.MultiReader(strings.NewReader(head), gate, strings.NewReader(tail)))
			gate.reached()
			mu.Lock()
			defer mu.Unlock()
			statuses[a.Code]++
		})
	}
	begun.Wait()
	close(half)
	all.Wait()
	close(done)
	sampling.Wait()
	if statuses[http.StatusServiceUnavailable] != 6 || statuses[http.StatusUnprocessableEntity] != 24 {
		t.Errorf("answers: %v", statuses)
	}
	grown := int64(most-before) >> 20
	t.Logf("memory grew by %d MiB", grown)
	if grown > 64 {
		t.Error("that is more than what the one needs that is looked at")
	}
	if left, err := os.ReadDir(w.Deps.UploadDir); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

// TestUnfinishedUploadsOfOne lets a member begin a few uploads that never end: another one
// is refused at once, other members are not, and each that ends makes room.
func TestUnfinishedUploadsOfOne(t *testing.T) {
	w := sitetest.OnSQLite(t)
	handler, err := w.Room.Handler()
	w.Must(err)
	head, tail, contentType := form(t)
	var all sync.WaitGroup
	defer all.Wait()
	begin := func(who string) (finish func() int) {
		open, answer := make(chan struct{}), make(chan int, 1)
		var begun sync.WaitGroup
		begun.Add(1)
		gate := &gated{Reader: strings.NewReader(tail), open: open, reached: sync.OnceFunc(begun.Done)}
		all.Go(func() {
			a := upload(t, handler, w.People[who].Token, contentType, -1, io.MultiReader(strings.NewReader(head), gate))
			gate.reached()
			answer <- a.Code
		})
		begun.Wait()
		return sync.OnceValue(func() int { close(open); return <-answer })
	}
	first := begin("user")
	for range 2 {
		defer begin("user")()
	}
	if got := begin("user")(); got != http.StatusTooManyRequests {
		t.Errorf("one more: status %d", got)
	}
	if got := begin("other")(); got != http.StatusUnprocessableEntity {
		t.Errorf("somebody else: status %d", got)
	}
	if got := first(); got != http.StatusUnprocessableEntity {
		t.Errorf("the first, when it ends: status %d", got)
	}
	if got := begin("user")(); got != http.StatusUnprocessableEntity {
		t.Errorf("one more after that: status %d", got)
	}
}

// timed is an answer to a client on a line with deadlines.
type timed struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error  { w.read = t; return nil }
func (w *timed) SetWriteDeadline(t time.Time) error { w.write = t; return nil }

// TestUploadsHaveTime makes sure that a file may come slowly, that the line is not waited
// for long between two pieces, and that there is time for a turn after all has come: a
// deadline for reading that passes then would end the request.
func TestUploadsHaveTime(t *testing.T) {
	w := sitetest.OnSQLite(t)
	handler, err := w.Room.Handler()
	w.Must(err)
	head, tail, contentType := form(t)
	a := &timed{ResponseRecorder: httptest.NewRecorder()}
	between := time.Duration(0)
	look := readerFunc(func([]byte) (int, error) {
		between = time.Until(a.read)
		return 0, io.EOF
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/torrents", io.MultiReader(strings.NewReader(head), look, strings.NewReader(tail)))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+w.People["user"].Token)
	handler.ServeHTTP(a, r)
	if between <= 0 || between > 20*time.Second {
		t.Errorf("between two pieces a line is waited for during %s", between)
	}
	if d := time.Until(a.read); d < 3*time.Minute || time.Until(a.write) < 3*time.Minute {
		t.Errorf("after all has come there are %s", d)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestBrokenUploadsLeaveNothing ends uploads in every way.
func TestBrokenUploadsLeaveNothing(t *testing.T) {
	w := sitetest.OnSQLite(t)
	handler, err := w.Room.Handler()
	w.Must(err)
	head, tail, contentType := form(t)
	big := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"whole":          {strings.NewReader(head + big + tail), http.StatusUnprocessableEntity},
		"cut off":        {strings.NewReader(head + big), http.StatusUnprocessableEntity},
		"a broken line":  {io.MultiReader(strings.NewReader(head+big), iotest.ErrReader(io.ErrUnexpectedEOF)), http.StatusUnprocessableEntity},
		"too large":      {io.MultiReader(strings.NewReader(head), io.LimitReader(sameByte('x'), 64<<20), strings.NewReader(tail)), http.StatusRequestEntityTooLarge},
		"too many texts": {strings.NewReader(strings.Replace(head, "sequences", strings.Repeat("x", 600<<10), 1) + tail), http.StatusRequestEntityTooLarge},
		"too slow":       {io.MultiReader(strings.NewReader(head+big), iotest.ErrReader(os.ErrDeadlineExceeded)), http.StatusRequestTimeout},
	} {
		if a := upload(t, handler, w.People["user"].Token, contentType, -1, c.body); a.Code != c.want {
			t.Errorf("%s: status %d, want %d: %s", name, a.Code, c.want, a.Body)
		}
	}
	if left, err := os.ReadDir(w.Deps.UploadDir); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
	w.Must(os.WriteFile(filepath.Join(w.Deps.UploadDir, "upload-123"), []byte("of a run that was killed"), 0o600))
	w.Restart()
	if left, err := os.ReadDir(w.Deps.UploadDir); err != nil || len(left) > 0 {
		t.Errorf("left after a start: %v, %v", left, err)
	}
}
