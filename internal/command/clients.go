package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func (r *Registry) clientCommands() []Spec {
	return []Spec{
		{
			Name: "client list", Aliases: []string{"clients"}, Summary: "the BitTorrent clients that may be used", Run: r.clientList,
		}, {
			Name: "client add", Summary: "allow clients by the beginning of their peer-id, such as -TR4", Permission: core.ClientManage,
			Args: []Arg{{Name: "prefix", Kind: Word}, {Name: "name", Kind: Text}}, Changes: true, Run: r.clientAdd,
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
		items[i] = fmt.Sprintf("%s %s", rule.Prefix, rule.Name)
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
	rule, err := r.deps.Clients.Add(ctx, c.Text("prefix"), c.Text("name"))
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Clients whose peer-id begins with %s (%s) may announce.", rule.Prefix, rule.Name)},
		Undo:  Join([]string{"client", "remove", rule.Prefix}),
	}, nil
}

// clientName returns the name of a rule, so that its removal can be taken back.
func (r *Registry) clientName(ctx context.Context, prefix string) (string, error) {
	rules, err := r.deps.Clients.Rules(ctx)
	if err != nil {
		return "", err
	}
	for _, rule := range rules {
		if rule.Prefix == prefix {
			return rule.Name, nil
		}
	}
	return "", core.Errorf(core.NotFound, "%q is not on the list", prefix)
}

func (r *Registry) previewClientRemove(ctx context.Context, c Call) (Preview, error) {
	prefix := c.Text("prefix")
	name, err := r.clientName(ctx, prefix)
	if err != nil {
		return Preview{}, err
	}
	return Preview{
		Lines: []string{fmt.Sprintf("This would refuse every client whose peer-id begins with %s (%s), from its next announce on.", prefix, name)},
		State: prefix + " " + name,
	}, nil
}

func (r *Registry) clientRemove(ctx context.Context, c Call) (Reply, error) {
	prefix := c.Text("prefix")
	name, err := r.clientName(ctx, prefix)
	if err != nil {
		return Reply{}, err
	}
	if err := r.deps.Clients.Remove(ctx, prefix); err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Clients whose peer-id begins with %s (%s) are refused.", prefix, name)},
		Undo:  Join([]string{"client", "add", prefix, name}),
	}, nil
}
