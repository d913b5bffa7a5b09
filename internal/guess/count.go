package guess

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// nameUse keeps apart what is sealed here.
const nameUse = "guess"

const (
	rowLimit  = 50_000 // records that the database keeps; those that end first give way
	lookEvery = 64     // tries between two looks at how many there are
	pruned    = 500    // rows at once
)

// op counts a try, or gives one back. Many are done in one transaction.
type op struct {
	about about
	names [3]string // of the keys; sealed when the rows are written

	back bool
	made time.Time    // when the try was counted
	last [3]time.Time // when those before it were, by key

	// guarded by the guard's mu:
	flying    bool            // it is counted, and being checked
	abandoned bool            // nobody waits for it any more
	behind    *flight         // what it waits for, having been refused
	landed    <-chan struct{} // closed when it should be tried again; nil to give up
}

// verdict is what comes of counting a try.
type verdict struct {
	wait time.Duration // 0 when it may be made
	key  key           // what it must wait for
}

// giveBack takes a try out of the count, even if its sender has gone and ctx has ended with
// that. When that fails, the try counts as a wrong one.
func (g *Guard) giveBack(ctx context.Context, o *op) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTime)
	defer cancel()
	_, _, err := g.ops.Ask(ctx, &op{about: o.about, names: o.names, back: true, made: o.made, last: o.last})
	if err != nil {
		g.log.Error("a login that was right counts as wrong", "err", err)
	}
}

// clip cuts a name to what its column holds sealed.
func clip(name string) string { return name[:min(len(name), 100)] }

// row is a record with what else stands in its row.
type row struct {
	record
	name    string // to be sealed
	account string // the mac of the account that was tried last
	changed bool
}

// apply does many operations, in the order in which they came.
func (g *Guard) apply(ctx context.Context, ops []*op) (map[*op]verdict, error) {
	g.mu.Lock()
	ops = slices.DeleteFunc(ops, func(o *op) bool { return o.abandoned })
	g.mu.Unlock()
	out := make(map[*op]verdict, len(ops))
	now := time.Unix(g.clock().Unix(), 0) // as the rows have it
	keys := keysOf(ops)
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		clear(out)
		// The rows are written first and read afterwards: so they are ours, and we see what
		// others counted.
		if err := tx.Upsert(ctx, emptyRows, g.empty(keys)...); err != nil {
			return err
		}
		rows, err := readRows(ctx, tx, keys)
		if err != nil {
			return err
		}
		for _, o := range ops {
			out[o] = o.do(rows, now)
		}
		return tx.Upsert(ctx, fullRows, g.full(keys, rows)...)
	})
	if err != nil {
		return nil, err
	}
	g.takeOff(ops, out)
	if err := g.prune(ctx, now, len(ops)); err != nil {
		g.log.Error("old failed logins can't be deleted", "err", err)
	}
	return out, nil
}

// do changes the rows as the operation wants it.
func (o *op) do(rows map[key]*row, now time.Time) (v verdict) {
	if o.back {
		for i, k := range o.about.keys {
			if r := rows[k]; k.kind != 0 {
				o.fill(i, r, ruleOf(k.kind).back(r.record, o.last[i], o.made))
			}
		}
		return v
	}
	for _, k := range o.about.keys {
		if !o.about.limits(k) {
			continue
		}
		if wait := ruleOf(k.kind).wait(rows[k].record, now); wait > v.wait {
			v = verdict{wait, k}
		}
	}
	if v.wait > 0 {
		return v
	}
	o.made = now
	for i, k := range o.about.keys {
		if r := rows[k]; k.kind != 0 {
			o.last[i] = r.last
			o.fill(i, r, ruleOf(k.kind).add(r.record, now))
		}
	}
	return v
}

// fill puts a record into the row of one of the operation's keys.
func (o *op) fill(i int, r *row, c record) {
	r.record, r.name, r.account, r.changed = c, o.names[i], o.about.keys[0].mac, true
}

// keysOf returns the keys of operations in one order, against deadlocks.
func keysOf(ops []*op) (keys []key) {
	for _, o := range ops {
		for _, k := range o.about.keys {
			if k.kind != 0 {
				keys = append(keys, k)
			}
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Compare(a.mac, b.mac) })
	return slices.Compact(keys)
}

// emptyRows makes rows where there are none, and takes hold of all.
var emptyRows = db.UpsertSpec{Table: "guess", Key: []string{"mac"}, Keep: []string{"kind", "name_box", "account", "ends", "last_at"}}

func (g *Guard) empty(keys []key) [][]any {
	rows := make([][]any, len(keys))
	for i, k := range keys {
		rows[i] = []any{[]byte(k.mac), k.kind, []byte{}, []byte{}, 0, 0}
	}
	return rows
}

// fullRows writes them.
var fullRows = db.UpsertSpec{Table: "guess", Key: []string{"mac"}, Set: []string{"name_box", "account", "ends", "last_at"}, Keep: []string{"kind"}}

func (g *Guard) full(keys []key, rows map[key]*row) (out [][]any) {
	for _, k := range keys {
		if r := rows[k]; r.changed {
			out = append(out, []any{[]byte(k.mac), g.keys.Seal([]byte(r.name), nameUse), []byte(r.account), r.ends.Unix(), r.last.Unix(), k.kind})
		}
	}
	return out
}

// readRows reads the rows of keys, in a part of them for each query.
func readRows(ctx context.Context, q db.Queryer, keys []key) (map[key]*row, error) {
	rows := make(map[key]*row, len(keys))
	for some := range slices.Chunk(keys, 500) {
		macs := make([]any, len(some))
		for i, k := range some {
			macs[i] = []byte(k.mac)
		}
		_, err := db.All(ctx, q, func(sc db.Scanner) (struct{}, error) {
			var k key
			var r row
			var mac, account []byte
			var ends, last int64
			err := sc.Scan(&mac, &k.kind, &account, &ends, &last)
			k.mac, r.account = string(mac), string(account)
			r.ends, r.last = time.Unix(ends, 0), time.Unix(last, 0)
			rows[k] = &r
			return struct{}{}, err
		}, "SELECT mac, kind, account, ends, last_at FROM guess WHERE mac IN ("+db.Marks(len(macs))+")", macs...)
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// read looks up the records of several tries.
func (g *Guard) read(ctx context.Context, tries [][3]key) (map[[3]key][3]record, error) {
	ops := make([]*op, len(tries))
	for i, keys := range tries {
		ops[i] = &op{about: about{keys: keys}}
	}
	rows, err := readRows(ctx, g.db, keysOf(ops))
	if err != nil {
		return nil, err
	}
	out := make(map[[3]key][3]record, len(tries))
	for _, keys := range tries {
		var records [3]record
		for i, k := range keys {
			if r := rows[k]; r != nil {
				records[i] = r.record
			}
		}
		out[keys] = records
	}
	return out, nil
}

// prune deletes what holds no more and, from time to time, what ends first if there are too
// many rows.
func (g *Guard) prune(ctx context.Context, now time.Time, n int) error {
	g.mu.Lock()
	g.counted += n
	look := g.counted >= lookEvery
	if look {
		g.counted = 0
	}
	g.mu.Unlock()
	before := now.Unix()
	if look {
		newest, full, err := db.One(ctx, g.db, db.Value[int64], "SELECT ends FROM guess ORDER BY ends DESC LIMIT 1 OFFSET ?", g.limit)
		if err != nil {
			return err
		}
		if full {
			before = max(before, newest+1)
		}
	}
	beyond := now
	for _, k := range kinds {
		if h := core.Horizon(now, ruleOf(k).length()); h.After(beyond) {
			beyond = h
		}
	}
	const over = "(ends < ? OR ends > ?)"
	old, err := db.All(ctx, g.db, db.Value[[]byte], "SELECT mac FROM guess WHERE "+over+" LIMIT ?", before, beyond.Unix(), pruned)
	if err != nil || len(old) == 0 {
		return err
	}
	slices.SortFunc(old, func(a, b []byte) int { return cmp.Compare(string(a), string(b)) })
	return g.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM guess WHERE "+over+" AND mac IN ("+db.Marks(len(old))+")", append([]any{before, beyond.Unix()}, db.Anys(old)...)...)
		return err
	})
}
