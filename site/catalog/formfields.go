package catalog

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/text"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// groupFields is what the template of a group's fields draws.
type groupFields struct {
	V      dataset.GroupValues
	Rules  catalog.Rules
	Errors web.FormErrors
}

// DescriptionHint is for the template.
func (groupFields) DescriptionHint() string {
	return textHint("What the data is, how it was made, how to read it.", text.Description)
}

// torrentFields is what the template of a torrent's fields draws.
type torrentFields struct {
	V          dataset.TorrentValues
	Vocabulary catalog.Vocabulary
	Errors     web.FormErrors
}

// NotesHint is for the template.
func (torrentFields) NotesHint() string {
	return textHint("Methods, equipment, what differs from other versions.", text.Note)
}

// textHint says what belongs into a text, and how long it may be.
func textHint(what string, k text.Kind) string {
	return fmt.Sprintf("hint=%s Up to %s characters. Markdown works; pictures and HTML do not.", what, web.Grouped(int64(k.Limits().Chars)))
}
