package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func (r *Registry) ircLoginCommands() []Spec {
	// Staff may see and remove what is another's, never add to it: that would be a
	// way into the account.
	other := Arg{Name: "member", Kind: MemberName, Flag: true, Optional: true, Other: core.MemberKeys, Below: true}
	return []Spec{
		{
			Name: "certfp list", Aliases: []string{"certfp"}, Summary: "the TLS certificates by which you log in to IRC",
			Args: []Arg{other}, Secret: true, Run: r.certfpList,
		}, {
			Name: "certfp add", Summary: "log in to IRC by a TLS certificate; without a fingerprint by the one that your client shows",
			Args:   []Arg{{Name: "fingerprint", Kind: Word, Optional: true}, {Name: "label", Kind: Word, Flag: true, Optional: true}},
			Secret: true, Changes: true, Run: r.certfpAdd,
		}, {
			Name: "certfp remove", Aliases: []string{"certfp del"}, Summary: "log in by a certificate no longer; what it logged in ends",
			Args: []Arg{{Name: "fingerprint", Kind: Word}, other}, Secret: true, Changes: true, Run: r.certfpRemove,
		}, {
			Name: "nick list", Aliases: []string{"nick"}, Summary: "the nicks that are yours on IRC besides your name",
			Args: []Arg{other}, Secret: true, Run: r.nickList,
		}, {
			Name: "nick add", Summary: "register another nick on IRC that nobody else may use",
			Args: []Arg{{Name: "nick", Kind: Word}}, Secret: true, Changes: true, Run: r.nickAdd,
		}, {
			Name: "nick remove", Aliases: []string{"nick del"}, Summary: "give up a nick that you registered",
			Args: []Arg{{Name: "nick", Kind: Word}, other}, Secret: true, Changes: true, Run: r.nickRemove,
		},
	}
}

func (r *Registry) certfpList(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	list, err := r.deps.Members.Certificates(ctx, m.ID)
	if err != nil {
		return Reply{}, err
	}
	var lines []string
	for _, f := range list {
		used := "never used"
		if !f.UsedAt.IsZero() {
			used = "last used " + f.UsedAt.Format("2006-01-02")
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s added %s, %s %s", f.Fingerprint, f.AddedAt.Format("2006-01-02"), used, f.Label)))
	}
	if lines == nil {
		lines = []string{"No certificate is known. Connect with one and say: certfp add"}
	}
	return Reply{Lines: lines}, nil
}

func (r *Registry) certfpAdd(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	if !c.Has("fingerprint") {
		return Reply{}, core.FieldErrorf("fingerprint", "give a SHA-256 fingerprint, or connect to IRC by TLS with a certificate of yours and say it there")
	}
	f, err := r.deps.Members.AddCertificate(ctx, m.ID, c.Text("fingerprint"), c.Text("label"))
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{"You can log in by SASL EXTERNAL with the certificate " + f.Fingerprint + "."}, Undo: Join([]string{"certfp", "remove", f.Fingerprint})}, nil
}

func (r *Registry) certfpRemove(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	f, err := r.deps.Members.RemoveCertificate(ctx, m.ID, c.Text("fingerprint"))
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("%s logs in by the certificate %s no longer.", m.Name, f.Fingerprint)}}, nil
}

func (r *Registry) nickList(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	list, err := r.deps.Members.Nicks(ctx, m.ID)
	if err != nil {
		return Reply{}, err
	}
	names := make([]string, 0, len(list))
	for _, n := range list {
		names = append(names, n.Nick)
	}
	if len(names) == 0 {
		return Reply{Lines: []string{fmt.Sprintf("%s has no nick besides the name; %d may be registered.", m.Name, r.deps.NickLimit)}}, nil
	}
	return Reply{Lines: []string{fmt.Sprintf("Nicks of %s: %s (at most %d)", m.Name, strings.Join(names, ", "), r.deps.NickLimit)}}, nil
}

func (r *Registry) nickAdd(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	nick := c.Text("nick")
	if err := r.deps.Members.AddNick(ctx, m.ID, nick, r.deps.NickLimit); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("The nick %s is yours. Use it with: /nick %s", nick, nick)}, Undo: Join([]string{"nick", "remove", nick})}, nil
}

func (r *Registry) nickRemove(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	nick := c.Text("nick")
	if err := r.deps.Members.RemoveNick(ctx, m.ID, nick); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("The nick %s is free.", nick)}}, nil
}
