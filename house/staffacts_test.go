package house

import (
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
)

// staffAct is something that staff do, once on each face.
type staffAct struct {
	name  string // of the command; "undo" takes back what was done before
	given string // its arguments, as the query of an address has them
	page  string // of the site, with the form
	apart string // why the shell does something else, and its row is another; "" for the same
}

// staffActs are done one after another, so that each finds what those before it have left.
// The pages are those from which staff reach the form: on the page itself, or behind a link
// that stands there.
var staffActs = []staffAct{
	{name: "member create", given: "name=dora&class=User&email=dora@lab.example", page: "/staff/members"},
	{name: "member class", given: "name=alice&class=Member", page: "/staff/members/alice"},
	{name: "undo"},
	{name: "member restrict", given: "name=alice&what=download&for=2w&reason=traded keys", page: "/staff/members/alice"},
	{name: "undo"}, // lifts it
	{name: "undo"}, // resumes it
	{name: "member lift", given: "name=alice&cause=download&reason=a mistake of ours", page: "/staff/members/alice"},
	{name: "member warn", given: "name=alice&duration=1w&reason=rude in #general", page: "/staff/members/alice"},
	{name: "member lift", given: "name=alice&cause=warned&reason=she said sorry", page: "/staff/members/alice"},
	{name: "member park", given: "name=alice&for=4w&reason=field work", page: "/staff/members/alice"},
	{name: "member lift", given: "name=alice&cause=parked&reason=she is back", page: "/staff/members/alice"},
	{name: "permission grant", given: "name=alice&permission=irc.voice&duration=1d&reason=gives a talk", page: "/staff/members/alice"},
	{name: "permission withhold", given: "name=alice&permission=stats.read&for=2d&reason=scraped the pages", page: "/staff/members/alice"},
	{name: "member disable", given: "name=alice&reason=two accounts", page: "/staff/members/alice"},
	{name: "undo"},
	{name: "member disable", given: "name=alice&reason=two accounts", page: "/staff/members/alice"},
	{name: "member enable", given: "name=alice&reason=it was her brother", page: "/staff/members/alice"},
	{name: "member tell", given: "name=alice&text=Welcome back.", page: "/staff/members/alice"},
	{name: "member announcekey", given: "name=alice", page: "/staff/members/alice"},
	{name: "member irckey", given: "name=alice", page: "/staff/members/alice"},
	{name: "note add", given: "name=alice&text=Her brother is called Bob.", page: "/staff/members/alice"},
	{name: "note remove", given: "name=alice&id=1", page: "/staff/members/alice"},
	{name: "undo"},
	{name: "member security", given: "name=alice", page: "/staff/members/alice"},
	{name: "member near", given: "name=alice", page: "/staff/members/alice"},
	{name: "member addresses", given: "name=alice", page: "/staff/members/alice"},
	{name: "member at", given: "address=203.0.113.9", page: "/staff/members"},
	{name: "branch move", given: "name=alice&under=ann", page: "/staff/members/alice"},
	{name: "undo"},
	{name: "branch disable", given: "name=alice&reason=a ring of traders", page: "/staff/members/alice"},
	{name: "undo"},
	{name: "invite give", given: "name=ann&number=3&reason=helps newcomers", page: "/staff/members/ann"},
	{name: "undo"},
	{name: "freeleech member", given: "name=ann&duration=1d&reason=a gift", page: "/staff/members/ann"},

	// Who joins, and who writes to staff.
	{name: "application claim", given: "id=1", page: "/staff/applications/1"},
	{name: "undo"},
	{name: "application claim", given: "id=1", page: "/staff/applications/1"},
	{name: "application note", given: "id=1&note=Ann knows him.", page: "/staff/applications/1"},
	{name: "application refuse", given: "id=1&wait=2d&reason=say more about your data", page: "/staff/applications/1"},
	{name: "undo"}, // opens it again
	{name: "application release", given: "id=1", page: "/staff/applications/1"},
	{name: "application claim", given: "id=2", page: "/staff/applications/2"},
	{name: "application pass", given: "id=2", page: "/staff/applications/2"},
	{name: "application reopen", given: "id=2", page: "/staff/applications/2"},
	{name: "question add", given: "answer=optional&text=What else?", page: "/staff/applications/questions"},
	{name: "undo"},
	{name: "question move", given: "id=1&place=2", page: "/staff/applications/questions"},
	{name: "question remove", given: "id=3", page: "/staff/applications/questions"},
	{name: "undo"},
	{name: "invite revoke", given: "id=1", page: "/staff/members/ann/tree"},
	{name: "contact claim", given: "id=1", page: "/staff/contact/1", apart: "the shell looks after nothing"},
	{name: "contact release", given: "id=1", page: "/staff/contact/1", apart: "the shell looks after nothing"},
	{name: "contact answer", given: "id=1&text=Volunteers run it.", page: "/staff/contact/1"},
	{name: "contact close", given: "id=1&reason=settled", page: "/staff/contact/1"},
	{name: "undo"},
	{name: "contact close", given: "id=1&reason=settled", page: "/staff/contact/1"},
	{name: "contact reopen", given: "id=1", page: "/staff/contact/1"},

	{name: "class create", given: "name=Helpers&level=130&duty=yes", page: "/staff/classes"},
	{name: "class permit", given: "class=Helpers&permission=irc.voice", page: "/staff/classes"},
	{name: "class forbid", given: "class=Helpers&permission=irc.voice", page: "/staff/classes"},
	{name: "undo"},
	{name: "class set", given: "class=Helpers&what=colour&value=green", page: "/staff/classes"},
	{name: "class slots", given: "class=User&slots=50", page: "/staff/classes"},
	{name: "class invites", given: "class=User&invites=5", page: "/staff/classes"},
	{name: "class delete", given: "class=Helpers", page: "/staff/classes"},
	{name: "class ladder", page: "/staff/classes"},

	{name: "setting set", given: "name=registration.mode&value=open", page: "/staff/settings"},
	{name: "undo"},
	{name: "setting set", given: "name=registration.limit&value=5000", page: "/staff/settings"},
	{name: "setting reset", given: "name=registration.limit", page: "/staff/settings"},
	{name: "setting add", given: "name=registration.refused_domains&word=spam.example", page: "/staff/settings"},
	{name: "setting remove", given: "name=registration.refused_domains&word=yopmail.com", page: "/staff/settings"},
	{name: "mail test", given: "address=ann@lab.example", page: "/staff/mail"},
	{name: "mail again", given: "number=1", page: "/staff/mail"},
	{name: "mail drop", given: "number=1", page: "/staff/mail"},
	{name: "limits clear", given: "who=ann", page: "/staff/limits"},

	{name: "ban add", given: "reach=site&for=2w&note=case 7&value=203.0.113.0/24&reason=open proxies", page: "/staff/bans"},
	{name: "ban list", page: "/staff/bans"},
	{name: "ban find", given: "what=203.0.113.7", page: "/staff/bans"},
	{name: "ban lift", given: "id=1&reason=sold to a school", page: "/staff/bans"},
	{name: "ban restore", given: "id=1&reason=it was a lie", page: "/staff/bans?over=on"},
	{name: "kline add", given: "mask=bad@*.example&for=2h&reason=floods", page: "/staff/irc"},
	{name: "kline remove", given: "mask=bad@*.example", page: "/staff/irc"},
	{name: "dline add", given: "mask=192.0.2.1&reason=floods", page: "/staff/irc"},
	{name: "dline remove", given: "mask=192.0.2.1", page: "/staff/irc"},
	{name: "kill", given: "nick=nobody&reason=floods", page: "/staff/irc"},
	{name: "channel create", given: "channel=#lab&purpose=Wet work", page: "/staff/irc"},
	{name: "channel set", given: "channel=#lab&what=purpose&value=Dry work", page: "/staff/irc"},
	{name: "channel delete", given: "channel=#lab", page: "/staff/irc"},
	{name: "irclog keep", given: "channel=#general&days=40", page: "/staff/irc"},

	{name: "job run", given: "name=prune-events", page: "/staff/jobs"},
	{name: "events again", given: "number=1", page: "/staff/jobs"},
	{name: "events drop", given: "number=1", page: "/staff/jobs"},
	{name: "client add", given: "prefix=-ZZ9&name=A client of the lab", page: "/staff/torrents"},
	{name: "client lowest", given: "prefix=-ZZ9&version=1.2", page: "/staff/torrents"},
	{name: "client remove", given: "prefix=-ZZ9", page: "/staff/torrents"},
	{name: "freeleech on", given: "duration=2d&reason=equinox", page: "/staff/torrents"},
	{name: "freeleech off", page: "/staff/torrents"},
	{name: "freeleech torrent", given: "id=1&state=free&reason=needs seeders", page: "/groups/1"},
	{name: "torrent delete", given: "id=1&reason=a copy of another", page: "/groups/1"},
	{name: "page revert", given: "page=rules&revision=1", page: "/pages/rules/history"},
	{name: "page reset", given: "page=terms", page: "/pages/terms/edit"},
	{name: "news remove", given: "number=1", page: "/pages/news-1/edit"},
}

// byWordOfTwo are acts that need a second member of staff. The shell's need none, so its rows
// are others.
var byWordOfTwo = []staffAct{
	{name: "member recover", given: "name=cleo&reason=she showed her passport", page: "/staff/members/cleo", apart: "the shell's word is enough"},
	{name: "pending drop", page: "/staff/approvals", apart: "nothing waits"},
	{name: "member recover", given: "name=cleo&reason=she showed it again", page: "/staff/members/cleo", apart: "the shell's word is enough"},
	{name: "approve", page: "/staff/approvals", apart: "nothing waits"},
	{name: "member recoverlink", given: "name=cleo", page: "/staff/members/cleo"},
	{name: "member unrecover", given: "name=cleo", page: "/staff/members/cleo"},
	{name: "rules require", page: "/pages/rules/edit"}, // then the site asks staff, too, before anything else
}

// ownPage is the reason of those that members do, too.
const ownPage = "its form is among the settings of each member"

// notOnAll are the commands of staff that are not done once on each face, with the reason.
var notOnAll = map[string]string{
	"member passphrase": "for the shell of the machine alone",
	"page edit":         "a text of many lines, which is written on the site alone",
	"news add":          "a text of many lines, which is written on the site alone",
	"page title":        "the form of page edit has the title",
	"ban show":          "the list of bans on the site shows as much",

	"application show": "the page of an application on the site shows as much, and is noted as the command is",
	"contact show":     "the page of a message on the site shows as much, and is noted as the command is",

	"invite link": ownPage, "invite send": ownPage,
}

// arguments are those of an act by their names.
func (a staffAct) arguments() (url.Values, error) {
	return url.ParseQuery(strings.NewReplacer("+", "%2B", " ", "%20").Replace(a.given))
}

// line is the act as somebody types it.
func (a staffAct) line(info command.Info, given url.Values) string {
	line := info.Name
	var rest []string
	for _, arg := range info.Args {
		value := given.Get(arg.Name)
		switch {
		case value == "":
		case arg.Flag:
			line += " " + command.Join([]string{"--" + arg.Name, value})
		default:
			rest = append(rest, value)
		}
	}
	if len(rest) > 0 {
		line += " " + command.Join(rest)
	}
	return line
}
