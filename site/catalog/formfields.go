package catalog

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// groupFields is what the template of a group's fields draws.
type groupFields struct {
	V      dataset.GroupValues
	Rules  catalog.Rules
	Errors web.FormErrors
}

// torrentFields is what the template of a torrent's fields draws.
type torrentFields struct {
	V          dataset.TorrentValues
	Vocabulary catalog.Vocabulary
	Errors     web.FormErrors
}

// GroupFields is for the template.
func (p uploadPage) GroupFields() groupFields {
	return groupFields{V: p.GroupValues, Rules: p.Rules, Errors: p.Errors}
}

// TorrentFields is for the template.
func (p uploadPage) TorrentFields() torrentFields {
	return torrentFields{V: p.TorrentValues, Vocabulary: p.Vocabulary, Errors: p.Errors}
}

// Fields is for the template.
func (p editGroupPage) Fields() groupFields {
	return groupFields{V: p.Values, Rules: p.Rules, Errors: p.Errors}
}

// CategoryChoices is for the template.
func (p editGroupPage) CategoryChoices() []web.Choice {
	out := make([]web.Choice, len(p.Categories))
	for i, c := range p.Categories {
		out[i] = web.Choice{Value: strconv.FormatInt(c.ID, 10), Text: c.Name}
	}
	return out
}

// Fields is for the template.
func (p editTorrentPage) Fields() torrentFields {
	return torrentFields{V: p.Values, Vocabulary: p.Vocabulary, Errors: p.Errors}
}
