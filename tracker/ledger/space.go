package ledger

import (
	"fmt"
	"syscall"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// reserve is what is left free on the journal's disk, or a twentieth of it if
// that is less. Without it the journal could get stuck when it fills the disk
// because the database is away: what is in memory may go to the database only
// once it is written, and only then the journal is shortened.
const reserve = 64 << 20

// space is what a file system has for us.
type space struct{ free, size uint64 }

func spaceOf(dir string) (space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return space{}, err
	}
	unit := uint64(st.Bsize)
	return space{st.Bavail * unit, st.Blocks * unit}, nil
}

// measure looks how full the disk is and stops new entries in time.
func (b *Book) measure() {
	s, err := b.space(b.o.Dir)
	if err != nil {
		b.late.Do(func() { b.o.Log.Error("how full the journal's disk is can't be known", "err", err) })
		return
	}
	least := min(reserve, s.size/20)
	switch full := b.full.Load(); {
	case full == nil && s.free < least:
		err := fmt.Errorf("only %v are left on its disk", core.Bytes(s.free))
		b.full.Store(&err)
	case full != nil && s.free >= 2*least:
		b.full.Store(nil)
	}
}

// room returns why nothing may be appended that can be refused.
func (b *Book) room() error {
	if why := b.full.Load(); why != nil {
		return *why
	}
	return nil
}
