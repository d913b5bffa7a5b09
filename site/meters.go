package site

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters counts what the site does. Routes stand in it by their pattern, so that
// nothing personal gets into the figures.
type meters struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	panics   prometheus.Counter
	uploads  prometheus.Counter
	limited  *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "caduceus_site_requests_total",
			Help: "Requests by route and status class."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "caduceus_site_request_seconds",
			Help: "Time to answer by route.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "caduceus_site_panics_total",
			Help: "Requests that ended in a panic."}),
		uploads: prometheus.NewCounter(prometheus.CounterOpts{Name: "caduceus_site_uploads_total",
			Help: "Torrents accepted by form or API."}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "caduceus_site_limited_total",
			Help: "Requests refused because there were too many."}, []string{"limit"}),
	}
	r.MustRegister(m.requests, m.seconds, m.panics, m.uploads, m.limited)
	return m
}

func (m *meters) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
