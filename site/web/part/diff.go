package part

// DiffLine is a line of a comparison of two texts.
type DiffLine struct {
	Kind DiffKind
	Text string
}

// DiffKind says what became of a line.
type DiffKind string

// What may become of a line.
const (
	Same    DiffKind = "same"
	Added   DiffKind = "added"
	Removed DiffKind = "removed"
	Skipped DiffKind = "skipped" // stands for unchanged lines that are not shown
)
