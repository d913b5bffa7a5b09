package house

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// showAddresses prints where to go.
func (h *House) showAddresses(out io.Writer, rooms []string) {
	s := h.Settings
	var lines []string
	add := func(room, line string) {
		if slices.Contains(rooms, room) {
			lines = append(lines, line)
		}
	}
	add("site", "site     "+s.Site.URL)
	add("tracker", "tracker  "+strings.TrimSuffix(s.Tracker.AnnounceURL, "/")+"/{announce-key}/announce")
	if info := s.ircInfo(); info.TLSPort != 0 {
		add("ircd", fmt.Sprintf("IRC      %s:%d with TLS; log in by SASL with name and IRC key", info.Host, info.TLSPort))
	}
	if s.IRC.ListenPlain != "" {
		add("ircd", "IRC      "+s.IRC.ListenPlain+" without TLS")
	}
	if s.Ops.Listen != "" {
		lines = append(lines, "health   http://"+s.Ops.Listen+"/healthz and /metrics")
	}
	lines = append(lines, "commands "+s.CommandLine("help"), "         "+s.CommandLine("member passphrase NAME")+" for a lost passphrase", "stop     Ctrl-C")
	PrintBox(out, s.Site.Name+" is open: "+strings.Join(rooms, ", "), lines...)
}

// PrintBox prints lines below a title, set off from what else is on the terminal.
func PrintBox(out io.Writer, title string, lines ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s\n", title)
	for _, l := range lines {
		fmt.Fprintf(&b, "    %s\n", l)
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(out, b.String()) // a closed terminal must not stop the rooms
}
