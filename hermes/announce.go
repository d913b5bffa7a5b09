package hermes

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Announce is what one line in the announce channel says.
type Announce struct {
	Title     string
	Year      int
	Category  string
	Format    string
	Archive   string
	License   string
	Size      core.Bytes
	Uploader  string // "" or "Anonymous" where no name is shown
	Freeleech bool   // what counts when the line is sent, not the torrent's own state
	Group     core.GroupID
	Torrent   core.TorrentID
	Tags      []string
	SiteURL   string // without a slash at its end
}

// maxMessage is a line of RFC 2812 without its end: prefix, command and all.
const maxMessage = 510

const (
	maxField = 48  // of format, archive, licence and category, in bytes
	maxTags  = 100 // of all tags together
)

// AnnounceLine is the one shape of line in the announce channel:
//
//	TITLE [YYYY] [CATEGORY] - FORMAT / ARCHIVE / LICENCE / SIZE / Uploader: NAME[ / Freeleech!] - SITE/torrents.php?id=G / SITE/torrents.php?action=download&id=T - tag,tag
//
// It is plain text of at most limit bytes. Consumers read it from its end, so a title that
// is too long is cut, with "…", but never what follows it. There is at least one tag,
// because IRC libraries drop a blank at the end.
func AnnounceLine(a Announce, limit int) string {
	var tail strings.Builder
	fmt.Fprintf(&tail, " [%04d] [%s] - %s / %s / %s / %s / Uploader: %s", min(max(a.Year, 0), 9999),
		field(a.Category), field(a.Format), field(a.Archive), field(a.License), a.Size, uploader(a.Uploader))
	if a.Freeleech {
		tail.WriteString(" / Freeleech!")
	}
	fmt.Fprintf(&tail, " - %s/torrents.php?id=%d / %s/torrents.php?action=download&id=%d - ", a.SiteURL, a.Group, a.SiteURL, a.Torrent)
	const shortestTitle = 24
	room := limit - tail.Len() - shortestTitle
	tags := joinTags(a.Tags, min(room, maxTags))
	title := text.Clean(a.Title)
	if title == "" {
		title = "Untitled"
	}
	return text.Cut(title, max(limit-tail.Len()-len(tags), len("…"))) + tail.String() + tags
}

// field makes a value fit between the separators of the line: nothing in it can be taken
// for one of them.
func field(s string) string {
	s = strings.NewReplacer("[", "(", "]", ")", " / ", "/", " - ", "-").Replace(text.Clean(s))
	s = strings.Trim(s, " /-")
	if s == "" {
		return "Other"
	}
	return text.Cut(s, maxField)
}

func uploader(name string) string {
	name = strings.ReplaceAll(text.Clean(name), " ", "_")
	if name == "" {
		return "Anonymous"
	}
	return name
}

var notInTag = regexp.MustCompile(`[^a-z0-9]+`)

// joinTags joins as many tags as fit into room bytes, but at least one.
func joinTags(tags []string, room int) string {
	joined := ""
	for _, t := range tags {
		t = notInTag.ReplaceAllString(strings.ToLower(t), ".")
		t = text.Cut(strings.Trim(t, "."), maxField)
		t = strings.Trim(strings.TrimSuffix(t, "…"), ".")
		switch {
		case t == "":
		case joined == "":
			joined = t
		case len(joined)+1+len(t) <= room:
			joined += "," + t
		}
	}
	if joined == "" {
		return "untagged"
	}
	return joined
}
