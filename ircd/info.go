package ircd

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(i int) string { return strconv.Itoa(i) }

func cmdPing(r *request) {
	if len(r.params) == 0 {
		r.reply(errNoOrigin, "No origin specified")
		return
	}
	r.n.sendLine(r.s, "PONG", r.n.cfg.ServerName, r.param(0))
}

func cmdQuit(r *request) {
	reason := "Quit"
	if text := clip(r.param(0), maxReason); text != "" {
		reason = "Quit: " + text
	}
	r.n.drop(r.s, reason)
}

// cmdLusers counts people, not connections that haven't registered.
func cmdLusers(r *request) { r.n.sendLusers(r.s) }

func (n *network) sendLusers(s *session) {
	users := len(n.nicks)
	all := itoa(users)
	n.numeric(s, rplLUserClient, "There are "+itoa(users-n.invisible)+" users and "+itoa(n.invisible)+" invisible on 1 servers")
	n.numeric(s, rplLUserOp, itoa(len(n.opers)), "operator(s) online")
	n.numeric(s, rplLUserUnknown, itoa(n.unknown), "unknown connection(s)")
	n.numeric(s, rplLUserChannels, itoa(len(n.channels)), "channels formed")
	n.numeric(s, rplLUserMe, "I have "+all+" clients and 0 servers")
	n.numeric(s, rplLocalUsers, all, itoa(n.peak), "Current local users "+all+", max "+itoa(n.peak))
	n.numeric(s, rplGlobalUsers, all, itoa(n.peak), "Current global users "+all+", max "+itoa(n.peak))
}

func cmdMOTD(r *request) {
	if r.otherServer(r.param(0)) {
		return
	}
	r.n.sendMOTD(r.s)
}

func (n *network) sendMOTD(s *session) {
	if strings.TrimSpace(n.cfg.MOTD) == "" {
		n.numeric(s, errNoMOTD, "MOTD File is missing")
		return
	}
	n.numeric(s, rplMOTDStart, "- "+n.cfg.ServerName+" Message of the day - ")
	for l := range strings.Lines(n.cfg.MOTD) {
		n.numeric(s, rplMOTD, "- "+strings.TrimRight(l, "\r\n"))
	}
	n.numeric(s, rplEndOfMOTD, "End of MOTD command")
}

// otherServer answers a question for a server that doesn't exist.
func (r *request) otherServer(name string) bool {
	if name == "" || matches(name, r.n.cfg.ServerName) || r.n.find(name) != nil {
		return false
	}
	r.reply(errNoSuchServer, clip(name, maxChannel), "No such server")
	return true
}

func cmdVersion(r *request) {
	if r.otherServer(r.param(0)) {
		return
	}
	r.reply(rplVersion, r.n.version, r.n.cfg.ServerName, "")
	r.n.sendISupport(r.s)
}

func cmdTime(r *request) {
	if r.otherServer(r.param(0)) {
		return
	}
	now := r.n.clock().UTC()
	r.reply(rplTime, r.n.cfg.ServerName, now.Format(time.RFC1123))
}

func cmdInfo(r *request) {
	if r.otherServer(r.param(0)) {
		return
	}
	r.reply(rplInfo, r.n.version+": the IRC room of Caduceus, a private tracker for biology data")
	r.reply(rplInfo, "Running since "+r.n.started.UTC().Format(time.RFC1123))
	r.reply(rplEndOfInfo, "End of INFO list")
}

func cmdAdmin(r *request) {
	if r.otherServer(r.param(0)) {
		return
	}
	r.reply(rplAdminMe, r.n.cfg.ServerName, "Administrative info")
	r.reply(rplAdminLoc1, r.n.name)
	r.reply(rplAdminLoc2, "The staff of the site run this network")
	r.reply(rplAdminEmail, r.n.cfg.Admin)
}

// cmdLinks is LINKS: a network of one server.
func cmdLinks(r *request) {
	me := r.n.cfg.ServerName
	r.reply(rplLinks, me, me, "0 "+r.n.name)
	r.reply(rplEndOfLinks, "*", "End of LINKS list")
}

// cmdHelp shows how commands are used, from the command table.
func cmdHelp(r *request) {
	subject := strings.ToUpper(clip(r.param(0), 32))
	if subject != "" {
		cmd := r.n.table[subject]
		if cmd == nil {
			r.reply(errHelpNotFound, subject, "No help available on this topic")
			return
		}
		usage := cmd.usage
		if usage == "" {
			usage = cmd.name
		}
		r.reply(rplHelpStart, subject, usage)
		text := ""
		switch {
		case cmd.oper && cmd.need != "":
			text = "For operators (see OPER) with the permission " + string(cmd.need) + "."
		case cmd.oper:
			text = "For operators (see OPER)."
		}
		r.reply(rplHelpTxt, subject, text)
		r.reply(rplEndOfHelp, subject, "End of /HELP")
		return
	}
	r.reply(rplHelpStart, "*", "Commands of this server; HELP command says more:")
	for group := range slices.Chunk(slices.Sorted(maps.Keys(r.n.table)), 10) {
		r.reply(rplHelpTxt, "*", strings.Join(group, " "))
	}
	r.reply(rplEndOfHelp, "*", "Ask people in #support")
}
