package catalog

import (
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
