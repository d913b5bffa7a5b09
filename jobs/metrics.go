package jobs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/schedule"
)

type metrics struct {
	runs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lastOK   *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "caduceus_job_runs_total", Help: "Runs of scheduled jobs by how they ended.",
		}, []string{"job", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "caduceus_job_duration_seconds", Help: "How long runs of scheduled jobs took.",
			Buckets: []float64{0.01, 0.1, 1, 10, 60, 600, 3600},
		}, []string{"job"}),
		lastOK: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "caduceus_job_last_success_timestamp_seconds", Help: "When the last good run of a job began, in Unix seconds.",
		}, []string{"job"}),
	}
	reg.MustRegister(m.runs, m.duration, m.lastOK)
	return m
}

func (m *metrics) ended(run schedule.Run, outcome schedule.Outcome, took time.Duration) {
	m.runs.WithLabelValues(run.Job, string(outcome)).Inc()
	m.duration.WithLabelValues(run.Job).Observe(took.Seconds())
	if outcome == schedule.OK {
		m.succeeded(run.Job, run.Started)
	}
}

func (m *metrics) succeeded(job string, at time.Time) {
	m.lastOK.WithLabelValues(job).Set(float64(at.Unix()))
}
