package tracker

import (
	"cmp"
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// lineLimit is what fits into one IRC message with room to spare, in bytes.
const lineLimit = 380

func (d Deps) clients() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "client list", Aliases: []string{"clients"}, Summary: "the BitTorrent clients that may be used"},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			rules, err := d.Clients.Rules(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Client", "Peer-id begins with", "Oldest version"}, Empty: "The list is empty: no client may announce."}
			items := make([]string, len(rules))
			for i, rule := range rules {
				items[i] = fmt.Sprintf("%s %s%s", rule.Prefix, rule.Name, from(rule.Lowest))
				t.Rows = append(t.Rows, command.Row{Cells: []string{rule.Name, rule.Prefix, cmp.Or(rule.Lowest, "any")}})
			}
			t.Chat = pack(items, ", ", lineLimit)
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
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

// from tells of a lowest version, if there is one.
func from(lowest string) string {
	if lowest == "" {
		return ""
	}
	return " from " + lowest
}

type addArgs struct {
	Prefix string       `arg:"prefix"`
	Lowest string       `arg:"lowest,flag,optional"`
	Name   command.Text `arg:"name"`
}

func (d Deps) addClient() command.Command {
	return command.Action[addArgs]{
		Spec: command.Spec{Name: "client add", Summary: "allow clients by the beginning of their peer-id, such as -TR4", Permission: core.ClientManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a addArgs) (string, error) {
			return d.standing(ctx, tx, a.Prefix)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a addArgs) (command.Reply, error) {
			rule, err := d.Clients.In(tx).Add(ctx, a.Prefix, string(a.Name), a.Lowest)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Clients whose peer-id begins with %s (%s%s) may announce.", rule.Prefix, rule.Name, from(rule.Lowest)).
				With("client remove", prefixArgs{Prefix: rule.Prefix}), nil
		},
	}
}

// anyVersion is what staff write to allow every version.
const anyVersion = "any"

type lowestArgs struct {
	Prefix  string `arg:"prefix"`
	Version string `arg:"version"`
}

func (d Deps) lowestClient() command.Command {
	return command.Action[lowestArgs]{
		Spec: command.Spec{Name: "client lowest", Summary: "refuse versions older than one, such as 4.0.5; any allows all again", Permission: core.ClientManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a lowestArgs) (string, error) {
			return d.standing(ctx, tx, a.Prefix)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a lowestArgs) (command.Reply, error) {
			was, err := d.rule(ctx, tx, a.Prefix)
			if err != nil {
				return command.Reply{}, err
			}
			lowest := a.Version
			if lowest == anyVersion {
				lowest = ""
			}
			if err := d.Clients.In(tx).SetLowest(ctx, a.Prefix, lowest); err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("Every version of %s (%s) may announce.", a.Prefix, was.Name)
			if lowest != "" {
				reply = command.Say("%s (%s) may announce from version %s on.", a.Prefix, was.Name, lowest)
			}
			undo := lowestArgs{Prefix: a.Prefix, Version: was.Lowest}
			if undo.Version == "" {
				undo.Version = anyVersion
			}
			return reply.With("client lowest", undo), nil
		},
	}
}

// rule returns the rule of a prefix, so that its change can be taken back.
func (d Deps) rule(ctx context.Context, tx *db.Tx, prefix string) (client.Rule, error) {
	rules, err := d.Clients.In(tx).Rules(ctx)
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

// standing is what a decision about a prefix rests on: its rule, "" for none.
func (d Deps) standing(ctx context.Context, tx *db.Tx, prefix string) (string, error) {
	rule, err := d.rule(ctx, tx, prefix)
	if core.CodeOf(err) == core.NotFound {
		return "", nil
	}
	return rule.Prefix + " " + rule.Lowest + " " + rule.Name, err
}

type prefixArgs struct {
	Prefix string `arg:"prefix"`
}

func (d Deps) removeClient() command.Command {
	return command.Action[prefixArgs]{
		Spec: command.Spec{Name: "client remove", Summary: "refuse clients from their next announce on", Permission: core.ClientManage},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a prefixArgs) ([]string, error) {
			rule, err := d.rule(ctx, tx, a.Prefix)
			return []string{fmt.Sprintf("This would refuse every client whose peer-id begins with %s (%s), from its next announce on.", rule.Prefix, rule.Name)}, err
		},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a prefixArgs) (string, error) {
			return d.standing(ctx, tx, a.Prefix)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a prefixArgs) (command.Reply, error) {
			rule, err := d.rule(ctx, tx, a.Prefix)
			if err != nil {
				return command.Reply{}, err
			}
			if err := d.Clients.In(tx).Remove(ctx, rule.Prefix); err != nil {
				return command.Reply{}, err
			}
			return command.Say("Clients whose peer-id begins with %s (%s) are refused.", rule.Prefix, rule.Name).
				With("client add", addArgs{Prefix: rule.Prefix, Lowest: rule.Lowest, Name: command.Text(rule.Name)}), nil
		},
	}
}
