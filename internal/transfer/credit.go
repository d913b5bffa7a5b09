package transfer

import "fmt"

// Credit says in words why what was credited for a torrent differs from its size, a
// sentence for each reason. It is never empty.
func (o Own) Credit() (why []string) {
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if !o.Announced {
		return []string{"None of your clients has announced it yet, so nothing is credited."}
	}
	have := max(o.Size-o.Left, 0)
	switch down := o.Counted.Down; {
	case down == 0 && o.Left == 0 && o.Mine:
		say("You uploaded it, so you had nothing to download.")
	case down == 0 && o.Left == 0:
		say("Nothing was downloaded: your client had all of it already when it first announced.")
	case down == 0 && o.Left >= o.Size:
		say("Nothing was downloaded yet.")
	case down > have:
		say("%s more was downloaded than you have of it: pieces that fail their check are downloaded again, and so is what was deleted.", down-have)
	case down < have:
		say("%s of what you have was not downloaded while this tracker counted: it was there already, or it was transferred before the first announce or after a restart of the client.", have-down)
	}
	if o.Left > 0 {
		say("%s of %s are still missing.", o.Left, o.Size)
	}
	if not := o.Counted.Down - o.Credited.Down; not > 0 {
		say("%s of the download do not count: freeleech or neutral leech held.", not)
	}
	if not := o.Counted.Up - o.Credited.Up; not > 0 {
		say("%s of the upload do not count: neutral leech held.", not)
	}
	if up := o.Counted.Up; o.Size > 0 && up > o.Size {
		say("You uploaded its size %.1f times over: upload to each member counts.", float64(up)/float64(o.Size))
	}
	if c := o.Cut; c.Outcome == Clamped {
		say("On %s more was announced than can be: of %s up and %s down, %s up and %s down count.", when(c.At), c.Announced.Up, c.Announced.Down, c.Credited.Up, c.Credited.Down)
	}
	if len(why) == 0 {
		say("All of it counts.")
	}
	return why
}
