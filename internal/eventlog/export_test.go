package eventlog

// Unlearn makes l the log of an older program, which does not know a kind.
func (l *Log) Unlearn(b Body) *Log {
	delete(l.kinds, b.EventKind())
	return l
}

// Bodies is the table of kinds.
var Bodies = bodies
