package hermes

import "github.com/prometheus/client_golang/prometheus"

// metrics are the room's counters.
type metrics struct {
	connected   prometheus.Gauge   // 1 while in the announce channel under our own nick
	connects    prometheus.Counter // tries to connect
	announced   prometheus.Counter
	skipped     *prometheus.CounterVec // uploads passed over, by why
	undelivered prometheus.Counter     // lines the server didn't take, each try
	given       prometheus.Counter     // notices given up
	commands    *prometheus.CounterVec // by result
	lag         prometheus.Gauge       // seconds from the last announced upload's event to its acknowledgement
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		connected:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "hermes_connected", Help: "1 while the bot can announce."}),
		connects:    prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_connects_total", Help: "Tries to connect to IRC."}),
		announced:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_announced_total", Help: "Uploads announced and acknowledged."}),
		skipped:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hermes_skipped_total", Help: "Uploads not announced, by reason."}, []string{"reason"}),
		undelivered: prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_undelivered_total", Help: "Lines that the server did not take; they are tried again."}),
		given:       prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_notices_given_up_total", Help: "Notices that no channel took."}),
		commands:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hermes_commands_total", Help: "Commands by result."}, []string{"result"}),
		lag:         prometheus.NewGauge(prometheus.GaugeOpts{Name: "hermes_announce_lag_seconds", Help: "From the last upload's event to its acknowledged announce."}),
	}
	if reg != nil {
		reg.MustRegister(m.connected, m.connects, m.announced, m.skipped, m.undelivered, m.given, m.commands, m.lag)
	}
	return m
}
