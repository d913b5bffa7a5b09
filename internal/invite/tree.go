package invite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// The bounds of the tree.
const (
	// MaxBranch is how many members of a branch are read, and told of, at once.
	MaxBranch = 1000
	maxDepth  = 2000 // how far somebody can stand below those who began
	treeTurn  = "invite tree"
)

// Origin is how somebody came, and below whom they stand.
type Origin struct {
	Member  core.MemberID
	Inviter core.MemberID // 0: nobody
	Name    string        // of the inviter; "" for nobody
	Via     Via           // "" for those who joined before this was recorded
	Invite  int64         // the invite; 0 for none
	At      time.Time
}

// Origin returns how somebody came. It is the zero Origin where nothing is recorded.
func (s *Store) Origin(ctx context.Context, id core.MemberID) (Origin, error) {
	o, _, err := db.One(ctx, s.db, func(sc db.Scanner) (o Origin, err error) {
		var at int64
		err = sc.Scan(&o.Member, &o.Inviter, &o.Name, &o.Via, &o.Invite, &at)
		o.At = instant(at)
		return o, err
	}, "SELECT i.member_id, i.inviter_id, COALESCE(m.name, ''), i.via, i.invite_id, i.at FROM member_inviter i LEFT JOIN member m ON m.id = i.inviter_id WHERE i.member_id = ?", id)
	if err != nil {
		return o, fmt.Errorf("read who invited a member: %w", err)
	}
	return o, nil
}

// Record notes how somebody came. It is for those who make accounts otherwise than by Join,
// in the same transaction. What is recorded already stays.
func (s *Store) Record(ctx context.Context, o Origin) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.record(ctx, tx, o, "") })
	if err != nil {
		return fmt.Errorf("record who invited a member: %w", err)
	}
	return nil
}

func (s *Store) record(ctx context.Context, tx *db.Tx, o Origin, network string) error {
	_, err := tx.InsertIgnore(ctx, "member_inviter", db.Row{"member_id", o.Member, "inviter_id", o.Inviter, "via", o.Via, "invite_id", o.Invite,
		"network_mac", s.placeMAC(network), "at", s.Clock().Unix()})
	return err
}

// Node is a member in a branch of the tree.
type Node struct {
	ID         core.MemberID
	Name       string
	Inviter    core.MemberID
	Via        Via
	Depth      int // below the member whose branch it is, who has 0
	Class      string
	Joined     time.Time
	Uploaded   core.Bytes
	Downloaded core.Bytes
	Disabled   bool
	Warned     bool
}

// Ratio returns uploaded divided by downloaded; ok is false when nothing was downloaded.
func (n Node) Ratio() (ratio float64, ok bool) { return ratioOf(n.Uploaded, n.Downloaded) }

func ratioOf(up, down core.Bytes) (ratio float64, ok bool) {
	if down == 0 {
		return 0, false
	}
	return float64(up) / float64(down), true
}

// Branch is a member with all who stand below.
type Branch struct {
	Nodes []Node // the member first, and each before those whom they invited
	More  bool   // there are more than were read
}

// Sums are the figures of those below the member whose branch it is.
type Sums struct {
	Members, Disabled, Warned, Depth int
	Uploaded, Downloaded             core.Bytes
}

// Ratio returns uploaded divided by downloaded; ok is false when nothing was downloaded.
func (s Sums) Ratio() (ratio float64, ok bool) { return ratioOf(s.Uploaded, s.Downloaded) }

// Sums adds up a branch, without its first member.
func (b Branch) Sums() (out Sums) {
	for _, n := range b.Nodes[min(1, len(b.Nodes)):] {
		out.Members++
		out.Depth = max(out.Depth, n.Depth)
		out.Uploaded += n.Uploaded
		out.Downloaded += n.Downloaded
		if n.Disabled {
			out.Disabled++
		}
		if n.Warned {
			out.Warned++
		}
	}
	return out
}

// Branch reads a member and those below, up to limit (1 to MaxBranch) of them, level by
// level: what is left out stands lowest. It fails with NotFound for a member that there is
// not.
func (s *Store) Branch(ctx context.Context, id core.MemberID, limit int) (Branch, error) {
	limit = min(max(limit, 1), MaxBranch)
	first, err := s.nodes(ctx, "m.id = ?", 1, id)
	if err != nil {
		return Branch{}, err
	}
	if len(first) == 0 {
		return Branch{}, core.Errorf(core.NotFound, "no such member")
	}
	var b Branch
	all, level := first, first
	for depth := 1; len(level) > 0 && depth <= maxDepth; depth++ {
		var next []Node
		for part := range slices.Chunk(level, 200) {
			args := make([]any, len(part))
			for i, n := range part {
				args[i] = n.ID
			}
			room := limit - len(all) - len(next)
			list, err := s.nodes(ctx, "i.inviter_id IN ("+db.Marks(len(args))+")", room+1, args...)
			if err != nil {
				return Branch{}, err
			}
			if len(list) > room {
				list, b.More = list[:max(room, 0)], true
			}
			next = append(next, list...)
		}
		for i := range next {
			next[i].Depth = depth
		}
		all = append(all, next...)
		if level = next; b.More {
			break
		}
	}
	b.Nodes = inOrder(all, id)
	return b, s.addStates(ctx, b.Nodes)
}

// nodes reads members of the tree by a condition, up to limit of them.
func (s *Store) nodes(ctx context.Context, where string, limit int, args ...any) ([]Node, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (n Node, err error) {
		var joined int64
		err = sc.Scan(&n.ID, &n.Name, &n.Inviter, &n.Via, &n.Class, &joined, &n.Uploaded, &n.Downloaded)
		n.Joined = instant(joined)
		return n, err
	}, `SELECT m.id, m.name, COALESCE(i.inviter_id, 0), COALESCE(i.via, ''), c.name, m.created_at, COALESCE(t.uploaded, 0), COALESCE(t.downloaded, 0)
		FROM member m JOIN class c ON c.id = m.class_id LEFT JOIN member_inviter i ON i.member_id = m.id LEFT JOIN transfer_member t ON t.member_id = m.id
		WHERE `+where+" ORDER BY m.id LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read the invite tree: %w", err)
	}
	return list, nil
}

// inOrder puts each member before those whom they invited. It needs no recursion, which a
// deep branch could exhaust.
func inOrder(all []Node, root core.MemberID) []Node {
	below := map[core.MemberID][]Node{}
	out := make([]Node, 0, len(all))
	var stack []Node
	for _, n := range slices.Backward(all) {
		if n.ID == root {
			stack = append(stack, n)
			continue
		}
		below[n.Inviter] = append(below[n.Inviter], n)
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], below[n.ID]...)
		out = append(out, n)
	}
	return out
}

// Move puts a member with all below under another one, or under nobody where that is 0. It
// returns where they stood, which may be there. It fails with Conflict where that would be a
// circle. The caller checks who may do this.
func (s *Store) Move(ctx context.Context, id, under core.MemberID) (was Origin, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, treeTurn); err != nil {
			return err
		}
		if was, err = s.In(tx).mayMove(ctx, id, under, tx.Current); err != nil {
			return err
		}
		if was.Inviter == under {
			return nil
		}
		return tx.Upsert(ctx, db.UpsertSpec{Table: "member_inviter", Key: []string{"member_id"}, Set: []string{"inviter_id"}, Keep: []string{"via", "invite_id", "network_mac", "at"}},
			[]any{id, under, ViaStaff, 0, []byte{}, s.Clock().Unix()})
	})
	return was, err
}

// PlanMove returns where a member stands, or says as Move does why they can't be put below
// another one.
func (s *Store) PlanMove(ctx context.Context, id, under core.MemberID) (was Origin, err error) {
	return s.mayMove(ctx, id, under, func(query string) string { return query })
}

func (s *Store) mayMove(ctx context.Context, id, under core.MemberID, current func(query string) string) (was Origin, err error) {
	for at, depth := under, 0; at != 0; depth++ {
		if at == id {
			return was, core.Errorf(core.Conflict, "that would be a circle: who stands below can't stand above")
		}
		if depth > maxDepth {
			return was, core.Errorf(core.Conflict, "the branch would be more than %d deep", maxDepth)
		}
		up, _, err := db.One(ctx, s.db, db.Value[core.MemberID], current("SELECT inviter_id FROM member_inviter WHERE member_id = ?"), at)
		if err != nil {
			return was, fmt.Errorf("read the invite tree: %w", err)
		}
		at = up
	}
	if was, err = s.Origin(ctx, id); err != nil {
		return was, err
	}
	return was, nil
}
