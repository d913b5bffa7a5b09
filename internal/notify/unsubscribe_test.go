package notify_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

func TestUnsubscribe(t *testing.T) {
	each(t, func(w *world) {
		token := w.store.Token(w.ann, notify.UploadDeleted, notify.Mail)
		u, err := w.store.ReadToken(token)
		if err != nil || u.Member != w.ann || u.Info.Kind != notify.UploadDeleted || u.Way != notify.Mail {
			w.Fatalf("%+v, %v", u, err)
		}
		for range 2 {
			w.must(w.store.SwitchOff(w.Context(), u))
		}
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "a"})
		w.deliver()
		if w.letters() != 0 || len(w.inbox(w.ann)) != 1 {
			w.Errorf("%d letters, %d in the inbox", w.letters(), len(w.inbox(w.ann)))
		}
		fixed, err := w.store.ReadToken(w.store.Token(w.ann, notify.SecretChanged, notify.Mail))
		w.must(err)
		if err := w.store.SwitchOff(w.Context(), fixed); core.CodeOf(err) != core.Invalid {
			w.Errorf("what guards the account: %v", err)
		}
	})
}

func TestUnsubscribeByWhatIsForged(t *testing.T) {
	each(t, func(w *world) {
		token := w.store.Token(w.ann, notify.UploadDeleted, notify.Mail)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		w.must(err)
		forged := []string{"", "x", "a/b", strings.Repeat("A", 100), strings.Repeat("A", 1<<20), token + "A", token[:len(token)-1], base64.RawURLEncoding.EncodeToString(raw[:36])}
		for i := range raw {
			changed := append([]byte{}, raw...)
			changed[i] ^= 1
			forged = append(forged, base64.RawURLEncoding.EncodeToString(changed))
		}
		others, err := secret.NewKeyring([]byte(strings.Repeat("x", 32)))
		w.must(err)
		forged = append(forged, notify.NewStore(w.db, others, w.clock.Now, notify.Options{}).Token(w.ann, notify.UploadDeleted, notify.Mail))
		for _, f := range forged {
			if _, err := w.store.ReadToken(f); core.CodeOf(err) != core.NotFound {
				w.Errorf("%.40q: %v", f, err)
			}
		}
		if _, err := w.store.ReadToken(w.store.Token(w.ann, "a.kind.of.the.past", notify.Mail)); core.CodeOf(err) != core.Conflict {
			w.Errorf("a kind that is no more: %v", err)
		}
		w.clock.Add(notify.LinkLife - time.Minute)
		if _, err := w.store.ReadToken(token); err != nil {
			w.Error(err)
		}
		w.clock.Add(time.Minute)
		if _, err := w.store.ReadToken(token); core.CodeOf(err) != core.Conflict || !strings.Contains(core.SafeText(err), "180 days") {
			w.Errorf("after its end: %v", err)
		}
		w.clock.Add(-2 * notify.LinkLife)
		if _, err := w.store.ReadToken(token); core.CodeOf(err) != core.Conflict {
			w.Errorf("of a wrong clock: %v", err)
		}
	})
}
