package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

type initCmd struct{}

// Run makes what a first start makes, and ends.
func (initCmd) Run(g *globals) error {
	return withHouse(g, func(ctx context.Context, h *house) error {
		first, err := h.setUp(ctx)
		if err != nil {
			return err
		}
		if first == nil {
			fmt.Println("Everything was there already; nothing was changed.")
			return nil
		}
		first.show(os.Stdout)
		return nil
	})
}

type migrateCmd struct{}

// Run applies the migrations that are missing.
func (migrateCmd) Run(g *globals) error {
	return withHouse(g, func(ctx context.Context, h *house) error {
		applied, err := h.db.Migrate(ctx)
		if err != nil {
			return err
		}
		if len(applied) == 0 {
			fmt.Println("The schema was up to date.")
			return nil
		}
		fmt.Printf("Applied migrations %v.\n", applied)
		return nil
	})
}

// withHouse opens the house for a command that ends by itself.
func withHouse(g *globals, do func(ctx context.Context, h *house) error) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	unlock, err := lockDataDir(s)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, stop := untilSignal(os.Stderr)
	defer stop()
	h, err := openHouse(ctx, s, s.House.logger(), true)
	if err != nil {
		return err
	}
	defer h.close()
	return do(ctx, h)
}

// show prints the first account. Its secrets are not kept readable anywhere, so
// this is the only time.
func (a *firstAccount) show(out io.Writer) {
	printBox(out, "The first account was made. This is shown once; keep it.",
		"name        "+a.Name,
		"passphrase  "+a.Password,
		"IRC key     "+a.IRCKey)
}

// showAddresses prints where to go.
func (h *house) showAddresses(out io.Writer, rooms []string) {
	s := h.settings
	var lines []string
	add := func(room, line string) {
		if slices.Contains(rooms, room) {
			lines = append(lines, line)
		}
	}
	add("site", "site     "+s.Site.URL)
	add("tracker", "tracker  "+strings.TrimSuffix(s.Tracker.AnnounceURL, "/")+"/{passkey}/announce")
	if info := s.ircInfo(); info.TLSPort != 0 {
		add("ircd", fmt.Sprintf("IRC      %s:%d with TLS; log in by SASL with name and IRC key", info.Host, info.TLSPort))
	}
	if s.IRC.ListenPlain != "" {
		add("ircd", "IRC      "+s.IRC.ListenPlain+" without TLS")
	}
	if s.Ops.Listen != "" {
		lines = append(lines, "health   http://"+s.Ops.Listen+"/healthz and /metrics")
	}
	lines = append(lines, "commands caduceus do help (a lost passphrase: caduceus do member passphrase NAME)", "stop     Ctrl-C")
	printBox(out, s.Site.Name+" is open: "+strings.Join(rooms, ", "), lines...)
}

func printBox(out io.Writer, title string, lines ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s\n", title)
	for _, l := range lines {
		fmt.Fprintf(&b, "    %s\n", l)
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(out, b.String()) // a closed terminal must not stop the rooms
}
