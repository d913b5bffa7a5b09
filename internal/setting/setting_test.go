package setting

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestTable checks that what is declared can be stored and read back.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || len(s.Name) > 64 || !strings.Contains(s.Name, ".") {
			t.Errorf("%s is declared twice, or not well named", s.Name)
		}
		seen[s.Name] = true
		if s.About == "" || strings.HasSuffix(s.About, ".") || s.Allowed == "" || s.Kind == "" {
			t.Errorf("%s does not say what it is: %+v", s.Name, s)
		}
		stored, err := s.read(s.Default)
		if err != nil || stored != s.Default {
			t.Errorf("%s: its default %q is stored as %q, %v", s.Name, s.Default, stored, err)
		}
		for _, c := range s.Choices {
			if _, err := s.read(strings.ToUpper(c)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		s        Setting
		in, want string // want "": refused
	}{
		{RegistrationMode.Setting, "Open", "open"},
		{RegistrationMode.Setting, "ajar", ""},
		{RegistrationMode.Setting, "", ""},
		{RegistrationLimit.Setting, "0", "0"},
		{RegistrationLimit.Setting, "007", "7"},
		{RegistrationLimit.Setting, "10000001", ""},
		{RegistrationLimit.Setting, "-1", ""},
		{RegistrationLimit.Setting, "1.5", ""},
		{ConfirmMail.Setting, "ON", "yes"},
		{ConfirmMail.Setting, "off", "no"},
		{ConfirmMail.Setting, "perhaps", ""},
		{InviteLife.Setting, "1w", "7d"},
		{InviteLife.Setting, "90m", "1h30m"},
		{InviteLife.Setting, "59m", ""},
		{InviteLife.Setting, "31d", ""},
		{InviteLife.Setting, "none", ""},
		{ApplicationWait.Setting, "0", "none"},
		{ApplicationWait.Setting, "None", "none"},
		{ApplicationWait.Setting, "soon", ""},
		{FirstClass.Setting, " Power  User ", "Power User"},
		{FirstClass.Setting, long, long},
		{FirstClass.Setting, long + "x", ""},
		{RefusedDomains.Setting, "B.example, a.example b.example", "a.example b.example"},
		{RefusedDomains.Setting, "none", "none"},
		{RefusedDomains.Setting, "example", ""},
		{RefusedDomains.Setting, "a@b.example", ""},
		{RefusedDomains.Setting, "-a.example", ""},
		{RefusedDomains.Setting, "a..example", ""},
		{RefusedDomains.Setting, long + ".example", ""},
		{RefusedDomains.Setting, strings.Repeat("a.", 127), ""},
	} {
		got, err := c.s.read(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q is read as %q, %v; want %q", c.s.Name, c.in, got, err, c.want)
		}
		if err != nil && (core.CodeOf(err) != core.Invalid || core.FieldOf(err) != "value" || !strings.Contains(core.SafeText(err), c.s.Name)) {
			t.Errorf("%s: %q: %v", c.s.Name, c.in, err)
		}
	}
	many := make([]string, maxDomains+1)
	for i := range many {
		many[i] = "d" + strings.Repeat("x", i%60) + strings.Repeat("y", i/60) + ".example"
	}
	if _, err := RefusedDomains.read(strings.Join(many, " ")); core.CodeOf(err) != core.Invalid {
		t.Errorf("%d domains: %v", len(many), err)
	}
}

// process is a store such as each process has its own.
func process(d *db.DB, clock *dbtest.Clock) *Store {
	return NewStore(d, eventlog.New(d, clock.Now), clock.Now)
}

func each(t *testing.T, test func(t *testing.T, s *Store, d *db.DB, clock *dbtest.Clock)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := dbtest.NewClock(time.Unix(1e9, 0))
		test(t, process(d, clock), d, clock)
	})
}

func TestSetAndReset(t *testing.T) {
	each(t, func(t *testing.T, s *Store, d *db.DB, clock *dbtest.Clock) {
		other := process(d, clock)
		mode := func(s *Store) string {
			t.Helper()
			v, err := s.Values(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return RegistrationMode.Of(v)
		}
		if got := mode(s) + mode(other); got != "inviteinvite" {
			t.Errorf("at first: %s", got)
		}
		was, is, err := s.Set(t.Context(), 7, "Registration.Mode", " OPEN ")
		if err != nil || was.Value != ModeInvite || was.Changed || is.Value != ModeOpen || !is.Changed || is.ChangedBy != 7 || !is.ChangedAt.Equal(clock.Now()) {
			t.Fatalf("was %+v, is %+v, %v", was, is, err)
		}
		if got := mode(s) + mode(other); got != "openopen" {
			t.Errorf("once it is set: %s", got)
		}
		if c, err := other.Get(t.Context(), "registration.mode"); err != nil || c.Value != ModeOpen || c.ChangedBy != 7 || !c.Changed {
			t.Errorf("another process has %+v, %v", c, err)
		}
		for _, c := range []struct {
			name, value string
			code        core.Code
		}{{"registration.mode", "ajar", core.Invalid}, {"registration.mood", "open", core.NotFound}, {"", "", core.NotFound}, {strings.Repeat("x", 10_000), "1", core.NotFound}} {
			if _, _, err := s.Set(t.Context(), 7, c.name, c.value); core.CodeOf(err) != c.code || len(core.SafeText(err)) > 600 {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got := mode(s); got != ModeOpen {
			t.Errorf("after what was refused: %s", got)
		}
		if was, is, err := s.Reset(t.Context(), 8, "registration.mode"); err != nil || was.Value != ModeOpen || is.Value != ModeInvite || is.Changed {
			t.Errorf("was %+v, is %+v, %v", was, is, err)
		}
		if got := mode(s) + mode(other); got != "inviteinvite" {
			t.Errorf("once it is reset: %s", got)
		}
		list, err := other.List(t.Context())
		if err != nil || len(list) != len(table) || slices.ContainsFunc(list, func(c Current) bool { return c.Changed }) {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *db.DB, _ *dbtest.Clock) {
		const name = "registration.refused_domains"
		if _, is, err := s.Add(t.Context(), 1, name, "Spam.EXAMPLE"); err != nil || !strings.Contains(is.Value, "spam.example") {
			t.Fatalf("%+v, %v", is, err)
		}
		for code, err := range map[core.Code]error{
			core.Conflict: second(s.Add(t.Context(), 1, name, "spam.example")),
			core.NotFound: second(s.Remove(t.Context(), 1, name, "ham.example")),
			core.Invalid:  second(s.Add(t.Context(), 1, name, "a.example b.example")),
		} {
			if core.CodeOf(err) != code {
				t.Errorf("want %s: %v", code, err)
			}
		}
		for _, word := range []string{"", "none", "x"} {
			if _, _, err := s.Add(t.Context(), 1, name, word); core.CodeOf(err) != core.Invalid {
				t.Errorf("%q: %v", word, err)
			}
		}
		if _, _, err := s.Add(t.Context(), 1, "registration.mode", "open"); core.CodeOf(err) != core.Invalid {
			t.Errorf("a word for what is no list: %v", err)
		}
		if _, is, err := s.Remove(t.Context(), 1, name, "spam.example"); err != nil || is.Changed {
			t.Errorf("back at the default: %+v, %v", is, err)
		}
		if _, is, err := s.Set(t.Context(), 1, name, "only.example"); err != nil || is.Value != "only.example" {
			t.Fatal(is, err)
		}
		if _, is, err := s.Remove(t.Context(), 1, name, "only.example"); err != nil || is.Value != None {
			t.Errorf("the last word: %+v, %v", is, err)
		}
		v, err := s.Values(t.Context())
		if list := RefusedDomains.Of(v); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func second(_, _ Current, err error) error { return err }

// TestManyAdd has many add words to a list at once: none is lost.
func TestManyAdd(t *testing.T) {
	each(t, func(t *testing.T, s *Store, d *db.DB, clock *dbtest.Clock) {
		const many = 8
		var wg sync.WaitGroup
		errs := make([]error, many)
		for i := range many {
			wg.Go(func() {
				errs[i] = second(process(d, clock).Add(t.Context(), 1, "registration.refused_domains", string(rune('a'+i))+".example"))
			})
		}
		wg.Wait()
		v, err := s.Values(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(RefusedDomains.Of(v)) - len(throwAway); n != many {
			t.Errorf("%d of %d words are there; errors %v", n, many, errs)
		}
	})
}

// TestWhatAnotherReleaseStored reads values that this one does not allow.
func TestWhatAnotherReleaseStored(t *testing.T) {
	each(t, func(t *testing.T, s *Store, d *db.DB, _ *dbtest.Clock) {
		if err := d.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), db.UpsertSpec{Table: "setting", Key: []string{"name"}, Set: []string{"value", "changed_at", "changed_by"}},
				[]any{"invite.life", "900d", 1, 1}, []any{"registration.mode", "lottery", 1, 1}, []any{"registration.limit", "-4", 1, 1}, []any{"tea.sugar", "2", 1, 1})
		}); err != nil {
			t.Fatal(err)
		}
		v, err := s.Values(t.Context())
		if err != nil || InviteLife.Of(v) != 72*time.Hour || RegistrationMode.Of(v) != ModeInvite || RegistrationLimit.Of(v) != 0 {
			t.Errorf("%+v, %v", v, err)
		}
		if (FirstClass.Of(Values{}) != "User" || !ConfirmMail.Of(Values{})) {
			t.Error("the zero Values are not the defaults")
		}
	})
}
