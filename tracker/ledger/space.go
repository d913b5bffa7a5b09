package ledger

import (
	"fmt"
	"syscall"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// diskReserve is how many bytes are left free on the journal's disk, or a twentieth
// of the disk if that is less. Without it the journal could get stuck after it has
// filled the disk while the database was away: it is shortened only after a flush,
// and a flush waits until what is in memory is in the journal.
const diskReserve = 64 << 20

// space is how many bytes a file system has, and how many of them are free.
type space struct{ free, size uint64 }

func spaceOf(dir string) (space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return space{}, err
	}
	unit := uint64(st.Bsize)
	return space{st.Bavail * unit, st.Blocks * unit}, nil
}

// checkSpace looks how full the disk is, and refuses new entries in time.
func (b *Book) checkSpace() {
	s, err := b.space(b.o.Dir)
	if err != nil {
		b.logLimit.Do(func() { b.o.Log.Error("the free space on the journal's disk can't be read", "err", err) })
		return
	}
	least := min(diskReserve, s.size/20)
	switch full := b.full.Load(); {
	case full == nil && s.free < least:
		err := fmt.Errorf("only %v are left on its disk", core.Bytes(s.free))
		b.full.Store(&err)
	case full != nil && s.free >= 2*least:
		b.full.Store(nil)
	}
}

// whyRefusing returns why new entries are refused; nil if they are not.
func (b *Book) whyRefusing() error {
	if why := b.full.Load(); why != nil {
		return *why
	}
	return nil
}
