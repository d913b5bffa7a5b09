package member

import "testing"

func TestReservedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Hermes", "H3rmes", "Herrnes", "Hermes_bot", "HermesBot", "her_mes9", "NickServ", "N1ckServ", "chan_serv", "MemoServ"} {
		if ValidName(name) == nil {
			t.Errorf("an account may be called %s", name)
		}
	}
	for _, name := range []string{"alice", "hermione", "thermes", "nick", "server9"} {
		if err := ValidName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
