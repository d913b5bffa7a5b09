package account_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// flood sends n wrong logins at once, each by its own name and from its own address, to
// whom ofWhom(i) and from(i) say.
func flood(t *testing.T, handler http.Handler, n int, name, from func(i int) string) (statuses map[int]int, wait func()) {
	t.Helper()
	statuses = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a := loginFrom(handler, from(i), name(i), "a wrong passphrase")
			mu.Lock()
			defer mu.Unlock()
			statuses[a.Code]++
			if a.Code != http.StatusForbidden && a.Header().Get("Retry-After") == "" {
				t.Errorf("status %d without Retry-After", a.Code)
			}
		})
	}
	return statuses, wg.Wait
}

func loginFrom(handler http.Handler, address, name, password string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"name": {name}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = address + ":1234"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// TestFloodOfLogins has a thousand wrong logins at once, from ten addresses or of one
// account. No more than the limit are checked, and bystanders get in while it goes on: each
// after a check or two of every other address at most.
func TestFloodOfLogins(t *testing.T) {
	t.Parallel()
	each := func(format string) func(int) string { return func(i int) string { return fmt.Sprintf(format, i%10+1) } }
	anybody := func(i int) string { return fmt.Sprintf("nobody%d", i) }
	for name, c := range map[string]struct {
		name, from func(int) string
		limit      uint64
	}{
		"ten networks":             {anybody, each("10.0.%d.1"), 30},
		"ten addresses of one":     {anybody, each("192.0.2.%d"), 30},
		"one account, from all":    {func(int) string { return "moderator" }, func(i int) string { return fmt.Sprintf("10.%d.%d.1", i/250, i%250) }, 3},
		"an account by other case": {func(i int) string { return []string{"Moderator", "MODERATOR"}[i%2] }, func(i int) string { return fmt.Sprintf("10.%d.%d.1", i/250, i%250) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines := sitetest.Each
			if name != "ten networks" { // counting is the same on both
				engines = func(t *testing.T, test func(*testing.T, *sitetest.World)) { test(t, sitetest.OnSQLite(t)) }
			}
			engines(t, func(t *testing.T, w *sitetest.World) {
				handler, err := w.Room.Handler()
				w.Must(err)
				before := w.Deps.Keys.Hashing().Done
				statuses, wait := flood(t, handler, 1000, c.name, c.from)
				var in, again atomic.Uint64
				var wg sync.WaitGroup
				for i, from := range []string{"203.0.113.7", "192.0.2.200", "2001:db8::7"} {
					who := []string{"user", "other", "sysop"}[i]
					if !strings.Contains(from, ".") {
						from = "[" + from + "]"
					}
					wg.Go(func() {
						a := loginFrom(handler, from, who, w.People[who].Password)
						for tries := 0; a.Code == http.StatusServiceUnavailable && tries < 10; tries++ {
							again.Add(1) // on a slow machine
							a = loginFrom(handler, from, who, w.People[who].Password)
						}
						if a.Code != http.StatusSeeOther {
							t.Errorf("the bystander %s at %s: status %d, %s", who, from, a.Code, a.Header().Get("Retry-After"))
							return
						}
						in.Add(1)
					})
				}
				wg.Wait()
				wait()
				// On a slow machine some are told that it is busy, whose check may have come to nothing.
				wrong := w.Deps.Keys.Hashing().Done - before - in.Load()
				answered, busy := uint64(statuses[http.StatusForbidden]), uint64(statuses[http.StatusServiceUnavailable])
				if answered > c.limit || wrong > c.limit+busy+again.Load() || busy == 0 && answered != c.limit {
					t.Errorf("%d wrong passphrases were checked, the limit is %d; answers: %v", wrong, c.limit, statuses)
				}
				if answered+busy+uint64(statuses[http.StatusTooManyRequests]) != 1000 {
					t.Errorf("answers: %v", statuses)
				}
			})
		})
	}
}
