package ircd

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the room's own. They are made once, so they outlive its restarts.
type metrics struct {
	connections   prometheus.Gauge
	received      prometheus.Counter
	sent          prometheus.Counter
	messages      prometheus.Counter
	panics        prometheus.Counter
	refused       prometheus.Counter
	unkept        prometheus.Counter
	loginFailures *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return registered(reg, prometheus.NewCounter(prometheus.CounterOpts{Namespace: "caduceus", Subsystem: "irc", Name: name, Help: help}))
	}
	return &metrics{
		connections: registered(reg, prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "caduceus", Subsystem: "irc",
			Name: "connections", Help: "Open client connections."})),
		received: counter("lines_received_total", "Lines read from clients."),
		sent:     counter("lines_sent_total", "Lines queued for clients."),
		messages: counter("messages_total", "PRIVMSG, NOTICE and TAGMSG, counted once for each target."),
		panics:   counter("panics_total", "Commands that panicked; each ended its connection."),
		refused:  counter("refused_total", "Connections that were over a limit."),
		unkept:   counter("history_dropped_total", "Lines that the history lacks because the database was too slow or away."),
		loginFailures: registered(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "caduceus", Subsystem: "irc",
			Name: "login_failures_total", Help: "Logins that failed, by why: refused, limited or unavailable."}, []string{"why"})),
	}
}

// registered registers a collector, or returns the one that a room of the same
// kind registered before.
func registered[T prometheus.Collector](reg prometheus.Registerer, c T) T {
	var known prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &known) {
		if old, ok := known.ExistingCollector.(T); ok {
			return old
		}
	}
	return c
}
