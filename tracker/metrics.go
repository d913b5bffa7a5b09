package tracker

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker/trace"
)

// counters has one counter for each outcome.
type counters [outcomes]counter

type counter struct{ atomic.Int64 }

// Inc adds one.
func (c *counter) Inc() { c.Add(1) }

// outcomeCounts is the Prometheus collector of counters.
type outcomeCounts struct {
	desc     *prometheus.Desc
	counters counters
}

// Describe implements prometheus.Collector.
func (o *outcomeCounts) Describe(ch chan<- *prometheus.Desc) { ch <- o.desc }

// Collect implements prometheus.Collector.
func (o *outcomeCounts) Collect(ch chan<- prometheus.Metric) {
	for i := range o.counters {
		ch <- prometheus.MustNewConstMetric(o.desc, prometheus.CounterValue, float64(o.counters[i].Load()), outcomeNames[i])
	}
}

// of returns the value of one counter.
func (c *counters) of(o outcome) int64 { return c[o].Load() }

func (c *counters) total() (n int64) {
	for o := range outcomes {
		n += c.of(o)
	}
	return n
}

// metrics are registered once and go on counting when the room restarts.
type metrics struct {
	announces   *counters
	scrapes     *counters
	latency     *trace.Latency
	suspects    map[eventlog.SuspectReason]prometheus.Counter
	drift       map[string]prometheus.Counter
	unreported  prometheus.Counter
	seeders     prometheus.Gauge
	leechers    prometheus.Gauge
	listed4     prometheus.Gauge
	listed6     prometheus.Gauge
	torrents    prometheus.Gauge
	members     prometheus.Gauge
	hashes      prometheus.Gauge
	connections prometheus.Gauge
	malformed   prometheus.Gauge
	tooSlow     prometheus.Gauge
	rows        prometheus.Gauge
	age         prometheus.Gauge
	failures    prometheus.Gauge
	refused     prometheus.Gauge
	eventLag    prometheus.Gauge
	unrecorded  prometheus.Gauge
}

const namespace, subsystem = "caduceus", "tracker"

// newMetrics registers the metrics of the room, or returns those that are registered
// already. reg may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return register[prometheus.Gauge](reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}))
	}
	m := &metrics{
		announces: newCounters(reg, "announces_total", "Announces by how they ended."),
		scrapes:   newCounters(reg, "scrapes_total", "Scrapes by how they ended."),
		suspects: labelled(reg, "suspects_total", "Announces of transfer that can hardly be.", "reason", eventlog.SuspectLine,
			eventlog.SuspectTorrent, eventlog.SuspectAlone, eventlog.SuspectLeft, eventlog.SuspectDownloaded),
		drift: labelled(reg, "roster_drift_total", "Things known that were not what the database holds.", "kind", "member", "torrent", "rules"),
		unreported: register[prometheus.Counter](reg, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "events_dropped_total", Help: "Events that were not told, as too many waited."})),
		seeders:     gauge("seeders", "Clients that have everything."),
		leechers:    gauge("leechers", "Clients that lack something."),
		listed4:     gauge("addresses_v4", "IPv4 addresses of clients that others are sent to."),
		listed6:     gauge("addresses_v6", "IPv6 addresses of clients that others are sent to."),
		torrents:    gauge("active_torrents", "Torrents with any client."),
		members:     gauge("known_members", "Members who are known to the tracker."),
		hashes:      gauge("known_info_hashes", "Info-hashes that are known to the tracker, those of deleted torrents included."),
		connections: gauge("connections", "Open connections."),
		malformed:   gauge("malformed_requests", "Requests since the room's start that were no proper HTTP."),
		tooSlow:     gauge("slow_connections", "Connections since the room's start that were closed because of half a request or answers not taken."),
		rows:        gauge("ledger_rows", "Sums that wait in memory for the database."),
		age:         gauge("ledger_age_seconds", "Everything recorded before this many seconds ago is in the database."),
		failures:    gauge("ledger_failures", "Failed tries to write sums since the room's start."),
		refused:     gauge("ledger_refused", "Announces that could not be credited since the room's start."),
		eventLag:    gauge("event_lag_seconds", "How long the first change that the tracker does not know of yet has waited for it."),
		unrecorded:  gauge("unrecorded_announces", "Announces since the room's start of which no record was kept, because too many waited for the database."),
		latency: register(reg, trace.NewLatency(prometheus.BuildFQName(namespace, subsystem, "answer_seconds"),
			"From a request that is ready to its answer, made lasting and sent.")),
	}
	return m
}

func newCounters(reg prometheus.Registerer, name, help string) *counters {
	c := &outcomeCounts{desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, []string{"outcome"}, nil)}
	return &register(reg, c).counters
}

// totals sums up how requests ended, for the rows by the minute. Totals.Refused has an
// element for each outcome.
func (m *metrics) totals() trace.Totals {
	t := trace.Totals{Refused: make([]int64, outcomes)}
	for i := range outcomes {
		announces, scrapes := m.announces[i].Load(), m.scrapes[i].Load()
		t.Announces += announces
		t.Scrapes += scrapes
		if i != answered && i != redirected {
			t.Refused[i] = announces + scrapes
		}
	}
	return t
}

// labelled returns a counter for each value of a label.
func labelled[V ~string](reg prometheus.Registerer, name, help, label string, values ...V) map[V]prometheus.Counter {
	vec := register[*prometheus.CounterVec](reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, []string{label}))
	out := map[V]prometheus.Counter{}
	for _, v := range values {
		out[v] = vec.WithLabelValues(string(v))
	}
	return out
}

// register registers c, or returns the collector that is registered already. Any other
// clash of names is a mistake in this file; c then counts without being shown.
func register[T prometheus.Collector](reg prometheus.Registerer, c T) T {
	if reg == nil {
		return c
	}
	var there prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &there) {
		if old, ok := there.ExistingCollector.(T); ok {
			return old
		}
	}
	return c
}
