package v1

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

func (h handlers) download(v *web.Visit) error { return h.Personal.Send(v, v.Param("id")) }
