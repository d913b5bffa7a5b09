package notify_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// told are the titles of a member's inbox, oldest first.
func (w *world) told(m core.MemberID) (out []string) {
	w.Helper()
	for _, i := range w.inbox(m) {
		out = append([]string{i.Title}, out...)
	}
	return out
}

func (w *world) expect(m core.MemberID, titles ...string) {
	w.Helper()
	if got := w.told(m); strings.Join(got, "|") != strings.Join(titles, "|") {
		w.Errorf("told %q, want %q", got, titles)
	}
}

func TestSecretsThatChange(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		self := security.With(w.Context(), security.Origin{Face: security.Site, ByID: w.ann, ByName: "ann"})
		staff := security.With(w.Context(), security.Origin{Face: security.IRC, ByID: w.bob, ByName: "bob"})
		_, err := w.members.NewIRCKey(self, w.ann)
		w.must(err)
		drawn, err := w.members.DrawPassphrase(w.Context())
		w.must(err)
		_, err = w.members.ResetPassphrase(staff, w.ann, drawn)
		w.must(err)
		w.follow()
		w.expect(w.ann, "The IRC key was replaced.", "Staff gave a new passphrase.")
		w.expect(w.bob)
		list := w.inbox(w.ann)
		if !strings.Contains(list[1].Text, "change your passphrase") || !strings.Contains(list[0].Text, "Staff did it") || list[0].Link != "/settings/security" {
			w.Errorf("%+v", list)
		}
	})
}

// TestTwiceIsOnce lets the consumer see the same events again, as after a restore of its
// place alone, and makes its transactions fail in between.
func TestTwiceIsOnce(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		for range 40 {
			w.append(eventlog.SecretChanged{Member: w.ann, Kind: string(security.IRCKeyNew), By: w.ann})
		}
		w.append(eventlog.SecretChanged{Member: w.bob, Kind: string(security.TokenMade), By: w.bob})
		w.follow()
		want, wantBob := w.inbox(w.ann), w.inbox(w.bob)
		w.must(w.tx(func(tx *db.Tx) error {
			_, err := tx.Exec(w.Context(), "UPDATE event_cursor SET position = 0 WHERE consumer = ?", notify.Cursor)
			return err
		}))
		w.follow()
		got := w.inbox(w.ann)
		if len(got) != 5 || len(want) != 5 || got[0] != want[0] || got[0].Times != 36 || len(w.inbox(w.bob)) != 1 || w.inbox(w.bob)[0] != wantBob[0] {
			w.Errorf("was %+v, is %+v", want[0], got[0])
		}
		w.deliver()
		if w.letters() != 6 {
			w.Errorf("%d letters, want 6", w.letters())
		}
	})
}

// TestKilledBetween breaks off the handling of an event behind its notification: neither
// is there, and the event comes again.
func TestKilledBetween(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.append(eventlog.SecretChanged{Member: w.ann, Kind: string(security.IRCKeyNew), By: w.ann})
		last, err := w.events.Last(w.Context())
		w.must(err)
		events, err := w.events.Read(w.Context(), last-1, 1)
		w.must(err)
		killed := errors.New("killed")
		for _, h := range w.consumer.Handlers(func() {}) {
			if h.Kind != events[0].Kind {
				continue
			}
			err := w.tx(func(tx *db.Tx) error {
				if err := h.Do(w.Context(), tx, events[0]); err != nil {
					return err
				}
				return killed
			})
			if !errors.Is(err, killed) {
				w.Fatal(err)
			}
		}
		w.expect(w.ann)
		w.follow()
		w.expect(w.ann, "The IRC key was replaced.")
	})
}

func TestLoginsFromNewPlaces(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		from := func(address string) context.Context {
			return security.With(w.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr(address)})
		}
		login := func(address string) {
			w.Helper()
			_, err := w.members.NewSession(from(address), w.ann, "test browser")
			w.must(err)
			w.clock.Add(2 * time.Hour)
		}
		login("192.0.2.7")
		login("192.0.2.99") // the same line on another day
		w.follow()
		w.expect(w.ann)
		login("2001:db8::1")
		login("2001:db8::2")
		login("192.0.2.7")
		w.follow()
		w.expect(w.ann, "Somebody logged in to your account from a network that is new.")
		for _, i := range w.inbox(w.ann) {
			if strings.Contains(i.Title+i.Text, "2001:db8") {
				w.Error("it holds the address")
			}
		}
	})
}

func TestKeysThatWereShown(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.append(eventlog.KeyShown{Member: w.ann, Key: "irc", Where: "#general", Reached: true})
		w.append(eventlog.KeyShown{Key: "irc", Where: "#general"}) // nobody's
		w.follow()
		w.expect(w.ann, "Your IRC key was written in #general.")
	})
}

// TestLettersThatComeBackAreTold tells a member on the site, since mail doesn't reach them.
func TestLettersThatComeBackAreTold(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.append(eventlog.MemberMailFailed{Member: w.ann})
		w.follow()
		w.expect(w.ann, "Letters to your mail address come back.")
		w.deliver()
		if w.letters() != 0 {
			w.Errorf("%d letters of it, want none", w.letters())
		}
	})
}
