package journal

import "fmt"

// keep keeps the records of g, with its buffer, until they can be written.
func (j *Journal) keep(g *group) {
	if g == nil || g.records == 0 {
		return
	}
	j.kept = append(j.kept, &group{buf: g.buf, first: g.first, records: g.records, sealed: true})
	g.buf, g.records = nil, 0
	g.reset()
}

// addLate adds rec to the kept groups. The journal must be broken.
func (j *Journal) addLate(rec []byte) uint64 {
	var g *group
	if n := len(j.kept); n > 0 {
		g = j.kept[n-1]
	}
	if g == nil || g.sealed || len(g.buf)+lengthSize+len(rec) > maxGroup {
		g = &group{buf: make([]byte, groupHeader, groupHeader+len(rec)+lengthSize)}
		j.kept = append(j.kept, g)
	}
	pos := j.put(g, rec)
	j.settled = pos // nobody waits for it
	return pos
}

// writeKept writes the kept groups, oldest first. It is called with mu held and without a
// leader, and releases mu while it writes.
func (j *Journal) writeKept() error {
	j.leading = true
	var err error
	for len(j.kept) > 0 && err == nil {
		g, durable := j.kept[0], j.durable
		g.sealed = true
		j.mu.Unlock()
		err = j.write(g.buf, g.first, g.records, durable)
		j.mu.Lock()
		if err == nil {
			j.records += uint64(g.records)
			j.late += uint64(g.records)
			j.advance(len(g.buf), g.first+uint64(g.records)-1)
			j.kept = j.kept[1:]
		}
	}
	if err != nil {
		j.faults++
		j.retryAt = j.o.Clock().Add(j.o.RetryEvery)
		err = fmt.Errorf("journal: it can't be written: %w", err)
	}
	j.broken = err
	j.endLead(nil)
	return err
}

// writeLate tries to write the kept groups, at once or if it is time to, and returns an
// error if some are left. It is called with mu held.
func (j *Journal) writeLate(now bool) error {
	for j.leading {
		j.idle.Wait()
	}
	if len(j.kept) == 0 {
		return nil
	}
	if now {
		j.retryAt = j.o.Clock()
	}
	if j.probe() {
		return nil
	}
	return fmt.Errorf("%d groups of records wait in memory: %w", len(j.kept), j.trouble())
}
