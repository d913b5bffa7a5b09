package security

import (
	"context"
	"net/netip"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Face is the way by which somebody came.
type Face string

// The faces.
const (
	Site    Face = "site"    // a browser
	API     Face = "api"     // a program with an API token
	Link    Face = "link"    // a personal download link
	IRC     Face = "irc"     // our IRC network, and what is told to its bot
	Bot     Face = "bot"     // name and key told to the bot on another network
	Shell   Face = "shell"   // the machine itself
	Program Face = "program" // the program, of its own accord
)

// Origin is who acts, and from where. It is no part of what is asked, so it travels
// in the context: each face sets it once, for all that a visitor does.
type Origin struct {
	Face    Face
	Address netip.Addr // the zero Addr where it is not known
	Host    string     // in its place, as an IRC network shows it
	Way     string     // how they prove who they are, such as "SASL PLAIN"; may be ""
	ByID    core.MemberID
	ByName  string // who acts; "" while that isn't known
}

// ByCertificate is the Way of who logs in to our IRC network by a certificate, and not by
// the IRC key.
const ByCertificate = "SASL EXTERNAL"

type originKey struct{}

// With returns a context for what o does.
func With(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Of is the origin of what is done in ctx: the program itself where no face has set
// one.
func Of(ctx context.Context) Origin {
	if o, ok := ctx.Value(originKey{}).(Origin); ok {
		return o
	}
	return Origin{Face: Program}
}

// By returns a context in which a known actor does it, from where they came.
func By(ctx context.Context, face Face, id core.MemberID, name string) context.Context {
	o := Of(ctx)
	o.Face, o.ByID, o.ByName = face, id, name
	return With(ctx, o)
}

// address is where it comes from, as the log seals it; "" if that is not known.
func (o Origin) address() string {
	if o.Address.IsValid() {
		return o.Address.Unmap().WithZone("").String()
	}
	return o.Host
}
