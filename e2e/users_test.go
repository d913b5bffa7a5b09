package e2e

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// grantUsers makes the database users of production on the test server, with the
// grants of deploy/ and nothing else, and returns them by room. The names get a
// suffix, as tests share the server, and the users get a password, as all tests run
// as one system user.
func grantUsers(t *testing.T, admin db.Config) map[string]db.Config {
	t.Helper()
	raw, err := os.ReadFile("../deploy/mariadb/grants.sql")
	if err != nil {
		t.Fatal(err)
	}
	const password = "only for this test"
	suffix := strings.TrimPrefix(admin.Name, "caduceus_test")
	name := regexp.MustCompile(`'caduceus-([a-z]+)'@'localhost'`)
	users := map[string]db.Config{}
	d := dbtest.Reopen(t, admin)
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
		for _, m := range name.FindAllStringSubmatch(statement, -1) {
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
		exec(name.ReplaceAllString(statement, "'caduceus-${1}"+suffix+"'@'localhost'"))
	}
	if len(users) != len(inFive.rooms) {
		t.Fatalf("grants for %d users", len(users))
	}
	return users
}

func withoutComments(sql string) string {
	return regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(sql, "")
}
