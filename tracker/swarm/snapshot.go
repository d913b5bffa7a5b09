package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// A snapshot is a header and a sequence of blocks, each with its length and checksum.
// All numbers of fixed size are little-endian.
//
//	header  magic, version (4 bytes), shards (4), CRC-32C of these (4)
//	block   shard (4), position (8), entries (4), length (4), CRC-32C of these and
//	        the entries (4), the entries
//	end     a block of the shard after the last one, without entries; its position
//	        is the number of entries in the snapshot
//
// A shard has one or more blocks, in order, with the same position. Their entries are
// clients. The blocks of the shard after the last one hold accounts of members; their
// position is 0. A client is
//
//	flags (1), torrent and member (uvarint), peer-id (20), key (4), uploaded,
//	downloaded and left (uvarint), last announce (4), then, if their flags are set:
//	when it was unlisted (4); IPv4 (6) and when it was announced (4); IPv6 (18) and
//	when it was announced (4); the time up to which seed time was counted (4); a hash
//	of the address that is not given to others (4); when the allowances of the member
//	on the torrent are whole again (uvarint each)
//
// and an account is
//
//	member (uvarint), last announce (4), then when line and grace are whole again, for
//	upload and for download (uvarint each)
//
// The program also reads version 1, which has no accounts and fewer flags.
const (
	snapshotMagic   = "caduceus swarms\n"
	snapshotVersion = 2

	headerSize = len(snapshotMagic) + 12
	blockHead  = 24
	blockSize  = 64 << 10 // roughly: a block ends with the client that reaches it
	maxEntry   = 160      // bytes
)

const (
	snapListed = 1 << iota
	snapOver6
	snap4
	snap6
	snapSeeded
	snapPaused
	snapPrivate
	snapUsed
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Positions says, for each torrent of a snapshot, which position of the journal its
// swarm has reached.
type Positions struct{ of [shards]uint64 }

// Of returns the position that mark returned when the torrent was copied. The snapshot
// includes the torrent's records up to that position, and none of the later ones.
func (p *Positions) Of(id core.TorrentID) uint64 { return p.of[uint64(id)%shards] }

// Least is the lowest position of any torrent. The journal is needed from there on.
func (p *Positions) Least() uint64 { return slices.Min(p.of[:]) }

// Most is the highest position of any torrent.
func (p *Positions) Most() uint64 { return slices.Max(p.of[:]) }

// Snapshot writes all clients to w while announces go on. It copies shard after shard
// under the shard's lock (with a million clients a fraction of a millisecond each),
// and writes each copy afterwards. It calls mark under the same lock; mark returns
// the journal's position, and nil stands for position 0. Only one snapshot may be
// taken at a time.
func (s *Swarms) Snapshot(w io.Writer, mark func() uint64) error {
	head := append(make([]byte, 0, headerSize), snapshotMagic...)
	head = binary.LittleEndian.AppendUint32(head, snapshotVersion)
	head = binary.LittleEndian.AppendUint32(head, shards)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("writing a snapshot of the swarms: %w", err)
	}
	out := blocks{w: w, buf: make([]byte, blockHead, blockHead+blockSize+maxEntry)}
	var copied state
	for i := range s.shards {
		sh := &s.shards[i]
		out.shard, out.position = uint32(i), 0
		sh.mu.Lock()
		copied.copyFrom(&sh.state)
		if mark != nil {
			out.position = mark()
		}
		sh.mu.Unlock()
		if err := out.state(&copied); err != nil {
			return fmt.Errorf("writing a snapshot of the swarms: %w", err)
		}
	}
	out.shard, out.position = shards, 0
	err := s.accounts.appendTo(&out)
	if out.position = out.total; err == nil {
		err = out.flush()
	}
	if err != nil {
		return fmt.Errorf("writing a snapshot of the swarms: %w", err)
	}
	return nil
}

// copyFrom copies the parts of from that a snapshot needs, reusing the memory of the
// last copy.
func (st *state) copyFrom(from *state) {
	st.times = from.times
	for len(st.slab.clients) < len(from.slab.clients) {
		st.slab.clients = append(st.slab.clients, new(clientChunk))
		st.slab.dues = append(st.slab.dues, new(dueChunk))
	}
	st.slab.used = from.slab.used
	for i := range from.slab.clients {
		n := min(int(from.slab.used)-i<<chunkBits, chunkSlots)
		copy(st.slab.clients[i][:n], from.slab.clients[i][:n])
		copy(st.slab.dues[i][:n], from.slab.dues[i][:n])
	}
	st.extras.all = append(st.extras.all[:0], from.extras.all...)
	st.prefixes.list = from.prefixes.list
	st.oversize, st.used = maps.Clone(from.oversize), maps.Clone(from.used)
	st.torrents = append(st.torrents, make([]*torrent, max(0, len(from.torrents)-len(st.torrents)))...)
	for i, t := range from.torrents {
		if t == nil {
			continue // no client is in it
		}
		if st.torrents[i] == nil {
			st.torrents[i] = &torrent{}
		}
		st.torrents[i].copyFrom(t)
	}
}

func (t *torrent) copyFrom(from *torrent) {
	t.id = from.id
	for kind := range kinds {
		t.four[kind] = append(t.four[kind][:0], from.four[kind]...)
		t.six[kind] = append(t.six[kind][:0], from.six[kind]...)
	}
}

// blocks writes entries block by block.
type blocks struct {
	w        io.Writer
	buf      []byte // room for the block's head, then entries
	entries  uint32
	shard    uint32
	position uint64
	total    uint64
}

// state writes the clients of a shard, in at least one block.
func (b *blocks) state(st *state) error {
	for s := slot(1); uint32(s) < st.slab.used; s++ {
		c := st.slab.at(s)
		if !c.live() {
			continue
		}
		b.buf = st.appendClient(b.buf, s, c)
		if err := b.added(); err != nil {
			return err
		}
	}
	return b.flush()
}

// added counts an entry, and begins another block if this one has become long.
func (b *blocks) added() error {
	b.entries++
	if len(b.buf) < blockSize {
		return nil
	}
	return b.flush()
}

func (b *blocks) flush() error {
	h := b.buf[:0]
	h = binary.LittleEndian.AppendUint32(h, b.shard)
	h = binary.LittleEndian.AppendUint64(h, b.position)
	h = binary.LittleEndian.AppendUint32(h, b.entries)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(b.buf)-blockHead))
	sum := crc32.Update(crc32.Checksum(h, castagnoli), castagnoli, b.buf[blockHead:])
	binary.LittleEndian.AppendUint32(h, sum)
	_, err := b.w.Write(b.buf)
	b.total += uint64(b.entries)
	b.buf, b.entries = b.buf[:blockHead], 0
	return err
}

func (st *state) appendClient(out []byte, s slot, c *client) []byte {
	is, tells, seeded := st.addresses(s, c), st.reported(s), st.seededBy(c)
	torrent := st.torrents[c.torrentIndex()].id
	used, isUsed := st.used[pair{torrent, c.member}]
	out = append(out, flag(snapListed, c.listed())|flag(snapOver6, c.over6())|flag(snap4, is.has4)|flag(snap6, is.has6)|flag(snapSeeded, seeded != 0)|
		flag(snapPaused, c.paused())|flag(snapPrivate, is.private != 0)|flag(snapUsed, isUsed))
	out = binary.AppendUvarint(out, uint64(torrent))
	out = binary.AppendUvarint(out, uint64(c.member))
	out = append(out, tells.id[:]...)
	out = binary.LittleEndian.AppendUint32(out, c.key)
	out = binary.AppendUvarint(out, uint64(tells.up))
	out = binary.AppendUvarint(out, uint64(tells.down))
	out = binary.AppendUvarint(out, uint64(tells.left))
	out = binary.LittleEndian.AppendUint32(out, st.last(s, c))
	if !c.listed() {
		out = binary.LittleEndian.AppendUint32(out, st.off(s))
	}
	if is.has4 {
		out = binary.LittleEndian.AppendUint32(append(out, is.v4[:]...), is.seen4)
	}
	if is.has6 {
		out = binary.LittleEndian.AppendUint32(append(out, is.v6[:]...), is.seen6)
	}
	if seeded != 0 {
		out = binary.LittleEndian.AppendUint32(out, seeded)
	}
	if is.private != 0 {
		out = binary.LittleEndian.AppendUint32(out, is.private)
	}
	if isUsed {
		out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(used[up])), uint64(used[down]))
	}
	return out
}

// errTorn says that a snapshot is not what Snapshot wrote.
var errTorn = errors.New("it is torn or damaged")

// Restore fills empty swarms from a snapshot and returns the positions that they have
// reached. It must return before the first announce. It reads up to the snapshot's
// end and no further, in blocks of about 64 KiB. After an error the swarms are empty.
// Clients that have timed out meanwhile are left to Reap, and all torrents count as
// changed.
func (s *Swarms) Restore(r io.Reader) (Positions, error) {
	var p Positions
	if s.Totals() != (Totals{}) {
		return p, errors.New("restoring a snapshot: the swarms are not empty")
	}
	if err := s.restore(r, &p); err != nil {
		s.Clear()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends too soon", errTorn)
		}
		return Positions{}, fmt.Errorf("restoring a snapshot of the swarms: %w", err)
	}
	s.recountDownloads()
	return p, nil
}

// Clear empties the swarms. Nothing else may use them meanwhile.
func (s *Swarms) Clear() {
	s.accounts.open(s.c)
	for i := range s.shards {
		s.shards[i].open(s.times, s.c.PerMember, s.c.NumWant)
	}
}

func (s *Swarms) restore(r io.Reader, p *Positions) error {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	numbers := head[len(snapshotMagic):]
	switch {
	case string(head[:len(snapshotMagic)]) != snapshotMagic:
		return errors.New("it is no snapshot of swarms")
	case crc32.Checksum(head[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(numbers[8:]):
		return errTorn
	case binary.LittleEndian.Uint32(numbers)-1 > snapshotVersion-1:
		return fmt.Errorf("it has version %d, this program reads 1 to %d", binary.LittleEndian.Uint32(numbers), snapshotVersion)
	case binary.LittleEndian.Uint32(numbers[4:]) != shards:
		return fmt.Errorf("it has %d shards, this program has %d", binary.LittleEndian.Uint32(numbers[4:]), shards)
	}
	in := reader{r: r, buf: make([]byte, blockSize+maxEntry)}
	for shard := -1; ; {
		if err := in.block(); err != nil {
			return err
		}
		switch next := int(in.shard); {
		case next == shards && shard == shards-1 && in.entries == 0 && in.position == in.total:
			return nil
		case next == shards && shard == shards-1 && in.entries > 0:
			if err := s.accounts.take(&in); err != nil {
				return err
			}
			continue
		case next >= shards || next != shard && next != shard+1 || next == shard && in.position != p.of[shard]:
			return errTorn
		default:
			shard = next
		}
		p.of[shard] = in.position
		if err := s.take(shard, &in); err != nil {
			return err
		}
	}
}

// take adds the clients of a block.
func (s *Swarms) take(shard int, in *reader) error {
	sh := &s.shards[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for range in.entries {
		c, err := in.client()
		switch {
		case err != nil:
			return err
		case uint64(c.torrent)%shards != uint64(shard):
			return errTorn
		}
		if err := sh.restore(&c); err != nil {
			return err
		}
	}
	if len(in.data) > 0 {
		return errTorn
	}
	return nil
}

// savedClient is a client that was read from a snapshot.
type savedClient struct {
	reported
	addresses
	torrent               core.TorrentID
	member, key           uint32
	last, off, since      uint32
	listed, over6, paused bool
	used                  used
}

func (sh *shard) restore(c *savedClient) error {
	if _, known := sh.byID[c.torrent]; sh.slab.full() || !known && sh.torrentsFull() {
		return errors.New("it holds more clients than swarms can")
	}
	ti := sh.torrent(c.torrent)
	sh.torrents[ti].clients++
	s := sh.slab.add()
	p := sh.slab.at(s)
	*p = client{member: c.member, key: c.key, torrent: ti | isLive, place: c.last}
	p.flag(isOver6, c.over6)
	p.flag(isPaused, c.paused)
	sh.setReported(s, &c.reported)
	sh.index.add(&sh.slab, s)
	if c.listed {
		sh.list(s, p, &c.addresses)
		sh.slab.setDue(s, c.last+sh.times.timeout)
	} else {
		sh.slab.setDue(s, c.off+sh.times.forget)
	}
	if c.needsExtra(c.last, c.since) {
		x := sh.ensureExtra(p, c.last)
		x.seen4, x.seen6, x.seeded, x.private = c.seen4, c.seen6, c.since, c.private
	}
	if c.used != (used{}) {
		sh.raiseUsed(pair{c.torrent, c.member}, c.used)
	}
	sh.markChanged(sh.torrents[ti])
	return nil
}

// reader reads what blocks wrote.
type reader struct {
	r        io.Reader
	buf      []byte
	data     []byte // the unread part of the current block
	entries  uint32
	shard    uint32
	position uint64
	total    uint64
	bad      bool // data was not valid
}

// block reads the next block and checks its checksum.
func (in *reader) block() error {
	h := in.buf[:blockHead]
	if _, err := io.ReadFull(in.r, h); err != nil {
		return err
	}
	in.shard = binary.LittleEndian.Uint32(h)
	in.position = binary.LittleEndian.Uint64(h[4:])
	in.entries = binary.LittleEndian.Uint32(h[12:])
	size := binary.LittleEndian.Uint32(h[16:])
	want := binary.LittleEndian.Uint32(h[20:])
	sum := crc32.Checksum(h[:20], castagnoli)
	if int64(size) > int64(len(in.buf)) {
		return errTorn
	}
	in.data = in.buf[:size]
	if _, err := io.ReadFull(in.r, in.data); err != nil {
		return err
	}
	if crc32.Update(sum, castagnoli, in.data) != want {
		return errTorn
	}
	in.total += uint64(in.entries)
	return nil
}

// take returns the next n bytes of a block or record.
func (in *reader) take(n int) []byte {
	if len(in.data) < n {
		in.bad = true
		return make([]byte, n)
	}
	b := in.data[:n]
	in.data = in.data[n:]
	return b
}

func (in *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(in.data)
	if n <= 0 || v > most {
		in.bad = true
		return 0
	}
	in.data = in.data[n:]
	return v
}

func (in *reader) instant() uint32 {
	return min(binary.LittleEndian.Uint32(in.take(4)), never-1-longest)
}

func (in *reader) peerID() wire.PeerID { return wire.PeerID(in.take(len(wire.PeerID{}))) }

// client reads one client. The checksum of its block was right, so invalid data can
// only come from another program; it must do no harm all the same.
func (in *reader) client() (c savedClient, err error) {
	flags := in.take(1)[0]
	if flags&snapListed == 0 && flags&(snap4|snap6|snapPrivate) != 0 {
		return c, errTorn
	}
	c.torrent = core.TorrentID(in.number(math.MaxUint64))
	c.member = uint32(in.number(math.MaxUint32))
	c.id = in.peerID()
	c.key = binary.LittleEndian.Uint32(in.take(4))
	c.up, c.down, c.left = int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64))
	c.last = in.instant()
	c.listed = flags&snapListed != 0
	c.over6, c.paused = flags&snapOver6 != 0, flags&snapPaused != 0
	if !c.listed {
		c.off = in.instant()
	}
	if c.has4 = flags&snap4 != 0; c.has4 {
		copy(c.v4[:], in.take(len(c.v4)))
		c.seen4 = in.instant()
	}
	if c.has6 = flags&snap6 != 0; c.has6 {
		copy(c.v6[:], in.take(len(c.v6)))
		c.seen6 = in.instant()
	}
	if flags&snapSeeded != 0 {
		c.since = in.instant()
	}
	if flags&snapPrivate != 0 {
		c.private = binary.LittleEndian.Uint32(in.take(4))
	}
	if flags&snapUsed != 0 {
		c.used = used{up: int64(in.number(math.MaxInt64)), down: int64(in.number(math.MaxInt64))}
	}
	if in.bad {
		return c, errTorn
	}
	return c, nil
}
