// Package recipe says, step by step, how one logs in to the IRC network with each client.
// The pages show these recipes, and tests type what the pages show into the clients.
//
// Concurrency: everything here is immutable.
package recipe

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/caduceus-bio/caduceus/site/web"
)

// Key is what stands for the member's IRC key, which is in no recipe.
const Key = "YOUR_IRC_KEY"

// Network is where somebody logs in.
type Network struct {
	web.IRCInfo
	Site    string // its name
	Account string // of the member
}

// Recipe is how it is done with one client.
type Recipe struct {
	Slug  string // of its place in a page
	Name  string // of the client
	Steps []Step
}

// Step is one thing to do.
type Step struct {
	Text   string
	Lines  []string // to type into the client, or into a file; in this order
	File   string   // where the lines are to be written; "" for the client
	Fields []Field  // to fill in
	After  string   // what follows; "" for nothing
}

// Field is a field of a client's form with what belongs there.
type Field struct {
	Name  string // as the client calls it
	Value string
	What  What // what the value is, whatever the client calls it
}

// What is the meaning of a field.
type What string

// The meanings. Text is anything else.
const (
	Text    What = ""
	Host    What = "host"
	Port    What = "port"
	TLS     What = "tls"
	Nick    What = "nick"
	Account What = "account"
	KeyHere What = "key"
)

// Of is the network as a member is told of it.
func Of(ctx context.Context, info web.IRCInfo, site, account string) (Network, error) {
	n := Network{IRCInfo: info, Site: site, Account: account}
	if n.Certificate == nil {
		return n, nil
	}
	var err error
	n.Fingerprint, err = n.Certificate(ctx)
	return n, err
}

// There reports whether there is a network of which the pages speak.
func (n Network) There() bool { return n.Host != "" }

// Own reports whether the network is our own, with SASL and certificates.
func (n Network) Own() bool { return n.There() && n.Bot == "" && n.TLSPort != 0 }

// Label is what clients call the network: the site's name in small letters and digits.
func (n Network) Label() string {
	label := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, n.Site)
	if label == "" || len(label) > 20 || unicode.IsDigit(rune(label[0])) {
		return "site"
	}
	return label
}

// Recipes are all of them, those for this network.
func (n Network) Recipes() []Recipe {
	if !n.Own() {
		return nil
	}
	return []Recipe{n.irssi(), n.weechat(), n.hexchat(), n.lounge(), n.phone("android", "Android: Goguma or Revolution IRC"), n.phone("ios", "iPhone and iPad: Igloo or Palaver")}
}

// irssi before 1.5 has PLAIN and EXTERNAL alone. A line that is typed before the
// connection stands does nothing, so no channel is joined: the network does that.
func (n Network) irssi() Recipe {
	return Recipe{"irssi", "irssi", []Step{
		{Text: "Start irssi, and type these lines.", Lines: []string{
			fmt.Sprintf("/network add -nick %s -sasl_mechanism PLAIN -sasl_username %[1]s -sasl_password %s %s", n.Account, Key, n.Label()),
			fmt.Sprintf("/server add -tls%s -auto -network %s %s %d", n.irssiPin(), n.Label(), n.Host, n.TLSPort),
			"/save",
			"/connect " + n.Label(),
		}, After: "You are logged in, and in the channels that you are meant to be in. From now on irssi connects when it starts."},
	}}
}

// irssiPin trusts a self-signed certificate by its fingerprint alone.
func (n Network) irssiPin() string {
	if n.Fingerprint == "" {
		return ""
	}
	return " -notls_verify -tls_pinned_cert " + n.colons()
}

// colons is the fingerprint with a colon between its bytes, in capitals.
func (n Network) colons() string {
	var parts []string
	for plain := n.plain(); len(plain) >= 2; plain = plain[2:] {
		parts = append(parts, strings.ToUpper(plain[:2]))
	}
	return strings.Join(parts, ":")
}

// plain is the fingerprint as digits alone.
func (n Network) plain() string {
	return strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(n.Fingerprint))
}

func (n Network) weechat() Recipe {
	set := func(name, value string) string {
		return fmt.Sprintf("/set irc.server.%s.%s %s", n.Label(), name, value)
	}
	lines := []string{fmt.Sprintf("/server add %s %s/%d", n.Label(), n.Host, n.TLSPort), set("tls", "on")}
	if n.Fingerprint != "" {
		lines = append(lines, set("tls_fingerprint", n.plain()))
	}
	lines = append(lines, set("nicks", n.Account), set("sasl_mechanism", "scram-sha-256"), set("sasl_username", n.Account),
		set("sasl_password", Key), set("autoconnect", "on"), "/save", "/connect "+n.Label())
	return Recipe{"weechat", "WeeChat", []Step{
		{Text: "Start WeeChat, and type these lines. Before version 4 (type /version), write ssl wherever tls stands.", Lines: lines,
			After: "You are logged in, and in the channels that you are meant to be in. From now on WeeChat connects when it starts."},
	}}
}

// HexChat's flags of a network, and its number for SASL PLAIN (servlist.h).
const (
	hexchatFlags   = 1 | 4 | 8 // try the next server, use TLS, connect at the start
	hexchatInvalid = 32        // take a certificate that nobody has signed
	hexchatPlain   = 6
)

func (n Network) hexchat() Recipe {
	flags, invalid := hexchatFlags, "no"
	if n.Fingerprint != "" {
		flags, invalid = flags|hexchatInvalid, "yes: HexChat can't compare its fingerprint"
	}
	return Recipe{"hexchat", "HexChat", []Step{
		{Text: "Open HexChat → Network List, press Add, and call the network " + n.Label() + ". Press Edit, and fill in:", Fields: []Field{
			{"Servers", fmt.Sprintf("%s/+%d", n.Host, n.TLSPort), Text},
			{"Connect to this network automatically", "yes", Text},
			{"Use SSL for all the servers on this network", "yes", Text},
			{"Accept invalid SSL certificates", invalid, Text},
			{"Use global user information", "no", Text},
			{"Nick name", n.Account, Text}, {"User name", n.Account, Text},
			{"Login method", "SASL PLAIN (username + password)", Text},
			{"Password", Key, Text},
		}, After: "Close the window, choose the network and press Connect."},
		{Text: "Or close HexChat and write these lines to the end of a file, with an empty line before them. Then start HexChat: it connects by itself.", File: "~/.config/hexchat/servlist.conf", Lines: []string{
			"N=" + n.Label(), "I=" + n.Account, "U=" + n.Account, "P=" + Key, fmt.Sprintf("L=%d", hexchatPlain), "E=UTF-8 (Unicode)",
			fmt.Sprintf("F=%d", flags), "D=0", fmt.Sprintf("S=%s/+%d", n.Host, n.TLSPort),
		}},
	}}
}

func (n Network) lounge() Recipe {
	return Recipe{"thelounge", "The Lounge", []Step{{Text: "Press + (Connect to network), and fill in:", Fields: []Field{
		{"Name", n.Label(), Text}, {"Server", n.Host, Host}, {"Port", fmt.Sprint(n.TLSPort), Port}, {"Use secure connection (TLS)", "yes", TLS},
		{"Only allow trusted certificates", n.trusted(), Text}, {"Nick", n.Account, Nick},
		{"Authentication", "Username + password (SASL PLAIN)", Text}, {"Account", n.Account, Account}, {"Password", Key, KeyHere},
	}, After: "Press Connect."}}}
}

// trusted says whether a client can be told to look who has signed the certificate.
func (n Network) trusted() string {
	if n.Fingerprint != "" {
		return "no"
	}
	return "yes"
}

func (n Network) phone(slug, name string) Recipe {
	s := Step{Text: "Add a network (or server), and fill in what follows. Fields may be called a little differently.", Fields: []Field{
		{"Server (host)", n.Host, Host}, {"Port", fmt.Sprint(n.TLSPort), Port}, {"TLS (or SSL)", "yes", TLS},
		{"Nick", n.Account, Nick}, {"Authentication", "SASL PLAIN", Text}, {"User name (or account)", n.Account, Account}, {"Password", Key, KeyHere},
	}}
	if n.Fingerprint != "" {
		s.After = "The app asks whether you trust the certificate. Compare its SHA-256 fingerprint with " + n.colons() + " first."
	}
	return Recipe{slug, name, []Step{s}}
}

// ByCertificate are the recipes for logging in by a certificate, and no key.
func (n Network) ByCertificate() []Recipe {
	if !n.Own() {
		return nil
	}
	set := func(name, value string) string {
		return fmt.Sprintf("/set irc.server.%s.%s %s", n.Label(), name, value)
	}
	return []Recipe{
		{"certificate", "Make a certificate", []Step{
			{Text: "Type these lines into a shell. The second shows the fingerprint.", Lines: []string{
				"openssl req -x509 -new -newkey rsa:4096 -sha256 -days 1096 -nodes -subj /CN=irc -keyout irc.key -out irc.crt",
				"openssl x509 -in irc.crt -noout -fingerprint -sha256",
				"cat irc.key irc.crt > ~/irc.pem",
			}, After: "Add the fingerprint above. Keep irc.pem and irc.key to yourself."},
		}},
		{"irssi-certificate", "Use it in irssi", []Step{
			{Text: "Type these lines into irssi.", Lines: []string{
				fmt.Sprintf("/network add -nick %s -sasl_mechanism EXTERNAL %s", n.Account, n.Label()),
				fmt.Sprintf("/server add -tls%s -tls_cert ~/irc.pem -auto -network %s %s %d", n.irssiPin(), n.Label(), n.Host, n.TLSPort),
				"/save",
				"/connect " + n.Label(),
			}},
		}},
		{"weechat-certificate", "Use it in WeeChat", []Step{
			{Text: "Set the network up as the help on IRC says. Then type these lines. Before version 4, write ssl wherever tls stands.", Lines: []string{
				set("tls_cert", "~/irc.pem"), set("sasl_mechanism", "external"), "/save", "/reconnect " + n.Label(),
			}},
		}},
	}
}
