// Package demo brings a scratch site to life: it uploads real datasets from
// Debian packages through the site's API and lets real BitTorrent clients seed
// and fetch them through the tracker, so that a newcomer sees swarm numbers move
// and announces on IRC. It uses the program from outside, as members do.
//
// Concurrency: Run uses one goroutine for each member who fetches; each has its
// own client.
package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Account is a member of the demo.
type Account struct {
	Name  string
	Token string // an API token with scope upload
}

// Options configure the demo.
type Options struct {
	Dir      string    // a scratch folder of its own
	SiteURL  string    // where the site answers
	Uploader Account   // shares the datasets
	Fetchers []Account // fetch them one after another
	Pace     time.Duration
	Speed    int // bytes a second that each client uploads
	Out      io.Writer
	Log      *slog.Logger
}

// Check returns an error that names what to install when the data is not there.
func Check() error {
	if m := missing(datasets()); len(m) > 0 {
		return errNoData(m)
	}
	return nil
}

// shelf holds what was uploaded so far; fetchers take from it in order.
type shelf struct {
	mu   sync.Mutex
	ids  []int64
	more chan struct{} // closed and replaced at each upload
	done bool
}

func (s *shelf) put(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	close(s.more)
	s.more = make(chan struct{})
}

func (s *shelf) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	close(s.more)
}

// get waits for the n-th upload; ok is false when there will be no more.
func (s *shelf) get(ctx context.Context, n int) (id int64, ok bool) {
	for {
		s.mu.Lock()
		if n < len(s.ids) {
			id := s.ids[n]
			s.mu.Unlock()
			return id, true
		}
		more, done := s.more, s.done
		s.mu.Unlock()
		if done {
			return 0, false
		}
		select {
		case <-more:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// Run uploads the datasets one by one, Pace apart, while the fetchers fetch them;
// then it goes on seeding until ctx ends.
func Run(ctx context.Context, o Options) error {
	if err := Check(); err != nil {
		return err
	}
	seeder, err := newPeer(o.Uploader.Name, filepath.Join(o.Dir, "files", o.Uploader.Name), o.Speed)
	if err != nil {
		return err
	}
	defer seeder.close()
	sh := &shelf{more: make(chan struct{})}
	g, ctx := supervise.NewGroup(ctx)
	g.Go(func(ctx context.Context) error { return o.upload(ctx, seeder, sh) })
	for i, f := range o.Fetchers {
		g.Go(func(ctx context.Context) error { return o.fetchAll(ctx, f, i, sh) })
	}
	<-ctx.Done()
	return g.Wait()
}

func (o Options) upload(ctx context.Context, seeder *peer, sh *shelf) error {
	api := apiClient{o.SiteURL, o.Uploader.Token}
	defer sh.finish()
	for i, d := range datasets() {
		if i > 1 && !core.Sleep(ctx, o.Pace) { // the first two at once, to have something to see
			return nil
		}
		folder, err := d.stage(seeder.dir)
		if err != nil {
			return err
		}
		raw, err := metainfo.Build(ctx, folder, metainfo.BuildOptions{Format: metainfo.V1, Private: true})
		if err != nil {
			return fmt.Errorf("make a torrent of %s: %w", d.Folder, err)
		}
		up, err := api.upload(ctx, d.Fields, raw)
		if err != nil {
			return stopped(ctx, fmt.Errorf("upload %s: %w", d.Folder, err))
		}
		final, err := api.download(ctx, up.TorrentID)
		if err != nil {
			return stopped(ctx, fmt.Errorf("download the .torrent of %s: %w", d.Folder, err))
		}
		if _, err := seeder.add(final); err != nil {
			return err
		}
		o.say("%s shares %q: %s", o.Uploader.Name, d.Fields["title"], up.URL)
		sh.put(up.TorrentID)
	}
	<-ctx.Done()
	return nil
}

// fetchAll fetches every dataset in the order of their uploads, and seeds them.
func (o Options) fetchAll(ctx context.Context, a Account, place int, sh *shelf) error {
	if !core.Sleep(ctx, time.Duration(place)*o.Pace) { // one member after another
		return nil
	}
	p, err := newPeer(a.Name, filepath.Join(o.Dir, "files", a.Name), o.Speed)
	if err != nil {
		return err
	}
	defer p.close()
	api := apiClient{o.SiteURL, a.Token}
	for n := 0; ; n++ {
		id, ok := sh.get(ctx, n)
		if !ok {
			break
		}
		raw, err := api.download(ctx, id)
		if err != nil {
			return stopped(ctx, fmt.Errorf("%s downloads torrent %d: %w", a.Name, id, err))
		}
		if err := p.fetch(ctx, raw); err != nil {
			return stopped(ctx, err)
		}
		o.say("%s has fetched torrent %d and seeds it", a.Name, id)
	}
	<-ctx.Done()
	return nil
}

func (o Options) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Out, "  demo: "+format+"\n", args...) // a closed terminal must not stop the demo
}

// stopped hides an error that only says that ctx ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}
