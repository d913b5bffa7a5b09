package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Meters counts what the site does. Routes stand in it by their pattern, so that
// nothing personal gets into the figures.
type Meters struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	asked    *prometheus.HistogramVec
	panics   prometheus.Counter
	Uploads  prometheus.Counter
	limited  *prometheus.CounterVec
}

// NewMeters registers the figures. They live longer than a Site, which is made
// again when its room is started again.
func NewMeters(r prometheus.Registerer) *Meters {
	m := &Meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "caduceus_site_requests_total",
			Help: "Requests by route and status class."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "caduceus_site_request_seconds",
			Help: "Time to answer by route.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"route"}),
		asked: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "caduceus_site_request_statements",
			Help: "Database statements for one answer by route.", Buckets: []float64{1, 5, 10, 15, 20, 30, 50, 100}}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "caduceus_site_panics_total",
			Help: "Requests that ended in a panic."}),
		Uploads: prometheus.NewCounter(prometheus.CounterOpts{Name: "caduceus_site_uploads_total",
			Help: "Torrents accepted by form or API."}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "caduceus_site_limited_total",
			Help: "Requests refused because there were too many."}, []string{"limit"}),
	}
	r.MustRegister(m.requests, m.seconds, m.asked, m.panics, m.Uploads, m.limited)
	return m
}

func (m *Meters) request(route string, status int, took time.Duration, statements int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
	m.asked.WithLabelValues(route).Observe(float64(statements))
}
