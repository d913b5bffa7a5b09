package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
)

func (r *Registry) clientCommands() []Spec {
	return []Spec{
		{
			Name: "client list", Aliases: []string{"clients"}, Summary: "the BitTorrent clients that may be used", Run: r.clientList,
		}, {
			Name: "client add", Summary: "allow clients by the beginning of their peer-id, such as -TR4", Permission: core.ClientManage,
			Args:    []Arg{{Name: "prefix", Kind: Word}, {Name: "lowest", Kind: Word, Flag: true, Optional: true}, {Name: "name", Kind: Text}},
			Changes: true, Run: r.clientAdd,
		}, {
			Name: "client lowest", Summary: "refuse versions older than one, such as 4.0.5; any allows all again", Permission: core.ClientManage,
			Args: []Arg{{Name: "prefix", Kind: Word}, {Name: "version", Kind: Word}}, Changes: true, Run: r.clientLowest,
		}, {
			Name: "client remove", Summary: "refuse clients from their next announce on", Permission: core.ClientManage,
			Args: []Arg{{Name: "prefix", Kind: Word}}, Changes: true, Preview: r.previewClientRemove, Run: r.clientRemove,
		},
	}
}

// lineLimit is what fits into one IRC message with room to spare, in bytes.
const lineLimit = 380

func (r *Registry) clientList(ctx context.Context, _ Call) (Reply, error) {
	rules, err := r.deps.Clients.Rules(ctx)
	if err != nil {
		return Reply{}, err
	}
	if len(rules) == 0 {
		return Reply{Lines: []string{"The list is empty: no client may announce."}}, nil
	}
	items := make([]string, len(rules))
	for i, rule := range rules {
		items[i] = fmt.Sprintf("%s %s%s", rule.Prefix, rule.Name, from(rule.Lowest))
	}
	return Reply{Lines: pack(items, ", ", lineLimit)}, nil
}

// pack puts as many items on each line as fit into limit bytes.
func pack(items []string, separator string, limit int) []string {
	var lines []string
	for _, item := range items {
		last := len(lines) - 1
		if last >= 0 && len(lines[last])+len(separator)+len(item) <= limit {
			lines[last] += separator + item
			continue
		}
		lines = append(lines, item)
	}
	return lines
}

func (r *Registry) clientAdd(ctx context.Context, c Call) (Reply, error) {
	rule, err := r.deps.Clients.Add(ctx, c.Text("prefix"), c.Text("name"), c.Text("lowest"))
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Clients whose peer-id begins with %s (%s%s) may announce.", rule.Prefix, rule.Name, from(rule.Lowest))},
		Undo:  Join([]string{"client", "remove", rule.Prefix}),
	}, nil
}

// from tells of a lowest version, if there is one.
func from(lowest string) string {
	if lowest == "" {
		return ""
	}
	return " from " + lowest
}

// anyVersion is what staff write to allow every version.
const anyVersion = "any"

func (r *Registry) clientLowest(ctx context.Context, c Call) (Reply, error) {
	prefix, lowest := c.Text("prefix"), c.Text("version")
	was, err := r.clientRule(ctx, prefix)
	if err != nil {
		return Reply{}, err
	}
	if lowest == anyVersion {
		lowest = ""
	}
	if err := r.deps.Clients.SetLowest(ctx, prefix, lowest); err != nil {
		return Reply{}, err
	}
	text := fmt.Sprintf("Every version of %s (%s) may announce.", prefix, was.Name)
	if lowest != "" {
		text = fmt.Sprintf("%s (%s) may announce from version %s on.", prefix, was.Name, lowest)
	}
	undo := was.Lowest
	if undo == "" {
		undo = anyVersion
	}
	return Reply{Lines: []string{text}, Undo: Join([]string{"client", "lowest", prefix, undo})}, nil
}

// clientRule returns a rule, so that its change can be taken back.
func (r *Registry) clientRule(ctx context.Context, prefix string) (client.Rule, error) {
	rules, err := r.deps.Clients.Rules(ctx)
	if err != nil {
		return client.Rule{}, err
	}
	for _, rule := range rules {
		if rule.Prefix == prefix {
			return rule, nil
		}
	}
	return client.Rule{}, core.Errorf(core.NotFound, "%q is not on the list", prefix)
}

func (r *Registry) previewClientRemove(ctx context.Context, c Call) (Preview, error) {
	rule, err := r.clientRule(ctx, c.Text("prefix"))
	if err != nil {
		return Preview{}, err
	}
	return Preview{
		Lines: []string{fmt.Sprintf("This would refuse every client whose peer-id begins with %s (%s), from its next announce on.", rule.Prefix, rule.Name)},
		State: rule.Prefix + " " + rule.Name,
	}, nil
}

func (r *Registry) clientRemove(ctx context.Context, c Call) (Reply, error) {
	rule, err := r.clientRule(ctx, c.Text("prefix"))
	if err != nil {
		return Reply{}, err
	}
	if err := r.deps.Clients.Remove(ctx, rule.Prefix); err != nil {
		return Reply{}, err
	}
	undo := []string{"client", "add", rule.Prefix}
	if rule.Lowest != "" {
		undo = append(undo, "--lowest="+rule.Lowest)
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Clients whose peer-id begins with %s (%s) are refused.", rule.Prefix, rule.Name)},
		Undo:  Join(append(undo, rule.Name)),
	}, nil
}
