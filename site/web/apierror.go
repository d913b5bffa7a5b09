package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// APIFailure is every answer of the API that is no success.
type APIFailure struct {
	Error APIError `json:"error"`
}

// APIError is what went wrong, and in which fields.
type APIError struct {
	Code     core.Code         `json:"code"`
	Text     string            `json:"text"`
	Fields   map[string]string `json:"fields,omitempty"`
	Existing *APIExisting      `json:"existing,omitempty"`
}

// APIExisting points at what holds the same data already.
type APIExisting struct {
	Torrent core.TorrentID `json:"torrent_id"`
	Group   core.GroupID   `json:"group_id"`
	URL     string         `json:"url"`
}

// apiFailure answers a program with an error.
func (s *Site) apiFailure(v *Visit, status int, err error) error {
	if status == http.StatusUnauthorized {
		v.SetHeader("WWW-Authenticate", `Bearer realm="api"`)
	}
	return v.JSON(status, APIFailure{Error: s.apiErrorOf(err)})
}

func (s *Site) apiErrorOf(err error) APIError {
	out := APIError{Code: core.CodeOf(err), Text: core.SafeText(err)}
	var dup *catalog.DuplicateError
	if errors.As(err, &dup) && dup.Torrent != 0 {
		out.Existing = &APIExisting{Torrent: dup.Torrent, Group: dup.Group, URL: s.Permalink(dup.Torrent)}
	}
	if faults, ok := Mistakes(err); ok {
		var texts []string
		for _, f := range faults {
			if f.Field == "" {
				continue
			}
			if out.Fields == nil {
				out.Fields = map[string]string{}
			}
			if out.Fields[f.Field] == "" {
				out.Fields[f.Field] = f.Text
				texts = append(texts, f.Field+": "+f.Text)
			}
		}
		if len(texts) > 0 {
			out.Text = strings.Join(texts, " ")
		}
	}
	return out
}
