package dbtest

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
)

var roomUser = regexp.MustCompile(`'caduceus-([a-z]+)'@'localhost'`)

// GrantUsers makes the database users of production on the test server, with the
// grants of a file of SQL and nothing else, and returns them by room. The tables must
// be there. The names get a suffix, as tests share the server, and the users get a
// password, as all tests run as one system user.
func GrantUsers(t testing.TB, admin db.Config, file string) map[string]db.Config {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const password = "only for this test"
	suffix := strings.TrimPrefix(admin.Name, "caduceus_test")
	users := map[string]db.Config{}
	d := Reopen(t, admin)
	exec := func(statement string) {
		t.Helper()
		ctx := context.WithoutCancel(t.Context()) // also at the end of the test
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		}); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for statement := range strings.SplitSeq(withoutComments(string(raw)), ";") {
		statement = strings.TrimSpace(statement)
		if statement == "" {
			continue
		}
		for _, m := range roomUser.FindAllStringSubmatch(statement, -1) {
			room := m[1]
			if _, ok := users[room]; ok {
				continue
			}
			u := admin
			u.User, u.Password = "caduceus-"+room+suffix, password
			users[room] = u
			exec("CREATE USER '" + u.User + "'@'localhost' IDENTIFIED BY '" + password + "'")
			t.Cleanup(func() { exec("DROP USER '" + u.User + "'@'localhost'") })
		}
		exec(roomUser.ReplaceAllString(statement, "'caduceus-${1}"+suffix+"'@'localhost'"))
	}
	return users
}

func withoutComments(sql string) string {
	return regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(sql, "")
}
