package e2e

import (
	"fmt"
	"net/url"
	"strings"
)

// nastyRoutes are the inputs that are nasty for one address in particular. All addresses
// get those of general besides, with their place in the path, their query, and their form;
// who adds an address thinks of what could be costly there, and writes onlyGeneral where
// that is nothing.
var nastyRoutes = map[string]func(n *nastyHouse, r siteRoute) []nasty{
	// The desks of staff for settings, mail and limits.
	"GET /staff/settings": onlyGeneral,
	"GET /staff/mail":     onlyGeneral,
	"GET /staff/limits":   onlyGeneral,

	"GET /":            onlyGeneral,
	"GET /robots.txt":  onlyGeneral,
	"GET /favicon.ico": onlyGeneral,
	"GET /assets/*name": func(*nastyHouse, siteRoute) []nasty {
		return paths("/assets/"+strings.Repeat("../", 5000)+"etc/passwd", "/assets/vendor", "/assets/")
	},
	"GET /login":  queries("next"),
	"POST /login": fields("name", "password", "next"),
	// the public face, and what reaches staff by it
	"GET /about":                        onlyGeneral,
	"GET /contact":                      onlyGeneral,
	"POST /contact":                     fields("subject", "text", "email", "stamp", "website"),
	"GET /contact/takedown":             onlyGeneral,
	"POST /contact/takedown":            fields("work", "where", "behalf", "text", "name", "email", "true", "stamp", "website"),
	"GET /contact/:number":              onlyGeneral,
	"GET /staff/contact":                queries("state", "from"),
	"GET /staff/applications":           queries("show", "from"),
	"GET /staff/applications/questions": onlyGeneral,
	"GET /staff/applications/:number":   onlyGeneral,
	"GET /staff/members/:name/tree":     queries("private"), // a thousand stand below at most
	"GET /staff/contact/:number":        onlyGeneral,

	"GET /join":         onlyGeneral,
	"POST /join":        fields("name", "password", "again", "email", "rules", "revision", "stamp", "website"),
	"GET /join/:token":  onlyGeneral,
	"POST /join/:token": fields("name", "password", "again", "email", "rules", "revision", "stamp", "website"),
	"POST /logout":      onlyGeneral,

	// The rules, once they have changed.
	"GET /rules/accept":  queries("next"),
	"POST /rules/accept": fields("accepts", "revision", "next"),

	// One's own invites.
	"GET /settings/invites":             queries("before"),
	"POST /settings/invites":            fields("email", "note"),
	"POST /settings/invites/:id/revoke": fields("sure"),

	// Those who apply.
	"GET /apply":                        onlyGeneral,
	"POST /apply":                       fields("name", "email", "answer-1", "answer-2", "stamp", "website"),
	"GET /application":                  onlyGeneral,
	"POST /application":                 fields("code"),
	"GET /application/:token":           onlyGeneral,
	"POST /application/:token/withdraw": fields("sure"),

	"GET /members/:name": func(*nastyHouse, siteRoute) []nasty {
		return paths("/members/ann", "/members/ann?before=1", "/members/ann?before=9223372036854775807")
	},
	"GET /settings":                                       onlyGeneral,
	"POST /settings/announce-key":                         fields("sure"),
	"POST /settings/irc-key":                              fields("sure"),
	"POST /settings/passphrase":                           fields("current", "password", "again"),
	"POST /settings/tokens":                               fields("name", "scope"),
	"POST /settings/tokens/:token/revoke":                 fields("sure"),
	"POST /settings/sessions/:session/end":                fields("sure"),
	"POST /settings/end":                                  fields("sessions", "tokens", "irckey", "certificates", "announcekey", "sure"),
	"GET /settings/security":                              queries("before"), // with a thousand sessions
	"GET /settings/recovery":                              onlyGeneral,
	"GET /settings/mail":                                  onlyGeneral,
	"POST /settings/recovery/mail":                        fields("email", "current"),
	"POST /settings/recovery/codes":                       fields("current"),
	"GET /recover":                                        onlyGeneral,
	"POST /recover":                                       fields("who"),
	"POST /recover/code":                                  fields("name", "code", "password", "again"),
	"GET /recover/:token":                                 onlyGeneral,
	"POST /recover/:token":                                fields("password", "again"),
	"GET /confirm/:token":                                 onlyGeneral,
	"POST /confirm/:token":                                onlyGeneral,
	"GET /staff/approvals":                                onlyGeneral,
	"GET /settings/keys":                                  onlyGeneral,
	"GET /settings/privacy":                               onlyGeneral,
	"POST /settings/privacy":                              fields("form", "preset", "shown"),
	"GET /settings/appearance":                            onlyGeneral,
	"POST /settings/appearance":                           fields("zone", "theme"),
	"GET /settings/notifications":                         onlyGeneral,
	"POST /settings/notifications":                        fields("asked", "inbox/upload.edited"),
	"GET /inbox":                                          queries("before", "show"),
	"POST /inbox/read":                                    fields("upto", "show", "before"),
	"POST /inbox/:id/read":                                fields("then", "show", "before"),
	"GET /unsubscribe/:token":                             onlyGeneral,
	"POST /unsubscribe/:token":                            fields("List-Unsubscribe"),
	"GET /api/v1/notifications":                           queries("before"),
	"GET /settings/irc":                                   onlyGeneral,
	"POST /settings/irc/certificates":                     certificates,
	"POST /settings/irc/certificates/:fingerprint/remove": fields("sure"),
	"POST /settings/irc/nicks":                            fields("nick"),
	"POST /settings/irc/nicks/:nick/remove":               fields("sure"),

	"GET /browse":                 browse("/browse", "before"),
	"GET /api/v1/browse":          browse("/api/v1/browse?limit=100", "cursor"),
	"GET /groups/:id":             heavy("/groups/%d"),
	"GET /groups/:id/notes":       heavy("/groups/%d/notes", "/groups/%d/notes?before=9223372036854775807"),
	"GET /groups/:id/edit":        heavy("/groups/%d/edit"),
	"POST /groups/:id/edit":       editGroup,
	"GET /torrents/:id":           onlyGeneral,
	"GET /torrents/:id/files":     files,
	"GET /torrents/:id/uploaded":  onlyGeneral,
	"GET /torrents/:id/download":  onlyGeneral,
	"GET /torrents/:id/edit":      onlyGeneral,
	"POST /torrents/:id/edit":     editTorrent,
	"GET /upload":                 queries("category", "group"),
	"POST /upload/check":          check,
	"POST /upload":                upload,
	"POST /api/v1/torrents":       upload,
	"GET /torrents.php download":  downloads,
	"GET /torrents.php":           queries("id", "torrentid", "action"),
	"GET /announces":              queries("torrent", "from"),
	"GET /me/torrents":            queries("list", "before"),
	"GET /torrents/:id/announces": queries("from"),
	"GET /endangered":             queries("from"),
	"GET /rules/clients":          onlyGeneral,
	"GET /swarm":                  queries("t"),
	"GET /staff/tracker":          queries("range"), // three trackers, each minute of a day
	"GET /freeleech":              onlyGeneral,      // with 20,000 windows
	"GET /freeleech.json":         onlyGeneral,
	"POST /start/rules":           onlyGeneral,
	"POST /start/away":            onlyGeneral,
	"GET /staff":                  onlyGeneral,
	"GET /staff/torrents":         onlyGeneral,
	"GET /staff/irc":              onlyGeneral,
	"GET /staff/jobs":             onlyGeneral,
	"GET /staff/bans":             queries("kind", "reach", "over", "before"),
	"GET /staff/audit":            queries("by", "about", "command", "outcome", "before"),
	"GET /staff/components":       onlyGeneral,
	"GET /staff/classes":          onlyGeneral,
	"GET /staff/causes":           queries("effect", "before"),
	"GET /staff/members":          queries("name", "class", "state", "client", "inviter", "after"),
	"GET /staff/members/:name":    onlyGeneral,
	"GET /commands/:command":      commandPages,
	"POST /commands/:command":     onlyGeneral, // see commands
	"GET /api/v1/torrents/:id":    onlyGeneral,
	"GET /api/v1/me":              onlyGeneral,
	"GET /api/v1/torrents/:id/download": func(n *nastyHouse, _ siteRoute) []nasty {
		return paths(fmt.Sprintf("/api/v1/torrents/%d/download", n.own.TorrentID))
	},
	"GET /help":                          onlyGeneral,
	"GET /help/:page":                    onlyGeneral,
	"GET /rules":                         onlyGeneral,
	"GET /terms":                         onlyGeneral,
	"GET /news":                          queries("before"),
	"GET /news/:number":                  onlyGeneral,
	"GET /pages":                         onlyGeneral,
	"GET /pages/news":                    onlyGeneral,
	"POST /pages/news":                   fields("title", "text"),
	"GET /pages/new":                     onlyGeneral,
	"POST /pages/new":                    fields("page", "title", "text", "summary"),
	"GET /pages/:page/edit":              onlyGeneral,
	"POST /pages/:page/edit":             fields("base", "title", "text", "summary", "do"),
	"GET /pages/:page/history":           queries("before"),
	"GET /pages/:page/diff":              queries("from", "to"),
	"GET /staff/members/:name/announces": queries("torrent", "from"),
}

func onlyGeneral(*nastyHouse, siteRoute) []nasty { return nil }

func paths(list ...string) (out []nasty) {
	for _, p := range list {
		out = append(out, nasty{name: p[:min(len(p), 100)], path: p})
	}
	return out
}

// queries are bombs in the values of a query.
func queries(names ...string) func(*nastyHouse, siteRoute) []nasty {
	return func(n *nastyHouse, r siteRoute) (out []nasty) {
		sep := "?"
		if strings.Contains(n.place(r), "?") {
			sep = "&"
		}
		for _, name := range names {
			for _, b := range textBombs {
				const size = 3000 // three times as much in the address, and then in the page's links
				out = append(out, nasty{name: name + ": " + b.name, path: n.place(r) + sep + url.Values{name: {b.make(size)}}.Encode()})
			}
			for _, value := range []string{"1", "0", "-1", "9223372036854775807", "1.9223372036854775807.9223372036854775807", "-9223372036854775808.-1.-1"} {
				out = append(out, nasty{name: name + ": " + value, path: n.place(r) + sep + name + "=" + value})
			}
			out = append(out, nasty{name: name + ": many", path: n.place(r) + sep + counting(name+"=", "&")(mostHead)})
		}
		return out
	}
}

// fields are bombs in the fields of a form.
func fields(names ...string) func(*nastyHouse, siteRoute) []nasty {
	return func(_ *nastyHouse, r siteRoute) []nasty { return filled(int(r.body), names...) }
}

func certificates(_ *nastyHouse, r siteRoute) []nasty {
	return append(filled(int(r.body), "certificate", "label"),
		multi("no end of headers", url.Values{"certificate": {"-----BEGIN CERTIFICATE-----\n" + counting("A", ": b\n")(12_000) + "\n-----END CERTIFICATE-----"}}),
		multi("beginnings", url.Values{"certificate": {repeated("-----BEGIN CERTIFICATE-----\n")(14_000)}}),
		multi("lists in lists", url.Values{"certificate": {"-----BEGIN CERTIFICATE-----\n" + repeated("MIAwgDCA")(14_000) + "\n-----END CERTIFICATE-----\n"}}))
}

// browse are searches for much, for what is rare, and for what is never together.
func browse(path, cursor string) func(*nastyHouse, siteRoute) []nasty {
	return func(*nastyHouse, siteRoute) (out []nasty) {
		at := func(name string, v url.Values) {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			out = append(out, nasty{name: name, path: path + sep + v.Encode()})
		}
		for _, b := range textBombs {
			at("words: "+b.name, url.Values{"q": {"common " + b.make(3000)}})
		}
		for _, b := range textBombs[:5] {
			at("tags: "+b.name, url.Values{"tag": {b.make(3000)}})
		}
		words := []string{"even odd", "odd even", "common even odd", "zz", "z", "w", "common", strings.Repeat("common ", 9) + "odd even", "even od", "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10",
			"' OR 1=1 --", strings.Repeat("(", 200), strings.Repeat("NOT ", 50), "a* OR b*", `"even" AND "odd"`, "x\x00y"}
		for _, w := range words {
			at("words: "+w[:min(20, len(w))], url.Values{"q": {w}})
			at("words of a kind: "+w[:min(20, len(w))], url.Values{"q": {w}, "category": {"1"}, "format": {"FASTA"}, "license": {"CC0"}, "creator": {fmt.Sprintf("%036d<<<a", 0)}})
			at("words with tags: "+w[:min(20, len(w))], url.Values{"q": {w}, "tag": {fmt.Sprintf("%064d,%064d", 0, 1)}})
		}
		for _, c := range []string{"1", "-1", "9223372036854775807", "9999999999999999999999", fmt.Sprint(lightGroups), "x"} {
			at("from "+c, url.Values{cursor: {c}})
			at("words from "+c, url.Values{cursor: {c}, "q": {"even odd"}})
		}
		at("a licence", url.Values{"license": {"CC0"}})
		for _, order := range []string{"time", "size", "seeders", "snatches", "x"} {
			for _, up := range []string{"", "up"} {
				for _, after := range []string{"", "0.1", "1000." + fmt.Sprint(lightGroups), "9223372036854775807.9223372036854775807", "-9223372036854775808.1", "x.y", "1"} {
					at("order "+order+up+" after "+after, url.Values{"sort": {order}, "order": {up}, "after": {after}})
				}
				at("words in order "+order+up, url.Values{"sort": {order}, "order": {up}, "q": {"even odd"}, "seeded": {"1"}, "free": {"1"}})
				at("facets in order "+order+up, url.Values{"sort": {order}, "order": {up}, "platform": {"Sanger"}, "subject": {"nothing"}, "format": {"FASTA"}, "category": {"sequences"}})
			}
		}
		at("a format that few have in common", url.Values{"format": {strings.Repeat("<", 63) + "a"}, "license": {"CC0"}})
		return out
	}
}

// heavy opens pages of the largest groups.
func heavy(patterns ...string) func(*nastyHouse, siteRoute) []nasty {
	return func(n *nastyHouse, _ siteRoute) (out []nasty) {
		for _, p := range patterns {
			for _, id := range []int64{firstHeavy, lastHeavy, n.own.GroupID, n.files.GroupID} {
				out = append(out, paths(fmt.Sprintf(p, id))...)
			}
		}
		return out
	}
}

func files(n *nastyHouse, _ siteRoute) (out []nasty) {
	for _, after := range []string{"-1", "50000", "99998", "99999999999999999999", "9223372036854775807"} {
		out = append(out, paths(fmt.Sprintf("/torrents/%d/files?after=%s", n.files.TorrentID, after))...)
	}
	for _, after := range []string{"", "1", "f1", "99999", "f99999999999999999999"} {
		for _, folder := range []string{"0", "1", "8", "-1", "99999999999999999999", "x"} {
			out = append(out, paths(fmt.Sprintf("/torrents/%d/files?folder=%s&after=%s", n.files.TorrentID, folder, after))...)
		}
	}
	for _, q := range append([]string{"f", "folder", "nothing like it", "%", "_", strings.Repeat("folder/", 28)}, textBombs[0].make(3000)) {
		for _, after := range []string{"", "99998"} {
			out = append(out, nasty{name: "names: " + q[:min(20, len(q))] + " after " + after, path: fmt.Sprintf("/torrents/%d/files?", n.files.TorrentID) + url.Values{"q": {q}, "after": {after}}.Encode()})
		}
	}
	return append(out, paths(fmt.Sprintf("/torrents/%d/files", n.own.TorrentID-1), fmt.Sprintf("/torrents/%d/files", n.own.TorrentID-2))...) // of the last group
}

func downloads(n *nastyHouse, _ siteRoute) (out []nasty) {
	for _, b := range textBombs {
		v := url.Values{"action": {"download"}, "id": {b.make(1000)}, "authkey": {b.make(1000)}, "torrent_pass": {b.make(1000)}}
		out = append(out, nasty{name: "keys: " + b.name, path: "/torrents.php?" + v.Encode()})
	}
	return append(out, paths(fmt.Sprintf("/torrents.php?action=download&id=%d", n.files.TorrentID))...)
}

// onText are forms that are right, with a text in Markdown that is meant to be costly:
// short enough for what is counted before it is rendered, and as long as it may be.
func onText(n *nastyHouse, page, field, then string, sizes ...int) (out []nasty) {
	for _, size := range sizes {
		for _, b := range markdownBombs {
			q := nasty{name: fmt.Sprintf("%s of %d: %s", field, size, b.name), typ: "multipart/form-data; boundary=" + edge, then: then}
			out = append(out, q.with(func() []byte {
				return parts(changed(n.values(page), field, "What is said of the data.\n\n"+b.make(size)), nil)
			}))
		}
	}
	return out
}

func editGroup(n *nastyHouse, r siteRoute) []nasty {
	page := n.place(r)
	right := n.values(page)
	out := filled(int(r.body), "category", "title", "subject", "object", "creators", "workgroup", "location", "year", "identifier", "tags", "picture", "literature", "description")
	out = append(out, one(int(r.body), right, "creators", "literature")...)
	return append(out, onText(n, page, "description", fmt.Sprintf("/groups/%d", n.own.GroupID), 10_000, 99_000)...)
}

func editTorrent(n *nastyHouse, r siteRoute) []nasty {
	page := n.place(r)
	notes := 12 // they are rendered as descriptions are
	if longTest {
		notes = len(markdownBombs)
	}
	out := filled(int(r.body), "platform", "format", "archive", "scope", "license", "version", "torrent_description", "seqhash", "mirrors")
	out = append(out, one(int(r.body), n.values(page), "mirrors")...)
	return append(out, onText(n, page, "torrent_description", fmt.Sprintf("/groups/%d", n.own.GroupID), 4000)[:notes]...)
}

// rightFields is a form that is right in every field.
func rightFields() url.Values {
	v := url.Values{}
	for key, value := range lambdaFields {
		v.Set(key, value)
	}
	return v
}

func check(*nastyHouse, siteRoute) []nasty {
	return append(uploads(rightFields(), longTest), filled(500<<10, "category", "group", "mirrors")...)
}

func upload(_ *nastyHouse, r siteRoute) []nasty {
	names := make([]string, 0, len(lambdaFields)+2)
	for key := range lambdaFields {
		names = append(names, key)
	}
	return append(uploads(rightFields(), longTest || r.kind != "api"), filled(500<<10, append(names, "mirrors", "picture", "group", "annotated", "anonymous", "seqhash")...)...)
}

func commandPages(_ *nastyHouse, _ siteRoute) (out []nasty) {
	for _, b := range textBombs {
		out = append(out, nasty{name: "terms: " + b.name, path: "/commands/search?" + url.Values{"terms": {b.make(3000)}, "back": {b.make(3000)}}.Encode()})
	}
	return out
}
