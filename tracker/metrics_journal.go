package tracker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/tracker/ledger"
)

// journalMetrics show the state of the ledger's journal and checkpoints.
type journalMetrics struct {
	bytes, lag, trouble, kept, late prometheus.Gauge
	checkpointAge, checkpointTime   prometheus.Gauge
}

func newJournalMetrics(reg prometheus.Registerer) *journalMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return register[prometheus.Gauge](reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}))
	}
	return &journalMetrics{
		bytes:          gauge("journal_bytes", "Size of the journal on the disk."),
		lag:            gauge("journal_lag_records", "Records of the journal that are not in the database yet."),
		trouble:        gauge("journal_trouble", "1 while the journal can't be written and announces are refused."),
		kept:           gauge("journal_kept_records", "Records that wait in memory because the journal could not be written."),
		late:           gauge("journal_late_records", "Records since the room's start that were written late because the journal could not be written at first."),
		checkpointAge:  gauge("checkpoint_age_seconds", "Time since the last checkpoint of the swarms, or the start."),
		checkpointTime: gauge("checkpoint_duration_seconds", "How long the last checkpoint took."),
	}
}

func (m *journalMetrics) set(s ledger.Stats) {
	trouble := 0.0
	if s.Journal.Trouble != nil {
		trouble = 1
	}
	m.bytes.Set(float64(s.Journal.Bytes))
	m.lag.Set(float64(s.Lag))
	m.trouble.Set(trouble)
	m.kept.Set(float64(s.Journal.Kept))
	m.late.Set(float64(s.Journal.Late))
	m.checkpointAge.Set(s.Checkpoint.Seconds())
	m.checkpointTime.Set(s.Took.Seconds())
}
