package site

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

// download answers with the member's own .torrent.
func (s *server) download(v *web.Visit) error { return s.personal.Send(v, v.Param("id")) }

// downloadClassic is download under the address that announce lines lead to.
func (s *server) downloadClassic(v *web.Visit) error { return s.personal.Send(v, v.Query("id")) }
