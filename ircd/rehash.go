package ircd

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// liveKeys are the keys of [irc] that a running network can change. They are read under
// its lock only.
var liveKeys = []string{
	"motd", "admin", "guests", "free_channels", "max_clients", "max_per_address", "max_per_network", "max_per_account",
	"connects_per_minute", "connects_burst", "login_tries", "registration_timeout", "ping_interval", "ping_timeout",
	"lines_per_minute", "lines_burst", "guest_lines_per_minute", "guest_lines_burst", "bot_lines_per_minute", "bot_lines_burst",
	"joins_per_minute", "joins_burst", "nicks_per_minute", "nicks_burst", "replay_lines", "oper_name", "oper_hash",
}

// follow takes the live keys of another configuration. It returns the keys that it took, and
// those that differ and need a restart.
func (c *Config) follow(next Config) (taken, left []string) {
	was, is := reflect.ValueOf(c).Elem(), reflect.ValueOf(next)
	for i := range was.NumField() {
		key := was.Type().Field(i).Tag.Get("toml")
		switch {
		case reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()):
		case slices.Contains(liveKeys, key):
			was.Field(i).Set(is.Field(i))
			taken = append(taken, key)
		default:
			left = append(left, key)
		}
	}
	return taken, left
}

// inWords says which keys were taken, and which need a restart.
func inWords(taken, left []string) string {
	text := "nothing changed"
	if len(taken) > 0 {
		text = "changed: " + strings.Join(taken, ", ")
	}
	if len(left) > 0 {
		text += "; needs a restart: " + strings.Join(left, ", ")
	}
	return text
}

// readAgain reads the configuration again, and changes nothing.
func (n *network) readAgain() (Config, error) {
	if n.reload == nil {
		return Config{}, core.Errorf(core.Unavailable, "this server has no configuration that it could read again")
	}
	next, err := n.reload()
	if err != nil {
		n.log.Error("the configuration can't be read again and stays as it was", "err", err)
		return next, core.Wrap(err, core.Invalid, "the configuration has a mistake, which is in the log; it stays as it was")
	}
	// What New fills in where the file says nothing.
	if next.Network == "" {
		next.Network = n.cfg.Network
	}
	if next.CertFile == "" {
		next.CertFile, next.KeyFile = n.cfg.CertFile, n.cfg.KeyFile
	}
	return next, nil
}

// preview says what take would do.
func (n *network) preview(next Config) (text string) {
	n.locked(func() {
		c := n.cfg
		text = inWords(c.follow(next))
	})
	return text
}

// take takes the live keys of a configuration, and says what came of it.
func (n *network) take(next Config) (text string) {
	n.locked(func() {
		text = inWords(n.cfg.follow(next))
		n.adopted(n.cfg)
		n.census.setPace(&n.cfg, n.rates)
		for s := range n.sessions {
			n.adjustPace(s)
		}
	})
	n.log.Info("read the configuration of IRC again", "result", text)
	return text
}

func (n *network) lookAtCertificate() {
	if n.certs != nil {
		n.certs.Look()
	}
}

// cmdRehash is REHASH.
func cmdRehash(r *request) {
	n := r.n
	r.locked(func() { r.reply(rplRehashing, "[irc]", "Rehashing") })
	var next Config
	r.act(deed{
		command: "rehash",
		check: func(context.Context) (res result, err error) {
			if next, err = n.readAgain(); err == nil {
				res.detail = n.preview(next)
			}
			return res, err
		},
		do: func(context.Context) (string, error) {
			n.lookAtCertificate()
			return n.take(next), nil
		},
	})
}

// Rehash reads the configuration and the certificate of a running network again, as the
// command does. Failures are logged.
func (r *Room) Rehash() {
	r.mu.Lock()
	n := r.now
	r.mu.Unlock()
	if n == nil {
		r.rehashForNext()
		return
	}
	n.lookAtCertificate()
	if next, err := n.readAgain(); err == nil {
		text := n.take(next)
		n.locked(func() { n.snotice("", "the configuration was read again ("+text+")") })
	}
}

// rehashForNext reads the configuration for the run to come.
func (r *Room) rehashForNext() {
	if r.deps.Reload == nil {
		return
	}
	next, err := r.deps.Reload()
	if err != nil {
		r.deps.Log.Error("the configuration can't be read again and stays as it was", "err", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken.follow(next)
}

// adopt keeps what a network has taken, for the next run: the room may start again by
// itself, and must not come back with settings that were replaced.
func (r *Room) adopt(c Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = c
}

// newest is the configuration for a run.
func (r *Room) newest() Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// running notes the network of the run.
func (r *Room) running(n *network) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = n
}
