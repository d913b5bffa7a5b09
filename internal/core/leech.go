package core

// Leech says how transfer on a torrent is counted.
type Leech string

// The leech states. What members call freeleech is LeechFree.
const (
	LeechNormal  Leech = "normal"  // upload and download count
	LeechNeutral Leech = "neutral" // neither counts
	LeechFree    Leech = "free"    // upload counts, download does not
)

// Valid reports whether l is one of the three states.
func (l Leech) Valid() bool { return l == LeechNormal || l == LeechNeutral || l == LeechFree }

// Words is what people call the state.
func (l Leech) Words() string {
	switch l {
	case LeechFree:
		return "freeleech"
	case LeechNeutral:
		return "neutral leech"
	default:
		return "normal"
	}
}

// Better returns whichever of a and b is better for the member who downloads:
// free before neutral before normal.
func (l Leech) Better(other Leech) Leech {
	if other.rank() > l.rank() {
		return other
	}
	return l
}

// Counts returns what of a transfer counts.
func (l Leech) Counts(up, down Bytes) (Bytes, Bytes) {
	switch l {
	case LeechFree:
		return up, 0
	case LeechNeutral:
		return 0, 0
	default:
		return up, down
	}
}

func (l Leech) rank() int {
	switch l {
	case LeechFree:
		return 2
	case LeechNeutral:
		return 1
	default:
		return 0
	}
}
