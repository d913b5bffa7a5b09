package house

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// door is an address that a room, or the process itself ("ops"), listens on.
type door struct {
	room, key, address string
	udp                bool
}

// doors lists those of the whole configuration.
func (s Settings) doors() (out []door) {
	add := func(room, key string, udp bool, addresses ...string) {
		for _, a := range addresses {
			if a != "" {
				out = append(out, door{room, key, a, udp})
			}
		}
	}
	add("tracker", "tracker.listen", false, s.Tracker.Listen...)
	add("tracker", "tracker.ocelot_listen", false, s.Tracker.OcelotListen)
	add("tracker", "tracker.udp_listen", true, s.Tracker.UDPListen...)
	add("site", "site.listen", false, s.Site.Listen)
	add("ircd", "irc.listen_tls", false, s.IRC.ListenTLS)
	add("ircd", "irc.listen_plain", false, s.IRC.ListenPlain)
	add("ircd", "irc.listen_websocket", false, s.IRC.ListenWeb)
	add("jobs", "mail.bounces", false, s.Mail.Bounces)
	add("ops", "ops.listen", false, s.Ops.Listen)
	return out
}

// checkDoors makes sure that rooms can be had on one machine: that no two of them listen
// on the same port of the same address. Rooms on machines of their own may.
func (s Settings) checkDoors(rooms []string) error {
	served := map[string]bool{"ops": true}
	for _, r := range rooms {
		served[r] = true
	}
	var open []door
	for _, d := range s.doors() {
		if !served[d.room] {
			continue
		}
		for _, o := range open {
			if o.udp == d.udp && core.Collide(o.address, d.address) {
				return core.FieldErrorf(d.key, "%s is the same port of the same address as %s of %s; give one of them another port", d.address, o.address, o.key)
			}
		}
		open = append(open, d)
	}
	return nil
}

// sharedDoors says which rooms can't be had on one machine, "" for none.
func (s Settings) sharedDoors() string {
	if err := s.checkDoors(s.rooms()); err != nil {
		return fmt.Sprintf("%s: %s; as it is, they can't run on one machine", core.FieldOf(err), strings.TrimSuffix(core.SafeText(err), "; give one of them another port"))
	}
	return ""
}
