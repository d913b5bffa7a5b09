package oversight

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

const limitLines = 5 // of each kind

func (d Deps) limits() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "limits", Summary: "the accounts and networks with most wrong logins, and who is refused most because they do too much", Permission: core.MemberSeePrivate, Secret: true},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			accounts, places, err := d.Guard.Worst(ctx, limitLines)
			if err != nil {
				return command.Reply{}, err
			}
			refused, err := d.Rates.Worst(ctx, limitLines)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Number", "Who", "Of what", "How much", "Must wait"}, Empty: "Nothing is held against anybody."}
			for _, h := range accounts {
				name, err := d.known(ctx, h.Name)
				if err != nil {
					return command.Reply{}, err
				}
				t.Rows = append(t.Rows, triesRow(h, name))
			}
			for _, h := range places {
				t.Rows = append(t.Rows, triesRow(h, address(c.Actor, h.Name)))
			}
			for _, h := range refused {
				who := "account " + h.Who.Name
				if h.Who.By == rates.Network {
					who = address(c.Actor, h.Who.Name)
				}
				times := fmt.Sprintf("%d refused in a minute", h.Times)
				t.Rows = append(t.Rows, command.Row{Cells: []string{"#" + h.ID, who, h.Limit, times, ""},
					Text: fmt.Sprintf("#%s %s: %s, %s", h.ID, who, h.Limit, times)})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// known is how an account is called that somebody tried. What is no member's name is not
// shown: it may be a passphrase in the wrong field.
func (d Deps) known(ctx context.Context, name string) (string, error) {
	m, err := d.Members.ByName(ctx, name)
	switch core.CodeOf(err) {
	case "":
		return "account " + m.Name, nil
	case core.NotFound:
		return "a name that nobody has", nil
	}
	return "", err
}

// address is how an address or a network is called, before those who may see it.
func address(a command.Actor, name string) string {
	if a.Can(core.IRCAddress) {
		return name
	}
	return "an address"
}

func triesRow(h guess.Held, who string) command.Row {
	tries, wait := fmt.Sprintf("%d tries", h.Tries), ""
	if h.Tries == 1 {
		tries = "1 try"
	}
	line := fmt.Sprintf("#%s %s: wrong logins, %s", h.ID, who, tries)
	if h.Wait > 0 {
		wait = (h.Wait + time.Second).Truncate(time.Second).String()
		line += ", must wait " + wait
	}
	return command.Row{Cells: []string{"#" + h.ID, who, "wrong logins", tries, wait}, Text: line}
}

type clearArgs struct {
	Who string `arg:"who" hint:"a member, an address, a network, or a number of limits"`
}

func (d Deps) clearLimits() command.Command {
	return command.Action[clearArgs]{
		Spec: command.Spec{Name: "limits clear", Aliases: []string{"guess clear"}, Summary: "forget the wrong logins of an account, an address or a network, and give back what it used up", Permission: core.MemberKeys},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a clearArgs) (command.Reply, error) {
			wrong, err := d.Guard.Clear(ctx, tx, a.Who)
			if err != nil {
				return command.Reply{}, err
			}
			asked, err := d.Rates.Clear(ctx, tx, a.Who)
			switch {
			case err != nil:
				return command.Reply{}, err
			case wrong == 0 && !asked:
				return command.Reply{}, core.Errorf(core.NotFound, "nothing is held against %s; limits shows against whom something is", a.Who)
			case wrong == 0:
				return command.Say("No wrong logins are held against %s. What it has used up of its rates is given back.", a.Who), nil
			}
			return command.Say("The wrong logins of %s are forgotten, and those from where it was tried. What it has used up of its rates is given back.", a.Who), nil
		},
	}
}
