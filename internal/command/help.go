package command

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

func (r *Registry) helpCommands() []Spec {
	return []Spec{{
		Name: "help", Summary: "what you can ask for; with a command, how to write it",
		Args:  []Arg{{Name: "command", Kind: Text, Optional: true}},
		Guest: true, Public: true, Run: r.help,
	}}
}

// help lists what the asker may run, and nothing else: it does not tell who has
// which power.
func (r *Registry) help(_ context.Context, c Call) (Reply, error) {
	topic := strings.ToLower(strings.TrimLeft(c.Text("command"), "!"))
	if topic != "" {
		return r.helpOn(c.Actor, topic)
	}
	var lines []string
	for _, s := range r.Specs(c.Actor) {
		lines = append(lines, s.Usage()+" - "+s.Summary)
	}
	if c.Actor.isGuest() {
		lines = append(lines, "Members can ask for more: log in to IRC with your account (SASL).")
	}
	return Reply{Lines: lines}, nil
}

func (r *Registry) helpOn(a Actor, topic string) (Reply, error) {
	if s, rest, ok := r.find(strings.Fields(topic)); ok && len(rest) == 0 && r.may(a, s) == nil {
		lines := []string{s.Usage(), "  " + s.Summary}
		if len(s.Aliases) > 0 {
			lines = append(lines, "  also: "+strings.Join(s.Aliases, ", "))
		}
		if s.Preview != nil {
			lines = append(lines, "  shows first what it would do, and does it once you confirm")
		}
		return Reply{Lines: lines}, nil
	}
	var lines []string
	for _, s := range r.Specs(a) { // "help member": the commands of a family
		if strings.HasPrefix(s.Name, topic+" ") {
			lines = append(lines, s.Usage()+" - "+s.Summary)
		}
	}
	if len(lines) == 0 {
		return Reply{}, core.Errorf(core.NotFound, "there is no command %q for you; help lists them", text.Cut(topic, 40))
	}
	return Reply{Lines: lines}, nil
}
